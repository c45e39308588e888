"""Attention: where in the source the decoder looks.

Shape suffixes: B sentences, T queries (target positions or hypotheses), S source positions, U query
units, M memory units, A attention units.
"""

from typing import Any

import keras
from keras import ops

from seq2seq.models.products import Projection, Tensor, product

MASKED_SCORE = -1e9  # finite, so a fully masked row stays NaN-free


class Attention(keras.layers.Layer):
    """Weighted mean of the memory; subclasses say how a query scores a memory position.

    Keys, what a score needs of the memory, are made by a layer of their own (`make_attention`):
    once a sentence, not once a decoding step.

    Call arguments:
        query: (B, T, U) decoder states.
        memory: (B, S, M) encoder states.
        keys: (B, S, A).
        memory_mask: (B, S) bool, False at padding.

    Returns:
        context (B, T, M) and weights (B, T, S); each row of weights sums to 1 and is 0 at padding.
    """

    def __init__(self, precision: str = "float32", **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.precision = precision

    def scores(self, query_BTU: Tensor, keys_BSA: Tensor) -> Tensor:
        """Scores (B, T, S), any real numbers."""
        raise NotImplementedError

    def step_keys(self, keys_BSA: Tensor) -> Tensor:
        """Keys in the form that `step_scores` takes: what can be done once a sentence."""
        return keys_BSA

    def step_scores(self, query_BTU: Tensor, step_keys: Tensor) -> Tensor:
        """`scores` from `step_keys`."""
        return self.scores(query_BTU, step_keys)

    def call(self, query: Tensor, memory: Tensor, keys: Tensor, memory_mask: Tensor) -> tuple:
        """See the class."""
        scores_BTS = self.scores(query, keys)
        scores_BTS = ops.where(memory_mask[:, None, :], scores_BTS, MASKED_SCORE)
        weights_BTS = ops.softmax(scores_BTS)
        return ops.matmul(weights_BTS, memory), weights_BTS

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {**super().get_config(), "precision": self.precision}


@keras.saving.register_keras_serializable(package="seq2seq")
class DotAttention(Attention):
    """Luong et al. 2015, https://arxiv.org/abs/1508.04025, section 3.1: query' key.

    Keys are the memory itself ("dot") or W memory ("general").

    Args:
        scaled: whether scores are divided by the root of their width (Vaswani et al. 2017,
            https://arxiv.org/abs/1706.03762, eq. 1). Luong's are not; but so the wide networks of
            one layer trained here look at one position alone after an epoch, and hardly learn to
            look elsewhere.
        precision: of matrix products.
    """

    def __init__(self, scaled: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scaled = scaled

    def scores(self, query_BTU: Tensor, keys_BSA: Tensor) -> Tensor:
        """Dot products; A = U."""
        return self.step_scores(query_BTU, self.step_keys(keys_BSA))

    def step_keys(self, keys_BSA: Tensor) -> Tensor:
        """Scaled and transposed, (B, A, S)."""
        keys_BAS = ops.transpose(keys_BSA, (0, 2, 1))
        return keys_BAS / keys_BSA.shape[-1] ** 0.5 if self.scaled else keys_BAS

    def step_scores(self, query_BTU: Tensor, step_keys: Tensor) -> Tensor:
        """One product a step."""
        return ops.matmul(query_BTU, step_keys)

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {**super().get_config(), "scaled": self.scaled}


@keras.saving.register_keras_serializable(package="seq2seq")
class AdditiveAttention(Attention):
    """Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473, A.1.2: v' tanh(W query + V memory).

    Keys are V memory. Keras's layer of this name has neither W nor V.
    """

    def build(self, query_shape: tuple, memory_shape: tuple, keys_shape: tuple, *_: tuple) -> None:
        """W (U, A) and v (A, 1)."""
        units = keys_shape[-1]
        self.query_kernel = self.add_weight(shape=(query_shape[-1], units), name="query_kernel")
        self.score_kernel = self.add_weight(shape=(units, 1), name="score_kernel")

    def scores(self, query_BTU: Tensor, keys_BSA: Tensor) -> Tensor:
        """The sum W query + key is made for every pair of positions, (B, T, S, A)."""
        query_BTA = product(query_BTU, self.query_kernel, self.precision)
        sums_BTSA = ops.tanh(query_BTA[:, :, None, :] + keys_BSA[:, None, :, :])
        return ops.squeeze(ops.matmul(sums_BTSA, self.score_kernel), axis=-1)


@keras.saving.register_keras_serializable(package="seq2seq")
class NoAttention(Attention):
    """Sutskever et al. 2014: the decoder's first state is all it sees of the source."""

    def call(self, query: Tensor, memory: Tensor, keys: Tensor, memory_mask: Tensor) -> tuple:
        """A context of width 0 and weights that are all 0."""
        nowhere = ops.zeros_like(query[:, :, :1])
        return query[:, :, :0], nowhere * ops.cast(memory_mask[:, None, :], query.dtype)


def make_attention(
    kind: str, units: int, precision: str, scaled: bool = True
) -> tuple[keras.layers.Layer, Attention]:
    """The layer that makes keys of the memory, and the attention that scores them.

    Args:
        kind: none, dot, general or additive.
        units: A.
        precision: of matrix products.
        scaled: see `DotAttention`.
    """
    projection = Projection(units, use_bias=False, precision=precision, name="attention_keys")
    unchanged = keras.layers.Identity(name="attention_keys")
    settings = {"precision": precision, "name": "attention"}
    if kind in ("dot", "general"):
        return projection if kind == "general" else unchanged, DotAttention(scaled, **settings)
    if kind == "additive":
        return projection, AdditiveAttention(**settings)
    return unchanged, NoAttention(**settings)
