"""Attention with several heads: each looks at the source in its own way.

Shape suffixes: B sentences, T queries, S source positions, H heads, A units of all heads together,
D units of one head.
"""

from typing import Any

import keras
from keras import ops

from seq2seq.models.attention import MASKED_SCORE, Attention
from seq2seq.models.products import Projection, Tensor, product


@keras.saving.register_keras_serializable(package="seq2seq")
class MultiHeadAttention(Attention):
    """Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, section 3.2.2.

    Scores are scaled dot products or, as in Chen et al. 2018, https://arxiv.org/abs/1804.09849,
    section 4.1, additive: v' tanh(query + key) of each head. The weights returned are the mean over
    heads; keys hold each head's keys and values, (B, S, 2 A).

    Args:
        heads: H, a divisor of A.
        additive: how scores are made.
        precision: of matrix products.
    """

    def __init__(self, heads: int, additive: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.additive = additive

    def build(self, query_shape: tuple, memory_shape: tuple, keys_shape: tuple, *_: tuple) -> None:
        """Projections of queries, and of what the heads found; v (H, D) of additive scores."""
        units = keys_shape[-1] // 2
        self.query_kernel = self.add_weight(shape=(query_shape[-1], units), name="query_kernel")
        self.output_kernel = self.add_weight(shape=(units, units), name="output_kernel")
        if self.additive:
            self.score_kernel = self.add_weight(
                shape=(self.heads, units // self.heads), name="score_kernel"
            )

    def call(self, query: Tensor, memory: Tensor, keys: Tensor, memory_mask: Tensor) -> tuple:
        """Context (B, T, A) and weights (B, T, S)."""
        keys, values = ops.split(keys, 2, axis=-1)
        query = product(query, self.query_kernel, self.precision)
        query_BHTD, keys_BHSD, values_BHSD = (self._heads(x) for x in (query, keys, values))
        scores_BHTS = self._scores(query_BHTD, keys_BHSD)
        scores_BHTS = ops.where(memory_mask[:, None, None, :], scores_BHTS, MASKED_SCORE)
        weights_BHTS = ops.softmax(scores_BHTS)
        found_BTHD = ops.transpose(ops.matmul(weights_BHTS, values_BHSD), (0, 2, 1, 3))
        batch, steps = ops.shape(found_BTHD)[:2]
        found = ops.reshape(found_BTHD, (batch, steps, query.shape[-1]))
        context = product(found, self.output_kernel, self.precision)
        return context, ops.mean(weights_BHTS, axis=1)

    def compute_output_shape(
        self, query_shape: tuple, memory_shape: tuple, keys_shape: tuple, *_: tuple
    ) -> tuple:
        """Of both results."""
        batch, steps, _ = query_shape
        return (batch, steps, keys_shape[-1] // 2), (batch, steps, keys_shape[1])

    def _scores(self, query_BHTD: Tensor, keys_BHSD: Tensor) -> Tensor:
        if not self.additive:
            scores = ops.matmul(query_BHTD, ops.transpose(keys_BHSD, (0, 1, 3, 2)))
            return scores / query_BHTD.shape[-1] ** 0.5
        sums_BHTSD = ops.tanh(query_BHTD[:, :, :, None, :] + keys_BHSD[:, :, None, :, :])
        kernel_H1D1 = ops.convert_to_tensor(self.score_kernel)[:, None, :, None]
        return ops.squeeze(ops.matmul(sums_BHTSD, kernel_H1D1), axis=-1)

    def _heads(self, values_BTA: Tensor) -> Tensor:
        batch, steps, units = ops.shape(values_BTA)
        split = ops.reshape(values_BTA, (batch, steps, self.heads, units // self.heads))
        return ops.transpose(split, (0, 2, 1, 3))

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {**super().get_config(), "heads": self.heads, "additive": self.additive}


def make_multi_head(
    units: int, heads: int, additive: bool, precision: str
) -> tuple[keras.layers.Layer, Attention]:
    """The layer that makes keys and values of the memory, and the attention that uses them."""
    keys = Projection(2 * units, use_bias=False, precision=precision, name="attention_keys")
    return keys, MultiHeadAttention(heads, additive, precision=precision, name="attention")
