"""Where a prefix is forced, found in a graph and outside."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given
from hypothesis import strategies as st

from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.subwords import Subwords
from seq2seq.decoding.forced_tokens import FREE, NEW_WORD
from seq2seq.translation.graph_prefixes import GraphPrefixes
from seq2seq.translation.prefixes import PrefixPlaces

WORDS = ["der alte Mann", "Der", "Sch", "al", "x", "\u2581", "\U0001f600", "ß", " ", "."]

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=3)


@pytest.fixture(scope="module")
def subwords(trained_run):
    return Subwords.load(trained_run / "subwords.model")


@pytest.fixture(scope="module")
def both(subwords):
    return PrefixPlaces(subwords), GraphPrefixes(subwords), GraphSubwords(subwords)


@given(st.lists(st.lists(st.sampled_from(WORDS) | TEXTS, max_size=5), max_size=4))
@example([])
@example([["Der alte Bä", "cker"], [""], ["Mein al "]])
def test_a_graph_finds_the_places_that_are_found_outside(both, texts):
    plain, in_graph, graph_subwords = both
    texts = ["".join(words) for words in texts]
    tensors = tf.constant(texts, tf.string)
    found = in_graph.of_tensors(tensors, graph_subwords.encode(tensors)).numpy()
    np.testing.assert_array_equal(plain.of_texts(texts), found)


def test_a_last_word_may_be_completed_and_one_before_a_space_may_not(both):
    completed, whole = both[0].of_texts(["Der al", "Der al "])
    count = int((whole[:, 0] >= 0).sum())
    assert (completed[count - 1, 2] > completed[count - 1, 1]) and completed[count, 0] == FREE
    assert not (whole[:count, 2] > whole[:count, 1]).any() and whole[count, 0] == NEW_WORD
