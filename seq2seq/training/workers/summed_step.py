"""An optimizer step over several batches, as if they were one: sums come first, the mean last.

The mean over all tokens of the batches is no mean of the batches' means, because these have
different numbers of tokens. So gradients are those of sums of losses, and their sum, over the
batches of all workers, is divided by the number of all tokens before it is clipped.
"""

import signal
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from seq2seq.config.sections import RunConfig
from seq2seq.training.train_step import SEED, Optimization, Step
from seq2seq.training.workers.cluster import Cluster

# Between the dropout seeds of two workers: far more than a network has layers that draw.
APART = 1_000_003


class SummedOptimization(Optimization):
    """A network in training, whose steps are over any number of batches.

    Args:
        config: every setting.
        vocabulary_size: of both sides.
        cluster: workers that take every step together, each with batches of its own.
    """

    def __init__(
        self, config: RunConfig, vocabulary_size: int, cluster: Cluster | None = None
    ) -> None:
        super().__init__(config, vocabulary_size)
        self._cluster = cluster
        shapes = [tuple(weight.shape) for weight in self._weights]
        self._gradients = [tf.Variable(tf.zeros(shape), trainable=False) for shape in shapes]
        self._counts = tf.Variable(tf.zeros(3), trainable=False)  # loss, tokens, batches
        self._add = tf.function(self._add_batch, input_signature=self._batch, autograph=False)
        self._apply = tf.function(
            self._apply_sums,
            input_signature=[tf.TensorSpec((), tf.float32), tf.TensorSpec((2,), tf.float32)],
            autograph=False,
        )

    def step_over(self, batches: Sequence[tuple], learning_rate: float) -> Step:
        """Updates the weights once, by the mean loss over the tokens of all batches.

        Other workers add theirs; if no worker has any, nothing changes.
        """
        for batch in batches:
            self._add(*batch)
        asked = self._cluster.asked() if self._cluster else tf.zeros(2)
        taken = self._apply(tf.constant(learning_rate, tf.float32), asked)
        loss, tokens, count, interrupted, terminated = taken.numpy().tolist()
        stop = signal.SIGTERM if terminated else signal.SIGINT if interrupted else 0
        return Step(loss, int(tokens), int(count), stop)

    def everything(self) -> dict[str, np.ndarray]:
        """Weights, and all that `arrays` gives."""
        return self.arrays() | {name: np.array(weight) for name, weight in self._named_weights()}

    def seeds(self) -> dict[str, np.ndarray]:
        """The random states among `arrays`."""
        return {name: array for name, array in self.arrays().items() if name.startswith(SEED)}

    def take_over(self, arrays: dict[str, np.ndarray], worker: int) -> None:
        """Takes what another worker's `everything` or `seeds` gave.

        Args:
            arrays: of the chief.
            worker: number of this one, which has random states of its own, made of the chief's.
        """
        variables = dict([*self._named(), *self._named_weights()])
        for name, array in arrays.items():
            if name.startswith(SEED):
                array = array + np.array([worker * APART, 0], array.dtype)
            variables[name].assign(array)

    def _named_weights(self) -> list[tuple[str, tf.Variable]]:
        return [(f"weight/{n}", v) for n, v in enumerate(self._translator.training.weights)]

    def _add_batch(self, *batch: tf.Tensor) -> None:
        """Adds the gradients of a batch's summed loss, the loss, its tokens, and the batch."""
        with tf.GradientTape() as tape:
            losses = self._losses(*batch)
            loss = tf.reduce_sum(losses)
        found = tape.gradient(loss, self._weights)
        for total, gradient in zip(self._gradients, found, strict=True):
            if isinstance(gradient, tf.IndexedSlices):  # an embedding's is rows alone
                total.scatter_add(gradient)
            else:
                total.assign_add(gradient)
        self._counts.assign_add([loss, tf.cast(tf.size(losses), tf.float32), 1.0])

    def _apply_sums(self, rate: tf.Tensor, asked: tf.Tensor) -> tf.Tensor:
        """Moves the weights and begins new sums; returns mean loss, tokens, batches, and `asked`.

        Clipping, moments and averages come after the sum over the workers, on plain variables, so
        that every worker computes the same next weights.
        """
        sums = [*map(tf.convert_to_tensor, self._gradients)]
        sums.append(tf.concat([self._counts, asked], axis=0))
        *gradients, counts = self._cluster.sums(sums) if self._cluster else sums
        loss, tokens, batches, *stop = tf.unstack(counts)

        def move() -> tf.Tensor:
            self._move([each / tokens for each in gradients], rate)
            return loss / tokens

        mean = tf.cond(tokens > 0, move, lambda: 0.0) if self._cluster else move()
        for each in (*self._gradients, self._counts):
            each.assign(tf.zeros_like(each))
        return tf.stack([mean, tokens, batches, *stop])
