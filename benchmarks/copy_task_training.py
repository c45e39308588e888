"""A small recurrent network that learns `data_prep.copy_task`, and the one recipe for every cell."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from data_prep.copy_task import PAD, CopyTask
from seq2seq.models.recurrence import Kind, make_recurrence


@dataclass(frozen=True)
class Recipe:
    """How every network is trained, whatever its cell."""

    units: int = 32  # of the one recurrent layer
    steps: int = 600  # at each distance
    batch: int = 64  # sequences a step
    learning_rate: float = 0.003  # of Adam
    clip_norm: float = 1.0  # of all gradients together
    forget_bias: float = 1.0  # first value, of the kinds that have a forget gate
    tested: int = 1000  # new sequences, at each distance


@dataclass(frozen=True)
class Measured:
    """What a network can do once it was trained at a distance."""

    distance: int
    accuracy: float  # 0 to 1, on sequences that it never saw
    seconds: float  # of training


def build_network(kind: Kind, task: CopyTask, recipe: Recipe) -> keras.Model:
    """ids (B, T) -> scores of the symbols (B, symbols), read after the last real step.

    The recurrent layer gets one-hot vectors and starts from zeros.
    """
    ids = keras.Input((None,), dtype="int32", name="ids")
    vectors = ops.one_hot(ids, task.vocabulary_size)
    forget_bias = recipe.forget_bias if kind in ("lstm", "peephole_lstm") else 1.0
    recurrence = make_recurrence(kind, recipe.units, forget_bias=forget_bias, name=kind)
    _, states = recurrence(vectors, ops.not_equal(ids, PAD))
    scores = keras.layers.Dense(task.symbols, name="scores")(states[0])
    network = keras.Model(ids, scores, name=f"{kind}_copy")
    network.compile(
        keras.optimizers.Adam(recipe.learning_rate, global_clipnorm=recipe.clip_norm),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    return network


def train_in_stages(
    kind: Kind, distances: Sequence[int], seed: int, task: CopyTask, recipe: Recipe
) -> Iterator[Measured]:
    """Trains one network at each distance in turn, starting from what it learnt at the one before.

    Sequences depend on seed and distance alone, so every kind sees the same.
    """
    keras.utils.set_random_seed(seed)
    network = build_network(kind, task, recipe)
    for distance in distances:
        started = time.monotonic()
        train(network, distance, seed, task, recipe)
        seconds = time.monotonic() - started
        yield Measured(distance, accuracy(network, distance, seed, task, recipe), seconds)


def train(
    network: keras.Model, distance: int, seed: int, task: CopyTask, recipe: Recipe
) -> list[float]:
    """Trains for the recipe's steps; returns the loss of each, in nats."""
    random = np.random.default_rng([seed, distance])
    losses = []
    for _ in range(recipe.steps):
        ids, answers = task.batch(np.full(recipe.batch, distance), random)
        losses.append(float(network.train_on_batch(ids, answers)))
    return losses


def accuracy(
    network: keras.Model, distance: int, seed: int, task: CopyTask, recipe: Recipe
) -> float:
    """Share of right answers among new sequences, 0 to 1."""
    random = np.random.default_rng([seed, distance, 1])  # not those of `train`
    ids, answers = task.batch(np.full(recipe.tested, distance), random)
    found = network.predict_on_batch(ids).argmax(axis=-1)
    return float((found == answers).mean())
