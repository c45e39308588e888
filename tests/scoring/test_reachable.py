"""References that no output can equal, as normalisation and a vocabulary's round trip tell."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seq2seq.config.sections import SubwordConfig
from seq2seq.data.subwords import normalizer, train_subwords
from seq2seq.scoring.reachable import altered, comes_back

RULES = ("nmt_nfkc", "nfkc", "identity")


@pytest.fixture(scope="module")
def vocabularies():
    text = [f"{chr(97 + n % 26)}{n % 7} word {n}" for n in range(300)]
    return {
        rule: train_subwords(text, SubwordConfig(vocabulary_size=300, normalization=rule))
        for rule in RULES
    }


def _words(text):
    return unicodedata.normalize("NFC", text).split()


@pytest.mark.parametrize("rule", RULES)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12))
@example("น้ำ")
@example("好，")
@example("می\u200cروم")
@example("ﬁ ﬁ")
@example("e\u0301")
@example("a\u2581b")
def test_what_comes_back_is_what_ids_become_again(vocabularies, rule, text):
    vocabulary = vocabularies[rule]
    again = vocabulary.decode(vocabulary.encode(text))
    assert comes_back(text, normalizer(rule)) == (_words(again) == _words(text))


@pytest.mark.parametrize(
    ("line", "part", "instead"),
    [
        ("好，世界", "，", ","),
        ("ดื่มน้ำ", "ำ", "ํา"),
        ("می\u200cروم", "\u200c", " "),
        ("So … what", "…", "..."),
        ("el 1º", "º", "o"),
    ],
)
def test_lines_are_counted_with_an_example(line, part, instead):
    found = altered(["plain", "Grüße, “Żółć”.", line, line], normalizer("nmt_nfkc"))
    assert found == (4, 2, (part, instead)) and found.share == 0.5
    assert altered([line], normalizer("identity")) == (1, 0, None)


def test_no_lines_are_none():
    assert altered([], normalizer("nmt_nfkc")).share == 0.0
