"""The runners-up of a token, and the neighbours of an embedding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.inspection.alternatives import alternatives
from seq2seq.inspection.neighbours import nearest

LOGS = np.log([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25]])


def test_the_likeliest_come_first_and_the_written_one_has_its_rank():
    found = alternatives(LOGS, [2, 0], 2)
    np.testing.assert_array_equal(found.ids, [[1, 2], [0, 1]])
    np.testing.assert_allclose(found.probabilities, [[0.6, 0.3], [0.5, 0.25]])
    np.testing.assert_allclose(found.written, [0.3, 0.5])
    np.testing.assert_array_equal(found.ranks, [1, 0])


def test_no_more_alternatives_than_there_are_tokens():
    assert alternatives(LOGS, [0, 0], 9).ids.shape == (2, 3)


@pytest.mark.parametrize(("ids", "count"), [([0], 1), ([0, 1], 0), ([0, 3], 1), ([-1, 0], 1)])
def test_tokens_that_do_not_fit_are_refused(ids, count):
    with pytest.raises(ValueError, match="tokens, log-probabilities of 2|vocabulary 3"):
        alternatives(LOGS, ids, count)


def test_neighbours_by_hand():
    embeddings = np.array([[1.0, 0], [2, 2], [-3, 0], [0, 5], [7, 0], [0, 0]])
    ids, similarities = nearest(embeddings, 0, 5)
    np.testing.assert_array_equal(ids, [4, 1, 3, 5, 2])
    np.testing.assert_allclose(similarities, [1, 0.5**0.5, 0, 0, -1], atol=1e-12)
    ids, similarities = nearest(embeddings, 5, 2)
    assert ids.tolist() == [0, 1] and similarities.tolist() == [0, 0]


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 6), st.integers(1, 40), st.integers(0, 10**6))
def test_neighbours_are_ordered_others_and_do_not_depend_on_lengths(rows, size, count, seed):
    random = np.random.default_rng(seed)
    embeddings = random.normal(size=(rows, size))
    row = int(random.integers(rows))
    ids, similarities = nearest(embeddings, row, count)
    assert len(ids) == min(count, rows - 1) == len(set(ids.tolist()) - {row})
    assert (np.diff(similarities) <= 1e-12).all() and (np.abs(similarities) <= 1).all()
    scaled = nearest(embeddings * random.uniform(0.5, 2, (rows, 1)), row, count)
    np.testing.assert_allclose(scaled[1], similarities, atol=1e-9)


@pytest.mark.parametrize(("row", "count"), [(-1, 1), (3, 1), (0, 0)])
def test_a_row_that_does_not_exist_is_refused(row, count):
    with pytest.raises(ValueError, match="neighbours of row"):
        nearest(np.ones((3, 2)), row, count)
