"""An optimizer step over several batches, as if they were one: sums come first, the mean last.

The mean over all tokens of the batches is no mean of the batches' means, because these have
different numbers of tokens. So gradients are those of sums of losses, and their sum is divided by
the number of all tokens before it is clipped.
"""

from collections.abc import Sequence

import tensorflow as tf

from seq2seq.config.sections import RunConfig
from seq2seq.training.train_step import BATCH, Optimization, Step


class SummedOptimization(Optimization):
    """A network in training, whose steps are over any number of batches."""

    def __init__(self, config: RunConfig, vocabulary_size: int) -> None:
        super().__init__(config, vocabulary_size)
        shapes = [tuple(weight.shape) for weight in self._weights]
        self._gradients = [tf.Variable(tf.zeros(shape), trainable=False) for shape in shapes]
        self._counts = tf.Variable(tf.zeros(3), trainable=False)  # as the fields of `Step`
        self._add = tf.function(self._add_batch, input_signature=BATCH, autograph=False)
        self._apply = tf.function(
            self._apply_sums, input_signature=[tf.TensorSpec((), tf.float32)], autograph=False
        )

    def step_over(self, batches: Sequence[tuple], learning_rate: float) -> Step:
        """Updates the weights once, by the mean loss over the tokens of all batches."""
        for batch in batches:
            self._add(*batch)
        loss, tokens, count = self._apply(tf.constant(learning_rate, tf.float32)).numpy()
        return Step(float(loss), int(tokens), int(count))

    def _add_batch(self, source: tf.Tensor, target_in: tf.Tensor, target_out: tf.Tensor) -> None:
        """Adds the gradients of a batch's summed loss, the loss, its tokens, and the batch."""
        with tf.GradientTape() as tape:
            losses = self._losses(source, target_in, target_out)
            loss = tf.reduce_sum(losses)
        found = tape.gradient(loss, self._weights)
        for total, gradient in zip(self._gradients, found, strict=True):
            if isinstance(gradient, tf.IndexedSlices):  # an embedding's is rows alone
                total.scatter_add(gradient)
            else:
                total.assign_add(gradient)
        self._counts.assign_add([loss, tf.cast(tf.size(losses), tf.float32), 1.0])

    def _apply_sums(self, rate: tf.Tensor) -> tf.Tensor:
        """Moves the weights and begins new sums; returns mean loss, tokens, and batches."""
        loss, tokens, batches = tf.unstack(self._counts)
        self._move([each / tokens for each in self._gradients], rate)
        for each in (*self._gradients, self._counts):
            each.assign(tf.zeros_like(each))
        return tf.stack([loss / tokens, tokens, batches])
