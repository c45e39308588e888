"""Attention with several heads: each looks at the source in its own way.

Shape suffixes: B sentences, T queries, S source positions, H heads, A units of all heads together,
D units of one head.
"""

from typing import Any

import keras
from keras import ops

from seq2seq.models.attention import MASKED_SCORE, Attention, Sentences
from seq2seq.models.products import Projection, Tensor, value_of
from seq2seq.models.recurrent.loop import Operands


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

    is_mean = False

    def __init__(self, heads: int, additive: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.additive = additive

    def build(
        self,
        query_shape: tuple,
        memory_shape: tuple,
        keys_shape: tuple,
        memory_mask_shape: tuple | None = None,
    ) -> None:
        """Projections of queries, and of what the heads found; v (H, D) of additive scores."""
        units = keys_shape[-1] // 2
        self.query_kernel = self.add_weight(shape=(query_shape[-1], units), name="query_kernel")
        self.output_kernel = self.add_weight(shape=(units, units), name="output_kernel")
        if self.additive:
            self.score_kernel = self.add_weight(
                shape=(self.heads, units // self.heads), name="score_kernel"
            )

    def matrices(self) -> dict[str, Tensor]:
        """Both projections."""
        kernels = {"query": self.query_kernel, "output": self.output_kernel}
        return {name: value_of(each) for name, each in kernels.items()}

    def values(self) -> dict[str, Tensor]:
        """The vectors v, (H, 1, D, 1)."""
        return {"score": value_of(self.score_kernel)[:, None, :, None]} if self.additive else {}

    def sentences(self, memory_BSM: Tensor, keys_BSA: Tensor, mask_BS: Tensor) -> Sentences:
        """Keys and values of each head."""
        masked = ops.where(mask_BS, 0.0, MASKED_SCORE)[:, None, None, :]
        keys, values = ops.split(keys_BSA, 2, axis=-1)
        keys_BHSD, values_BHSD = self._heads(keys), self._heads(values)
        if self.additive:
            keys_BH1SD = keys_BHSD[:, :, None]
            return Sentences({"memory": values_BHSD}, {"masked": masked, "keys": keys_BH1SD})
        keys_BHDS = ops.transpose(keys_BHSD, (0, 1, 3, 2)) / keys_BHSD.shape[-1] ** 0.5
        return Sentences({"memory": values_BHSD, "keys": keys_BHDS}, {"masked": masked})

    def weigh(self, query_BTU: Tensor, operands: Operands) -> Tensor:
        """Weights of each head, (B, H, T, S)."""
        query_BHTD = self._heads(operands.times("query", query_BTU))
        if not self.additive:
            scores_BHTS = operands.times("keys", query_BHTD)
        else:
            sums_BHTSD = ops.tanh(query_BHTD[:, :, :, None, :] + operands.value("keys"))
            products = ops.matmul(sums_BHTSD, operands.value("score"))
            scores_BHTS = ops.squeeze(products, axis=-1)
        return ops.softmax(scores_BHTS + operands.value("masked"))

    def read(self, weights: Tensor, operands: Operands) -> Tensor:
        """Context (B, T, A) of weights (B, H, T, S)."""
        found_BTHD = ops.transpose(operands.times("memory", weights), (0, 2, 1, 3))
        batch, steps, heads, size = ops.shape(found_BTHD)
        return operands.times("output", ops.reshape(found_BTHD, (batch, steps, heads * size)))

    def shown(self, weights: Tensor) -> Tensor:
        """The mean over heads."""
        return ops.mean(weights, axis=1)

    def compute_output_shape(
        self, query_shape: tuple, memory_shape: tuple, keys_shape: tuple, *_: tuple
    ) -> tuple:
        """Of both results."""
        batch, steps, _ = query_shape
        return (batch, steps, keys_shape[-1] // 2), (batch, steps, keys_shape[1])

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
    """The layer that makes keys and values of the memory, and the attention that uses them.

    Args:
        units: A, of all heads together.
        heads: H, a divisor of A.
        additive: how scores are made, see `MultiHeadAttention`.
        precision: of matrix products.
    """
    keys = Projection(2 * units, use_bias=False, precision=precision, name="attention_keys")
    return keys, MultiHeadAttention(heads, additive, precision=precision, name="attention")
