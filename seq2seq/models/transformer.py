"""A Transformer encoder, for an LSTM decoder (Chen et al. 2018, https://arxiv.org/abs/1804.09849).

Shape suffixes: B sentences, S source positions, E embedding units, U units.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.products import Dense, Tensor


@keras.saving.register_keras_serializable(package="seq2seq", name="SelfAttention")
class MultiHeadAttention(keras.layers.MultiHeadAttention):
    """Keras's layer, of which the projections' products have a chosen precision.

    Their biases are added in that precision too; scores, softmax and contexts are float32. Files
    name its weights by the class (see `Dense`).

    Args:
        args: of Keras's layer, as `kwargs`.
        precision: "float32" or "bfloat16".
        output_gain: of the last projection's first deviation, see `branch_initializer`.
    """

    def __init__(
        self, *args: Any, precision: str = "float32", output_gain: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.precision = precision
        self.output_gain = output_gain

    def call(self, *args: Any, **kwargs: Any) -> Tensor:
        """See Keras's layer; (B, S, U) in float32."""
        return ops.cast(super().call(*args, **kwargs), "float32")

    def get_config(self) -> dict:
        """Constructor arguments."""
        own = {"precision": self.precision, "output_gain": self.output_gain}
        return {**super().get_config(), **own}

    def _make_output_dense(self, shape: Any, settings: dict, name: str | None = None) -> Any:
        """The last projection, which adds to what passes by."""
        start = {"kernel_initializer": branch_initializer(self.output_gain)}
        return super()._make_output_dense(shape, {**settings, **start}, name)

    def _get_common_kwargs_for_sublayer(self) -> dict:
        """Settings of the projections alone: what is between them keeps the layer's own type."""
        narrow = "float32" if self.precision == "float32" else f"mixed_{self.precision}"
        return {**super()._get_common_kwargs_for_sublayer(), "dtype": narrow}

    def _compute_attention(
        self, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any
    ) -> Any:
        projected = [ops.cast(each, "float32") for each in (query, key, value)]
        return super()._compute_attention(*projected, *args, **kwargs)


@keras.saving.register_keras_serializable(package="seq2seq")
class TransformerEncoder(keras.layers.Layer):
    """Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, section 3.

    Each layer is self-attention and a feed-forward network; each of the two reads the normalised
    sum of what came before and adds to it, and the last sum is normalised (as in Chen et al. 2018,
    section 5). Positions are sines, section 3.5.

    What the branches add is made smaller the more they are, as GPT-2 does (Radford et al. 2019,
    section 2.3): the last matrix of each begins with 1 / sqrt(2 layers) of Glorot's deviation. With
    all of it, the first sum behind six layers is mostly means over the sentence, alike at all
    positions, and attention learns slowly what to look at.

    Args:
        config: `units`, `encoder_layers`, `encoder_heads`, `feed_forward`, `dropout`.
        precision: of products with matrices of weights, "float32" or "bfloat16".

    Call arguments:
        vectors: (B, S, E); projected if E is not U.
        mask: (B, S) bool, False at padding.

    Returns:
        (B, S, U).
    """

    def __init__(self, config: ModelConfig, precision: str = "float32", **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.precision = precision
        units, layers = config.units, range(config.encoder_layers)
        gain = (2 * config.encoder_layers) ** -0.5  # as many branches add to a word
        self.widen = None
        if config.embedding_size != units:
            self.widen = Dense(units, precision, use_bias=False, name="widen")
        self.attentions = [
            MultiHeadAttention(
                config.encoder_heads,
                units // config.encoder_heads,
                dropout=config.dropout,
                precision=precision,
                output_gain=gain,
                name=f"attention_{n}",
            )
            for n in layers
        ]
        self.inner = [
            Dense(config.feed_forward, precision, activation="relu", name=f"inner_{n}")
            for n in layers
        ]
        self.outer = [
            Dense(units, precision, kernel_initializer=branch_initializer(gain), name=f"outer_{n}")
            for n in layers
        ]
        self.norms = [
            keras.layers.LayerNormalization(epsilon=1e-6, name=f"norm_{n}")
            for n in range(2 * config.encoder_layers + 1)
        ]
        self.drop = keras.layers.Dropout(config.dropout)

    def build(self, vectors_shape: tuple, *_: tuple) -> None:
        """All sublayers."""
        shape = (*vectors_shape[:-1], self.config.units)
        if self.widen:
            self.widen.build(vectors_shape)
        for attention in self.attentions:
            attention.build(shape, shape)
        for layer in (*self.inner, *self.norms):
            layer.build(shape)
        for layer in self.outer:
            layer.build((*shape[:-1], self.config.feed_forward))

    def call(self, vectors: Tensor, mask: Tensor, training: bool | None = None) -> Tensor:
        """See the class."""
        outputs = self.widen(vectors) if self.widen else vectors
        outputs = outputs + positions(ops.shape(vectors)[1], self.config.units)
        columns_B1S = mask[:, None, :]
        for n, attention in enumerate(self.attentions):
            normed = self.norms[2 * n](outputs)
            found = attention(normed, normed, attention_mask=columns_B1S, training=training)
            outputs = outputs + self.drop(found, training=training)
            inner = self.drop(self.inner[n](self.norms[2 * n + 1](outputs)), training=training)
            outputs = outputs + self.drop(self.outer[n](inner), training=training)
        return self.norms[-1](outputs)

    def compute_output_shape(self, vectors_shape: tuple, *_: tuple) -> tuple:
        """(B, S, U)."""
        return (*vectors_shape[:-1], self.config.units)

    def get_config(self) -> dict:
        """Constructor arguments."""
        own = {"config": self.config.as_dict(), "precision": self.precision}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict) -> "TransformerEncoder":
        """A layer with fresh weights."""
        return cls(**{**config, "config": ModelConfig(**config["config"])})


def branch_initializer(gain: float) -> keras.initializers.Initializer:
    """Glorot's, whose deviation is multiplied by `gain`."""
    return keras.initializers.VarianceScaling(gain**2, "fan_avg", "uniform")


def positions(length: Tensor, units: int) -> Tensor:
    """(length, units), even: section 3.5's sines, then its cosines, not in turn as there."""
    half = units // 2
    rates = (10_000.0 ** (-np.arange(half) / half)).astype("float32")
    angles = ops.cast(ops.arange(length), "float32")[:, None] * rates
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
