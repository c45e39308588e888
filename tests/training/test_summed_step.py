"""Steps over several batches: what one larger batch would do."""

import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config.loading import check_settings
from seq2seq.training.summed_step import SummedOptimization
from seq2seq.training.train_step import Optimization, seeded

SIDES = ("source", "target")
VOCABULARY = 270
LENGTHS = (6, 2, 9)  # of three batches, so that a mean of their means is no mean over tokens


def optimization(kind, **training):
    """A network of its own seed; clipping acts in its steps."""
    sections = {
        "data": {f"{split}_{side}": side for split in ("train", "validation") for side in SIDES},
        "model": {"units": 8, "embedding_size": 8, "dropout": 0.0},
        "training": {"clip_norm": 0.3, "averaging": 0.9} | training,
    }
    with seeded(3):
        return kind(check_settings(sections, "test settings"), VOCABULARY)


def drawn_batches(draw):
    for length in LENGTHS:
        ids = draw.integers(4, VOCABULARY, (3, 5, length)).astype("int32")
        ids[:, 2, 1:] = 0
        yield tuple(map(tf.constant, ids))


def joined(batches):
    """One batch with the rows of all."""
    longest = max(LENGTHS)
    return tuple(
        tf.concat([tf.pad(ids, [[0, 0], [0, longest - ids.shape[1]]]) for ids in side], axis=0)
        for side in zip(*batches, strict=True)
    )


def after_steps(network, together):
    """Losses, and weights and averages, after some steps over the same text."""
    draw, losses = np.random.default_rng(5), []
    for _ in range(9):  # averages move at the eighth
        batches = list(drawn_batches(draw))
        step = network.step_over([joined(batches)] if together else batches, 0.01)
        losses.append(step.loss)
    values = [*network.translation_weights(), *network.arrays().values()]
    weights = [np.array(each) for each in network._weights]
    return losses, np.concatenate([np.ravel(each) for each in (*values, *weights)])


@pytest.mark.parametrize("consistency", [0.0, 2.0])
def test_several_batches_are_one_larger_one(consistency):
    losses, values = after_steps(optimization(SummedOptimization, consistency=consistency), False)
    one = after_steps(optimization(Optimization, consistency=consistency), True)
    np.testing.assert_allclose(losses, one[0], atol=1e-5)
    np.testing.assert_allclose(values, one[1], atol=1e-5)


def test_control_a_mean_of_means_is_another_step():
    class MeanOfMeans(SummedOptimization):
        def _losses(self, *batch):
            losses = super()._losses(*batch)
            return losses / tf.cast(tf.size(losses), tf.float32) * 25.0  # about the mean size

    _, values = after_steps(optimization(MeanOfMeans), False)
    _, one = after_steps(optimization(Optimization), True)
    assert np.abs(values - one).max() > 1e-3


def test_a_step_says_what_it_was_over():
    batches = list(drawn_batches(np.random.default_rng(5)))
    network = optimization(SummedOptimization)
    tokens = sum(int(np.count_nonzero(batch[2])) for batch in batches)
    assert network.step_over(batches, 0.0)[1:] == (tokens, 3)
    assert network.step_over(batches[:1], 0.0).batches == 1  # sums begin anew
