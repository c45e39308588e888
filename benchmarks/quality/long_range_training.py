"""Small recurrent networks that learn `data_prep.memory_tasks`; one recipe for every cell.

for measured in measure(Network("lstm"), "staged", (10, 20, 50), 1, CopyTask(), Recipe()):
    ...
"""

import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
from keras import ops

from data_prep.memory_tasks import PAD, MemoryTask
from seq2seq.models.recurrent.recurrence import Kind, make_recurrence

WINDOW = 20  # steps

# Staged: one network, trained at growing distances, each with shorter ones among them. Afresh: a
# new network for each distance, which sees no other.
Way = Literal["staged", "afresh"]


@dataclass(frozen=True)
class Recipe:
    """How every network is trained, whatever its cell."""

    units: int = 32  # of the one recurrent layer
    steps: int = 600  # at each distance, at most
    enough: float = 0.03  # nats: below this mean loss of the last `WINDOW` steps, training ends
    batch: int = 32  # sequences a step
    learning_rate: float = 0.003  # of Adam
    clip_norm: float = 1.0  # of all gradients together
    tested: int = 1000  # new sequences, at each distance


@dataclass(frozen=True)
class Network:
    """What the networks differ in."""

    kind: Kind
    open_gate: bool = False  # of LSTM kinds: see `forget_bias`

    @property
    def name(self) -> str:
        """As tables say it."""
        return f"{self.kind}, open gate" if self.open_gate else self.kind

    def forget_bias(self, distance: int) -> float:
        """1, or the logarithm of the distance, with which a gate keeps a third over it.

        Tallec and Ollivier 2018, https://arxiv.org/abs/1804.11188, section 2.
        """
        return math.log(distance) if self.open_gate else 1.0


@dataclass(frozen=True)
class Measured:
    """What a network could do after it was trained at a distance."""

    distance: int
    accuracy: float  # 0 to 1, on sequences that it never saw
    steps: int  # of training
    seconds: float  # of training, compilation included


def build_network(
    cell: Network, distance: int, task: MemoryTask, recipe: Recipe, seed: int
) -> keras.Model:
    """A network `ids` (B, T) -> scores of the answers (B, choices), read after the last real step.

    One-hot vectors go into one recurrent layer, as `make_recurrence` makes it (with an orthogonal
    recurrent kernel), and its last output into a dense layer. The network is compiled with Adam.
    """
    # Keras draws new layers' seeds from here; `keras.utils.set_random_seed` would also destroy
    # every live tensorflow-text tokenizer of the process.
    random.seed(seed)
    ids = keras.Input((None,), dtype="int32", name="ids")
    vectors = ops.one_hot(ids, task.vocabulary_size)
    bias = cell.forget_bias(distance)
    recurrence = make_recurrence(cell.kind, recipe.units, forget_bias=bias, name="recurrence")
    _, states = recurrence(vectors, ops.not_equal(ids, PAD))
    scores = keras.layers.Dense(task.choices, name="scores")(states[0])
    network = keras.Model(ids, scores, name=cell.kind)
    network.compile(
        keras.optimizers.Adam(recipe.learning_rate, global_clipnorm=recipe.clip_norm),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True,  # two to three times as fast on TensorFlow as a loop of small operations
    )
    return network


def measure(
    cell: Network, way: Way, distances: Sequence[int], seed: int, task: MemoryTask, recipe: Recipe
) -> Iterator[Measured]:
    """Trains and tests at each distance.

    Sequences depend on task, way, seed and distance alone: all cells see the same.
    """
    network = build_network(cell, distances[0], task, recipe, seed)
    for distance in distances:
        started = time.monotonic()
        if way == "afresh":
            network = build_network(cell, distance, task, recipe, seed)
        steps = len(train(network, way, distance, seed, task, recipe))
        seconds = time.monotonic() - started
        yield Measured(distance, accuracy(network, distance, seed, task, recipe), steps, seconds)


def train(
    network: keras.Model, way: Way, distance: int, seed: int, task: MemoryTask, recipe: Recipe
) -> list[float]:
    """Trains at the distance, in stages at those drawn evenly from 1 to it as well.

    Ends when the loss is small, because training on at a loss near 0 was seen to undo what was
    learnt, or when steps run out.

    Returns:
        Each step's loss, in nats.
    """
    random = np.random.default_rng([seed, distance, 0])
    losses: list[float] = []
    for _ in range(recipe.steps):
        drawn = np.full(recipe.batch, distance)  # the first stays: every batch has one shape
        if way == "staged":
            drawn[1:] = random.integers(max(1, task.shortest), distance + 1, recipe.batch - 1)
        ids, answers = task.batch(drawn, random)
        losses.append(float(network.train_on_batch(ids, answers)))
        if len(losses) >= WINDOW and np.mean(losses[-WINDOW:]) < recipe.enough:
            break
    return losses


def accuracy(
    network: keras.Model, distance: int, seed: int, task: MemoryTask, recipe: Recipe
) -> float:
    """Share of right answers among new sequences, 0 to 1."""
    random = np.random.default_rng([seed, distance, 1])  # not those of `train`
    ids, answers = task.batch(np.full(recipe.tested, distance), random)
    found = network.predict_on_batch(ids).argmax(axis=-1)
    return float((found == answers).mean())
