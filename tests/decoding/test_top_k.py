"""The best continuations of hypotheses, and what stands where there are fewer."""

import numpy as np
import pytest
from keras import ops

from seq2seq.decoding.step import LOG_ZERO
from seq2seq.decoding.top_k import best_continuations, top_ids


def test_what_is_no_choice_has_an_id_of_the_vocabulary():
    """Filled-up places of the output layer have no embedding to go on from."""
    logits = np.full((1, 2, 64), LOG_ZERO, np.float32)
    logits[:, :, [3, 5, 9]] = 1.0
    found, ids = map(np.array, best_continuations(ops.convert_to_tensor(logits), 3, 10))
    assert set(ids.flatten().tolist()) == {3, 5, 9}
    assert np.all((found > LOG_ZERO) == (ids != 3))


@pytest.mark.parametrize("vocabulary", [5, 100, 320, 321, 640, 1000])
def test_of_equal_logits_the_lower_ids_come_first(vocabulary):
    """Whether the vocabulary is looked through at once or block by block."""
    random = np.random.default_rng(vocabulary)
    share = [0.98, 0.01, 0.006, 0.004]
    logits = random.choice(4, (8, 3, vocabulary), p=share).astype(np.float32)
    found, ids = map(np.array, top_ids(ops.convert_to_tensor(logits), 5))
    expected = np.argsort(-logits, axis=-1, kind="stable")[..., :5]
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(found, np.take_along_axis(logits, expected, axis=-1))


def test_the_end_takes_no_place_among_the_best_others():
    logits = np.zeros((1, 1, 8), np.float32)
    logits[..., [2, 4, 6]] = 3, 2, 1
    found, ids = map(np.array, best_continuations(ops.convert_to_tensor(logits), 2, 2))
    assert ids[0, 0][found[0, 0] > LOG_ZERO].tolist() == [4, 6]
