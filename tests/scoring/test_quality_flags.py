"""A reader is pointed at what went wrong, and left alone where nothing did."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.scoring.quality_flags import LEAST_ATTENTION, Flag, flags, words

EOS = "</s>"
READ = ["▁The", "▁brown", "▁dog", "s", "▁sleep", ".", EOS]
WRITTEN = ["▁Die", "▁braune", "n", "▁Hunde", "▁schlafen", ".", EOS]
LETTERS = st.text(st.sampled_from("abcdefgh"), min_size=1, max_size=3)
PIECES = st.lists(
    st.sampled_from(
        ["▁", "▁a", "▁b", "a", "ö", ".", "▁-", EOS, "▁▁", "<0x41>", "<0xC3>", "<0xB6>"]
    ),
    max_size=20,
)


def in_order(rows, columns):
    """Each target piece reads the source piece at its own place, the last one those after it."""
    weights = np.zeros((rows, columns))
    for column in range(columns):
        weights[min(column, rows - 1), column] = 1
    return weights


def reading(**attention):
    """Weights for READ and WRITTEN with some source pieces read with another sum."""
    weights = in_order(len(WRITTEN), len(READ))
    for name, total in attention.items():
        weights[:, [piece.strip("▁") for piece in READ].index(name)] = total / len(WRITTEN)
    return weights


def kinds(found):
    return [flag.kind for flag in found]


def said(text):
    """Flags on an output of whole words, for a source as long."""
    pieces = [f"▁{word}" for word in text.split()] + [EOS]
    return flags(pieces, pieces, in_order(len(pieces), len(pieces)), ended=True)


def lengths(source, target):
    pieces = [[f"▁{number}" for number in range(n)] + [EOS] for n in (source, target)]
    return flags(*pieces, np.zeros((target + 1, 0)), ended=True)


def test_a_translation_that_reads_all_and_ends_has_no_flags():
    assert flags(READ, WRITTEN, reading(), ended=True) == []


def test_words_without_attention_are_named_in_order():
    found = flags(READ, WRITTEN, reading(brown=0, sleep=0), ended=True)
    # "sleep." keeps the attention to its full stop.
    assert found == [Flag("unread_source", 'no attention to "brown"')]
    weights = reading(The=0, brown=0, dog=0, s=0)
    found = flags(READ, WRITTEN, weights, ended=True)
    assert found == [Flag("unread_source", 'no attention to "The", "brown", "dogs"')]


@pytest.mark.parametrize(("factor", "unread"), [(0.9, True), (1.1, False)])
def test_attention_counts_over_all_pieces_of_a_word_and_all_of_the_output(factor, unread):
    half = factor * LEAST_ATTENTION / 2
    found = flags(READ, WRITTEN, reading(dog=half, s=half), ended=True)
    assert kinds(found) == ["unread_source"] * unread


@pytest.mark.parametrize(
    ("mark", "unread"), [("-", False), ("...", False), ("€", True), ("5", True)]
)
def test_punctuation_need_not_be_read(mark, unread):
    source = ["▁a", f"▁{mark}", EOS]
    weights = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert kinds(flags(source, ["▁a", EOS], weights, True)) == ["unread_source"] * unread


def test_the_end_of_the_source_need_not_be_read():
    weights = reading()
    weights[:, -1] = 0
    assert flags(READ, WRITTEN, weights, ended=True) == []


def test_a_network_without_attention_reads_nothing_and_is_not_blamed():
    for columns in (0, len(READ)):  # as the search gives it, and as figures do
        assert flags(READ, WRITTEN, np.zeros((len(WRITTEN), columns)), ended=True) == []
    at_the_end = 0 * reading()
    at_the_end[:, -1] = 1
    assert kinds(flags(READ, WRITTEN, at_the_end, ended=True)) == ["unread_source"]


@pytest.mark.parametrize(
    ("text", "details"),
    [
        ("a dog dog dog runs", ['"dog" 3 times in a row']),
        ("dog dog dog dog dog dog dog dog", ['"dog" 8 times in a row']),
        ("a red a red a red car", ['"a red" 3 times in a row']),
        ("he is in the car in the car now", ['"in the car" 2 times in a row']),
        ("in the car in the car in the car", ['"in the car" 3 times in a row']),
        ("a b c d e f g h a b c d e f g h", ['"a b c d e f g h" 2 times in a row']),
        ("It stops, it stops. It stops!", ['"It stops," 3 times in a row']),
        ("! ! !", ['"!" 3 times in a row']),
        ("no no no but yes yes yes", ['"no" 3 times in a row', '"yes" 3 times in a row']),
        (
            "so so so a so so so a",
            ['"so" 3 times in a row', '"so so so a" 2 times in a row', '"so" 3 times in a row'],
        ),
        ("यह यह यह", ['"यह" 3 times in a row']),
    ],
)
def test_each_loop_is_quoted_by_its_shortest_phrase(text, details):
    assert said(text) == [Flag("repeated_phrase", detail) for detail in details]


@pytest.mark.parametrize(
    "text",
    [
        "a dog dog runs",
        "a red a red car",
        "a dog and a dog or another dog",
        "in the car and in the car",
        "a b c d e f g h i a b c d e f g h i",  # longer than any phrase that is looked for
        "dog a dog b dog",
        "कि की का",  # alike but for their vowel signs
    ],
)
def test_what_people_say_twice_is_not_flagged(text):
    assert said(text) == []


def test_repetition_is_seen_across_other_segmentations():
    pieces = ["▁dog", "▁do", "g", ",", "▁d", "<0x6F>", "g", EOS]
    found = flags(pieces, pieces, np.zeros((8, 0)), ended=True)
    assert found == [Flag("repeated_phrase", '"dog" 3 times in a row')]


@settings(deadline=None)
@given(
    st.lists(LETTERS, min_size=1, max_size=8),
    st.integers(1, 5),
    st.lists(LETTERS, max_size=6),
    st.lists(LETTERS, max_size=6),
)
def test_a_loop_is_found_wherever_it_stands(phrase, times, before, after):
    found = said(" ".join([*before, *phrase * times, *after]))
    if times >= (2 if len(phrase) >= 3 else 3):
        assert "repeated_phrase" in kinds(found)


@settings(deadline=None)
@given(st.lists(LETTERS, unique=True, max_size=30))
def test_words_that_differ_are_never_a_loop(different):
    assert "repeated_phrase" not in kinds(said(" ".join(different)))


@pytest.mark.parametrize(
    ("source", "target", "odd"),
    [
        (4, 12, False),
        (4, 13, True),
        (12, 4, False),
        (13, 4, True),
        (1, 5, False),
        (5, 1, False),
        (1, 6, True),
        (6, 1, True),
        (0, 6, True),
        (6, 0, True),
        (0, 0, False),
    ],
)
def test_an_odd_length_is_told_with_both_lengths(source, target, odd):
    expected = [Flag("odd_length", f"{target} subwords for {source}")] if odd else []
    assert lengths(source, target) == expected


def test_an_output_that_did_not_end_is_told():
    (flag,) = flags(READ, WRITTEN[:-1], reading()[:-1], ended=False)
    assert flag == Flag("cut_short", "stopped at the length limit, after 6 subwords")


@pytest.mark.parametrize("shape", [(7,), (7, 6), (6, 7), (6, 0), (7, 7, 1)])
def test_weights_of_other_pieces_are_refused(shape):
    with pytest.raises(ValueError, match="7 target and 7 source pieces"):
        flags(READ, WRITTEN, np.zeros(shape), ended=True)


def test_words_are_pieces_up_to_the_next_word_start():
    assert words(READ) == [("The", [0]), ("brown", [1]), ("dogs", [2, 3]), ("sleep.", [4, 5])]
    assert words(["s", "▁", "A", EOS]) == [("s", [0]), ("A", [1, 2])]
    assert words([EOS]) == words([]) == []


def test_bytes_are_shown_as_their_characters():
    emoji = ["<0xF0>", "<0x9F>", "<0x98>", "<0x80>"]
    assert words(["▁a", *emoji, "b"]) == [("a😀b", [0, 1, 2, 3, 4, 5])]
    space = ["<0xE2>", "<0x96>", "<0x81>"]  # of a word that is unknown as a whole
    assert words(["▁a", *space, *emoji]) == [("a", [0]), ("😀", [1, 2, 3, 4, 5, 6, 7])]


def test_bytes_that_make_no_character_are_shown_as_they_are():
    assert words(["▁a", "<0xC3>", "▁b"]) == [("a<0xC3>", [0, 1]), ("b", [2])]
    assert words(["<0x9F>", "<0xC3>", "<0xB6>"]) == [("<0x9F>ö", [0, 1, 2])]
    assert words(["<0xED>", "<0xA0>", "<0x80>"])[0][0] == "<0xED><0xA0><0x80>"  # a surrogate


@settings(deadline=None)
@given(PIECES)
def test_each_piece_but_the_end_is_in_one_word_in_order(pieces):
    numbers = [number for _, each in words(pieces) for number in each]
    assert numbers == [number for number, piece in enumerate(pieces) if piece != EOS]
    assert all(numbers for _, numbers in words(pieces))


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("aö😀中"), min_size=1), max_size=5))
def test_text_in_bytes_is_the_text(texts):
    pieces = [f"<0x{byte:02X}>" for byte in "".join(f"▁{text}" for text in texts).encode()]
    assert [text for text, _ in words(pieces)] == texts


@settings(deadline=None)
@given(PIECES, PIECES, st.booleans(), st.booleans())
def test_any_pieces_are_judged(source, target, attention, ended):
    weights = np.zeros((len(target), len(source) if attention else 0))
    found = kinds(flags(source, target, weights, ended))
    assert ("cut_short" in found) == (not ended)
    assert attention or "unread_source" not in found


@pytest.mark.parametrize("piece", ["▁a", "a", "<0xC3>"])
def test_time_grows_with_the_length_alone(piece):
    pieces = [piece] * 50_000
    start = time.process_time()
    flags(pieces, pieces, np.zeros((50_000, 0)), ended=True)
    assert time.process_time() - start < 5  # a fraction of a second; anything quadratic: minutes
