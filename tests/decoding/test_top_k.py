"""The best continuations of hypotheses, and what stands where there are fewer."""

import numpy as np
from keras import ops

from seq2seq.decoding.step import LOG_ZERO
from seq2seq.decoding.top_k import best_continuations


def test_what_is_no_choice_has_an_id_of_the_vocabulary():
    """Filled-up places of the output layer have no embedding to go on from."""
    logits = np.full((1, 2, 64), LOG_ZERO, np.float32)
    logits[:, :, [3, 5, 9]] = 1.0
    found, ids = map(np.array, best_continuations(ops.convert_to_tensor(logits), 3, 10))
    assert set(ids.flatten().tolist()) == {3, 5, 9}
    assert np.all((found > LOG_ZERO) == (ids != 3))
