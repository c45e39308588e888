"""Words of any script are found, counted and kept."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.data.source_words import MOST_WORDS, SourceWords, UnseenTally, count_words, words_of

TEXT = st.text(max_size=60)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("नमस्ते, दुनिया!", ["नमस्ते", "दुनिया"]),  # vowel signs and viramas are marks
        ("می\u200cخواهم كتابٌ", ["می\u200cخواهم", "كتابٌ"]),
        ("한국어 단어", ["한국어", "단어"]),
        ("コーヒーを2杯 OK", [*"コーヒーを杯", "OK"]),
        ("ไทย", [*"ไทย"]),
        ("3.14 - 2024 ... 2nd", ["2nd"]),
        ("l'école ﬁnie", ["l", "école", "finie"]),
        ("", []),
    ],
)
def test_words_of_a_script(text, words):
    assert words_of(text) == [unicodedata.normalize("NFKC", word) for word in words]


@given(TEXT)
def test_words_hold_every_letter_once_and_in_order(text):
    letters = [c for c in unicodedata.normalize("NFKC", text) if c.isalpha()]
    assert [c for word in words_of(text) for c in word if c.isalpha()] == letters


@given(st.lists(TEXT, max_size=8))
def test_nothing_of_a_counted_text_is_unseen_and_its_bytes_are_its_words(texts):
    known = count_words(texts)
    for text in texts:
        assert UnseenTally(known).add(text) == []
    again = SourceWords.from_bytes(known.to_bytes())
    assert again == known
    assert again.to_bytes() == count_words(reversed(texts)).to_bytes()


def test_unseen_words_are_named_as_they_are_written_and_counted_each_time():
    tally = UnseenTally(count_words(["The dog sleeps.", "THE CAT"]))
    assert tally.add("the Wombat, the wombat and a dog") == ["Wombat", "wombat", "and", "a"]
    assert tally.add("Wombat!") == ["Wombat"]
    assert (tally.words, tally.unseen) == (8, 5)
    assert tally.examples == {"wombat": 3, "and": 1, "a": 1}


def test_however_many_words_are_unseen_few_are_kept(monkeypatch):
    monkeypatch.setattr("seq2seq.data.source_words.MOST_EXAMPLES", 3)
    tally = UnseenTally(count_words(["the"]))
    for word in ("one", "two", "x" * 1000, "four", "two", "five"):
        assert tally.add(word) == [word]
    assert tally.unseen == 6
    assert tally.examples == {"one": 1, "two": 2, "x" * 100: 1}


def test_the_most_frequent_words_come_first(monkeypatch):
    known = count_words(["b a a c b a"])
    assert known.to_bytes() == b"a\t3\nb\t2\nc\t1\n"
    monkeypatch.setattr("seq2seq.data.source_words.MOST_WORDS", 2)
    assert SourceWords.from_bytes(known.to_bytes()).counts == {"a": 3, "b": 2}
    assert MOST_WORDS > 2  # control: before, all were kept


@pytest.mark.parametrize("data", [b"words", b"a b\n", b"a\tb\n", b"\xff\t1\n"])
def test_damaged_bytes_are_refused(data):
    with pytest.raises(ValueError, match="not a list of words"):
        SourceWords.from_bytes(data)
    with pytest.raises(ValueError, match="its last line has no end"):
        SourceWords.from_bytes(count_words(["a"]).to_bytes()[:-1])


def test_a_line_of_digits_takes_a_time_proportional_to_its_length():
    before = time.process_time()
    assert words_of("1" * 500_000 + " a") == ["a"]
    assert time.process_time() - before < 2
