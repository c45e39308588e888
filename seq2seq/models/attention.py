"""Attention: where in the source the decoder looks.

Shape suffixes: B sentences, T queries (target positions or hypotheses), S source positions, U query
units, M memory units, A attention units, of all heads together, H heads, D units of one head.
"""

from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops

from seq2seq.models.products import Projection, Tensor, value_of
from seq2seq.models.recurrent.operands import Operands, Weights

MASKED_SCORE = -1e9  # finite, so a fully masked row stays NaN-free


@dataclass(frozen=True)
class Sentences:
    """What attention needs of B sentences, made once for all queries; by the names it uses."""

    matrices: dict[str, Tensor] = field(default_factory=dict)  # each (B, ...)
    values: dict[str, Tensor] = field(default_factory=dict)


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

    is_mean = True  # whether a context is the weighted mean of the memory itself

    def __init__(self, precision: str = "float32", **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.precision = precision

    def build(
        self,
        query_shape: tuple,
        memory_shape: tuple,
        keys_shape: tuple,
        memory_mask_shape: tuple | None = None,
    ) -> None:
        """No weights, unless a subclass has some."""

    def matrices(self) -> dict[str, Tensor]:
        """Weights that queries, or what was found, are multiplied with, by name."""
        return {}

    def values(self) -> dict[str, Tensor]:
        """Other weights, by name."""
        return {}

    def sentences(self, memory_BSM: Tensor, keys_BSA: Tensor, mask_BS: Tensor) -> Sentences:
        """What `weigh` and `read` need of the sentences."""
        masked_B1S = ops.where(mask_BS, 0.0, MASKED_SCORE)[:, None, :]
        return Sentences({"memory": memory_BSM}, {"masked": masked_B1S})

    def weigh(self, query_BTU: Tensor, operands: Operands) -> Tensor:
        """Weights (B, T, S), or of each head; `operands` have the weights and the sentences."""
        raise NotImplementedError

    def read(self, weights: Tensor, operands: Operands) -> Tensor:
        """The context (B, T, M) that weights give."""
        return operands.times("memory", weights)

    def shown(self, weights: Tensor) -> Tensor:
        """Weights (B, T, S) of all heads together."""
        return weights

    def call(self, query: Tensor, memory: Tensor, keys: Tensor, memory_mask: Tensor) -> tuple:
        """See the class."""
        made = self.sentences(memory, keys, memory_mask)
        matrices, values = self.matrices() | made.matrices, self.values() | made.values
        operands = Weights(matrices, values, self.precision)
        weights = self.weigh(query, operands)
        return self.read(weights, operands), self.shown(weights)

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {**super().get_config(), "precision": self.precision}


@keras.saving.register_keras_serializable(package="seq2seq")
class DotAttention(Attention):
    """Luong et al. 2015, https://arxiv.org/abs/1508.04025, section 3.1: query' key.

    Keys are the memory itself ("dot") or W memory ("general").

    Args:
        scaled: whether scores are divided by the root of their width (Vaswani et al. 2017,
            https://arxiv.org/abs/1706.03762, eq. 1). Luong's are not; but so wide networks of one
            layer look at one position alone after an epoch, residual stacks from the start, and
            hardly learn to look elsewhere.
        precision: of matrix products.
    """

    def __init__(self, scaled: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scaled = scaled

    def sentences(self, memory_BSM: Tensor, keys_BSA: Tensor, mask_BS: Tensor) -> Sentences:
        """Keys scaled and transposed, (B, A, S); A = U."""
        made = super().sentences(memory_BSM, keys_BSA, mask_BS)
        keys_BAS = ops.transpose(keys_BSA, (0, 2, 1))
        keys_BAS = keys_BAS / keys_BSA.shape[-1] ** 0.5 if self.scaled else keys_BAS
        return Sentences(made.matrices | {"keys": keys_BAS}, made.values)

    def weigh(self, query_BTU: Tensor, operands: Operands) -> Tensor:
        """One product."""
        return ops.softmax(operands.times("keys", query_BTU) + operands.value("masked"))

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {**super().get_config(), "scaled": self.scaled}


@keras.saving.register_keras_serializable(package="seq2seq")
class AdditiveAttention(Attention):
    """Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473, A.1.2: v' tanh(W query + V memory).

    Keys are V memory. Keras's layer of this name has neither W nor V.
    """

    def build(
        self,
        query_shape: tuple,
        memory_shape: tuple,
        keys_shape: tuple,
        memory_mask_shape: tuple | None = None,
    ) -> None:
        """W (U, A) and v (A, 1)."""
        units = keys_shape[-1]
        self.query_kernel = self.add_weight(shape=(query_shape[-1], units), name="query_kernel")
        self.score_kernel = self.add_weight(shape=(units, 1), name="score_kernel")

    def matrices(self) -> dict[str, Tensor]:
        """W."""
        return {"query": value_of(self.query_kernel)}

    def values(self) -> dict[str, Tensor]:
        """The vector v."""
        return {"score": value_of(self.score_kernel)}

    def sentences(self, memory_BSM: Tensor, keys_BSA: Tensor, mask_BS: Tensor) -> Sentences:
        """Keys as they are."""
        made = super().sentences(memory_BSM, keys_BSA, mask_BS)
        return Sentences(made.matrices, made.values | {"keys": keys_BSA})

    def weigh(self, query_BTU: Tensor, operands: Operands) -> Tensor:
        """The sum W query + key is made for every pair of positions, (B, T, S, A)."""
        query_BTA = operands.times("query", query_BTU)
        sums_BTSA = ops.tanh(query_BTA[:, :, None, :] + operands.value("keys")[:, None, :, :])
        scores_BTS = ops.squeeze(ops.matmul(sums_BTSA, operands.value("score")), axis=-1)
        return ops.softmax(scores_BTS + operands.value("masked"))


@keras.saving.register_keras_serializable(package="seq2seq")
class NoAttention(Attention):
    """Sutskever et al. 2014: the decoder's first state is all it sees of the source."""

    is_mean = False

    def sentences(self, memory_BSM: Tensor, keys_BSA: Tensor, mask_BS: Tensor) -> Sentences:
        """Only how many source positions there are."""
        return Sentences({}, {"nowhere": ops.cast(mask_BS, "float32")[:, None, :] * 0.0})

    def weigh(self, query_BTU: Tensor, operands: Operands) -> Tensor:
        """Weights that are all 0."""
        return query_BTU[:, :, :1] * operands.value("nowhere")

    def read(self, weights: Tensor, operands: Operands) -> Tensor:
        """A context of width 0."""
        return weights[:, :, :0]


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
