import re
from html import unescape

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.serving.server.libretranslate.markup import Sentence, lay_out, read_pieces
from seq2seq.serving.server.libretranslate.placement import (
    Alignment,
    spans_of_subwords,
    with_tags,
)


def sentence_of(markup):
    (sentence,) = [each for each in lay_out(read_pieces(markup)) if isinstance(each, Sentence)]
    return sentence


def aligned(source, target, *seen):
    """Word `number` of the target looks at word `seen[number]` of the source."""
    source, target = source.split(), target.split()
    weights = np.full((len(target), len(source)), 0.1 / len(source))
    weights[np.arange(len(target)), seen] += 0.9
    return Alignment(
        [f"\u2581{each}" for each in source], [f"\u2581{each}" for each in target], weights
    )


@pytest.mark.parametrize(
    ("markup", "translation", "seen", "expected"),
    [
        ("a <b>red</b> house", "une maison rouge", (0, 2, 1), "une maison <b>rouge</b>"),
        ("<i>a <b>red</b></i> house", "une maison rouge", (0, 2, 1), None),
        ("<i>all of it</i>", "von allem", (0, 2), "<i>von allem</i>"),
        ("see it<sup/> now", "jetzt sieh es", (2, 0, 1), None),
        ("one <img src=x> two", "EINS ZWEI", (0, 1), "EINS <img src=x>ZWEI"),
        ("one <b></b> two", "EINS ZWEI", (0, 1), "EINS <b></b>ZWEI"),
        ("<b>one</b> <i>two</i>", "ZWEI EINS", (1, 0), "<i>ZWEI</i> <b>EINS</b>"),
        ("<b>unsaid</b> two", "ZWEI DREI", (1, 1), "<b></b>ZWEI DREI"),
    ],
)
def test_tags_follow_the_words(markup, translation, seen, expected):
    sentence = sentence_of(markup)
    found = with_tags(sentence, translation, aligned(sentence.text, translation, *seen))
    assert re.sub("<.*?>", "", found) == translation
    assert sorted(re.findall("<.*?>", found)) == sorted(re.findall("<.*?>", markup))
    assert expected is None or found == expected


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("one<img> two three", "EINS<img> ZWEI DREI"),
        ("one <img>two three", "EINS <img>ZWEI DREI"),
    ],
)
def test_a_point_stays_at_the_word_that_it_stood_at(markup, expected):
    sentence = sentence_of(markup)
    translation = "EINS ZWEI DREI"
    assert with_tags(sentence, translation, aligned("one two three", translation, 0, 1, 2)) == (
        expected
    )


@pytest.mark.parametrize(("most", "expected"), [(0.3, "<b>A</b> B"), (0.1, "<b></b>A B")])
def test_an_element_that_no_word_belongs_to_has_the_one_that_looked_at_it_some(most, expected):
    weights = np.array([[most, 1 - most], [0, 1]])
    alignment = Alignment(["\u2581one", "\u2581two"], ["\u2581A", "\u2581B"], weights)
    assert with_tags(sentence_of("<b>one</b> two"), "A B", alignment) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("\ub098", "\ub294", "<b>\ub098\ub294</b> x"), ("\u79c1", "\u306f", "<b>\u79c1</b>\u306f x")],
    ids=["Korean", "Japanese"],
)
def test_words_of_korean_stay_whole(first, second, expected):
    weights = np.array([[1, 0], [0.4, 0.6], [0, 1]])
    target = [f"\u2581{first}", second, "\u2581x"]
    alignment = Alignment(["\u2581I", "\u2581go"], target, weights)
    assert with_tags(sentence_of("<b>I</b> go"), f"{first}{second} x", alignment) == expected


def test_without_an_alignment_tags_keep_their_order_and_words_their_letters():
    sentence = sentence_of("one <b>two</b> three")
    assert with_tags(sentence, "EINS ZWEI DREI", None) == "EINS <b>ZWEI</b> DREI"
    other = aligned("not this", "NOR THIS", 0, 1)  # does not fit
    assert with_tags(sentence, "EINS ZWEI DREI", other) == "EINS <b>ZWEI</b> DREI"


def test_a_translation_that_looks_like_markup_is_text():
    sentence = sentence_of("a <b>b</b>")
    for alignment in (None, aligned("a b", "<script> &amp;", 0, 1)):
        found = with_tags(sentence, "<script> &amp;", alignment)
        assert "<script>" not in found
        assert unescape(re.sub("</?b>", "", found)) == "<script> &amp;"


@st.composite
def marked(draw):
    """Markup whose words each stand once, its words, and a translation with any alignment."""
    count = draw(st.integers(1, 8))
    tags = draw(
        st.lists(
            st.sampled_from(["<b>", "</b>", "<i>", "</i>", "<img>", "</a>", ""]),
            min_size=count + 1,
            max_size=count + 1,
        )
    )
    words = [f"w{number}" for number in range(count)]
    markup = tags[0] + "".join(f"{word}{tag} " for word, tag in zip(words, tags[1:], strict=True))
    target = [f"T{number}" for number in range(draw(st.integers(1, 8)))]
    weights = draw(
        st.lists(
            st.lists(st.floats(0, 1), min_size=count, max_size=count),
            min_size=len(target),
            max_size=len(target),
        )
    )
    alignment = Alignment(
        [f"\u2581{word}" for word in words], [f"\u2581{word}" for word in target], np.array(weights)
    )
    return markup, " ".join(target), alignment


def nests(markup):
    """Whether every end tag of <b> and <i> closes the last that was opened, as far as they pair."""
    opened = []
    for tag in re.findall("</?[bi]>", markup):
        if tag.startswith("</"):
            if not opened or opened.pop() != tag.replace("/", ""):
                return False
        else:
            opened.append(tag)
    return not opened


@given(marked())
def test_every_tag_is_written_once_and_what_was_nested_stays_so(case):
    markup, translation, alignment = case
    sentence = sentence_of(markup)
    for given_alignment in (alignment, None):
        found = with_tags(sentence, translation, given_alignment)
        assert re.sub("<.*?>", "", found) == translation
        assert sorted(re.findall("<.*?>", found)) == sorted(re.findall("<.*?>", markup))
        assert nests(found) or not nests(markup)


def test_subwords_are_found_in_text_as_it_was_before_it_was_normalised():
    assert spans_of_subwords("Ab cd", ["\u2581ab", "\u2581c", "d"]) == [(0, 2), (3, 4), (4, 5)]
    assert spans_of_subwords("e\u0301t\ufb01", ["\u2581", "\xe9t", "fi"]) == [
        (0, 0),
        (0, 3),
        (3, 4),
    ]
    assert spans_of_subwords("\u20ac1", ["\u2581", "<0xE2>", "<0x82>", "<0xAC>", "1"]) == [
        *((0, 0), (0, 1), (1, 1), (1, 1), (1, 2))
    ]
    assert spans_of_subwords("ab cd", ["\u2581ab"]) is None  # the rest is missing
    assert spans_of_subwords("ab", ["\u2581x"]) is None
