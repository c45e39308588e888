"""Steps of a small network over random batches; as a command, those of one of several workers.

python toy_steps.py HOST:PORT,... INDEX FILE.npz [KIND]
"""

import sys

import numpy as np
import tensorflow as tf

from seq2seq.config.loading import check_settings
from seq2seq.config.workers import Workers
from seq2seq.training.train_step import seeded
from seq2seq.training.workers.cluster import joined
from seq2seq.training.workers.summed_step import SummedOptimization

VOCABULARY = 270
LENGTHS = (6, 2, 9)  # of three batches, so that a mean of their means is no mean over tokens
RATE = 0.01
SIDES = ("source", "target")


class MeanOfMeans(SummedOptimization):
    """Sums of the batches' mean losses: what each worker's own step would give, and wrong."""

    def _losses(self, *batch):
        losses = super()._losses(*batch)
        return losses / tf.cast(tf.size(losses), tf.float32) * 25.0  # about the mean size


def optimization(kind, data=None, **training):
    """A network with weights of its own seed; clipping acts in its steps, and averages move."""
    files = {f"{split}_{side}": "" for split in ("train", "validation") for side in SIDES}
    sections = {
        "data": files | (data or {}),
        "model": {"units": 8, "embedding_size": 8, "dropout": 0.0},
        "training": {"clip_norm": 0.3, "averaging": 0.9} | training,
    }
    with seeded(3):
        return kind(check_settings(sections, "test settings"), VOCABULARY)


def drawn(draw, lengths=LENGTHS):
    """A batch of each length, with rows of unequal numbers of tokens."""
    for length in lengths:
        ids = draw.integers(4, VOCABULARY, (3, 5, length)).astype("int32")
        ids[:, 2, 1:] = 0
        yield tuple(map(tf.constant, ids))


def values_of(network):
    """Weights, averages, moments."""
    values = [*network._weights, *network.translation_weights(), *network.arrays().values()]
    return np.concatenate([np.ravel(each) for each in values])


def steps_of_a_worker(addresses, index, kind=SummedOptimization, steps=20):
    """Losses, and `values_of`, after steps over the rows of each batch that fall to a worker."""
    with joined(Workers(addresses, index, wait=120)) as cluster:
        network = optimization(lambda *given: kind(*given, cluster))
        draw, losses = np.random.default_rng(5), []
        for _ in range(steps):
            (batch,) = drawn(draw, (7,))
            own = tuple(side[index :: len(addresses)] for side in batch)
            losses.append(network.step_over([own], RATE).loss)
        cluster.agree(lambda: None)
        return losses, values_of(network)


if __name__ == "__main__":
    addresses, index, file, *kind = sys.argv[1:]
    kinds = [globals()[name] for name in kind]
    found = steps_of_a_worker(tuple(addresses.split(",")), int(index), *kinds)
    np.savez(file, losses=found[0], values=found[1])
