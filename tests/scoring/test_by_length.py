"""BLEU by length of the source."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.scoring.by_length import bleu_by_length
from seq2seq.scoring.scores import corpus_bleu

SHORT, LONG = "one two three four five", "a b c d e f g h i j k l"


def test_each_bin_is_scored_by_itself():
    references = [SHORT, LONG, LONG]
    wrong = [SHORT, "x y", LONG]
    found = bleu_by_length(references, {"right": references, "wrong": wrong}, references, (1, 6))
    assert found.bins == [(1, 5), (6, 12)]
    assert found.counts.tolist() == [1, 2]
    np.testing.assert_allclose(found.scores["right"], 100)
    np.testing.assert_allclose(found.scores["wrong"], [100, corpus_bleu(["x y", LONG], [LONG] * 2)])
    assert found.scores["wrong"][1] < 99  # control: the bins differ


def test_sources_without_spaces_are_counted_in_characters():
    sources, texts = ["我读书", "我 今天在家里读一本很老的书"], ["a", "b"]
    found = bleu_by_length(sources, {"a": texts}, texts, source_language="zh")
    assert (found.bins, found.counts.tolist()) == ([(1, 10), (11, 20)], [1, 1])
    words = bleu_by_length(sources, {"a": texts}, texts)  # the control
    assert (words.bins, words.counts.tolist()) == ([(1, 5)], [2])


def test_any_of_several_references_is_right_and_a_blank_one_is_none():
    references, ours = [SHORT, LONG], ["five four three two one", "x y"]
    others = [[ours[0], " "]]
    found = bleu_by_length(references, {"a": ours}, references, (1, 6), None, others)
    np.testing.assert_allclose(found.scores["a"], [100, corpus_bleu(["x y"], [LONG])])
    alone = bleu_by_length(references, {"a": ours}, references, (1, 6))
    assert alone.scores["a"][0] < 99  # control


def test_bins_without_sentences_and_sentences_without_words_are_left_out():
    texts = ["", SHORT]
    found = bleu_by_length(texts, {"a": texts}, texts, (1, 3, 5, 7))
    assert found.bins == [(5, 6)]
    assert found.counts.tolist() == [1]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_every_sentence_with_words_is_in_one_bin(lengths):
    texts = [" ".join(["word"] * length) for length in lengths]
    found = bleu_by_length(texts, {"a": texts}, texts)
    assert found.counts.sum() == len(texts)
    for (shortest, longest), count in zip(found.bins, found.counts, strict=True):
        assert count == sum(shortest <= length <= longest for length in lengths)


@pytest.mark.parametrize(
    "sources, systems, references, edges",
    [
        (["a"], {"s": ["a", "b"]}, ["a"], (1,)),
        (["a"], {"s": ["a"]}, ["a", "b"], (1,)),
        (["a"], {"s": ["a"]}, ["a"], ()),
        (["a"], {"s": ["a"]}, ["a"], (3, 3)),
        (["a"], {"s": ["a"]}, ["a"], (2,)),
    ],
)
def test_what_cannot_be_binned_is_refused(sources, systems, references, edges):
    with pytest.raises(ValueError):
        bleu_by_length(sources, systems, references, edges)


def test_each_reference_file_has_a_line_for_each_source():
    with pytest.raises(ValueError, match="lines; each side needs one a line"):
        bleu_by_length(["a"], {"s": ["a"]}, ["a"], others=[["a", "b"]])
