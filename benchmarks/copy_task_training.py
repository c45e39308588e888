"""A small recurrent network that learns `data_prep.copy_task`; the one recipe for every cell.

network = build_network("lstm", CopyTask(), Recipe())
for measured in train_in_stages(network, [10, 20, 50], 1, CopyTask(), Recipe()):
    ...
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from data_prep.copy_task import PAD, CopyTask
from seq2seq.models.recurrence import Kind, make_recurrence

WINDOW = 20  # steps


@dataclass(frozen=True)
class Recipe:
    """How every network is trained, whatever its cell."""

    units: int = 32  # of the one recurrent layer
    steps: int = 400  # at each distance, at most
    enough: float = 0.03  # nats: below this mean loss of the last `WINDOW` steps, training ends
    batch: int = 32  # sequences a step
    learning_rate: float = 0.003  # of Adam
    clip_norm: float = 1.0  # of all gradients together
    tested: int = 1000  # new sequences, at each distance


@dataclass(frozen=True)
class Measured:
    """What a network could do after it was trained at a distance."""

    distance: int
    accuracy: float  # 0 to 1, on sequences that it never saw
    steps: int  # of training
    seconds: float  # of training, compilation included


def build_network(kind: Kind, task: CopyTask, recipe: Recipe, seed: int) -> keras.Model:
    """A network `ids` (B, T) -> scores of the symbols (B, symbols), read after the last real step.

    One-hot vectors go into one recurrent layer of the kind, as `make_recurrence` makes it by
    default (orthogonal recurrent kernel, forget gate's bias 1), and its last output into a dense
    layer. The network is compiled with Adam.
    """
    keras.utils.set_random_seed(seed)
    ids = keras.Input((None,), dtype="int32", name="ids")
    vectors = ops.one_hot(ids, task.vocabulary_size)
    recurrence = make_recurrence(kind, recipe.units, name="recurrence")
    _, states = recurrence(vectors, ops.not_equal(ids, PAD))
    scores = keras.layers.Dense(task.symbols, name="scores")(states[0])
    network = keras.Model(ids, scores, name=kind)
    network.compile(
        keras.optimizers.Adam(recipe.learning_rate, global_clipnorm=recipe.clip_norm),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True,  # two to three times as fast on TensorFlow as a loop of small operations
    )
    return network


def train_in_stages(
    network: keras.Model, distances: Sequence[int], seed: int, task: CopyTask, recipe: Recipe
) -> Iterator[Measured]:
    """Trains at each distance in turn, from what was learnt at the one before, and tests there.

    Sequences depend on seed and distance alone: networks with the same seed see the same.
    """
    for distance in distances:
        started = time.monotonic()
        steps = len(train(network, distance, seed, task, recipe))
        seconds = time.monotonic() - started
        yield Measured(distance, accuracy(network, distance, seed, task, recipe), steps, seconds)


def train(
    network: keras.Model, distance: int, seed: int, task: CopyTask, recipe: Recipe
) -> list[float]:
    """Trains at distances drawn evenly from 1 to `distance`; returns each step's loss, in nats.

    Ends when the loss is small, because training on at a loss near 0 was seen to undo what was
    learnt, or when steps run out.
    """
    random = np.random.default_rng([seed, distance, 0])
    losses: list[float] = []
    for _ in range(recipe.steps):
        distances = random.integers(1, distance + 1, recipe.batch)
        distances[0] = distance  # so that every batch has one shape
        ids, answers = task.batch(distances, random)
        losses.append(float(network.train_on_batch(ids, answers)))
        if len(losses) >= WINDOW and np.mean(losses[-WINDOW:]) < recipe.enough:
            break
    return losses


def accuracy(
    network: keras.Model, distance: int, seed: int, task: CopyTask, recipe: Recipe
) -> float:
    """Share of right answers among new sequences, 0 to 1."""
    random = np.random.default_rng([seed, distance, 1])  # not those of `train`
    ids, answers = task.batch(np.full(recipe.tested, distance), random)
    found = network.predict_on_batch(ids).argmax(axis=-1)
    return float((found == answers).mean())
