"""A convolutional front end, for encoders of characters.

Shape suffixes: B sentences, S source positions, E embedding units.
"""

from typing import Any

import keras
from keras import ops

from seq2seq.models.products import Dense, Tensor

WIDTHS = (1, 3, 5, 7)  # positions that a filter sees
HIGHWAYS = 2


@keras.saving.register_keras_serializable(package="seq2seq")
class Conv1D(keras.layers.Conv1D):
    """Keras's layer in a chosen precision, whose result is float32.

    Files name its weights by the class (see `Dense`).
    """

    def __init__(self, *args: Any, precision: str = "float32", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.precision = precision

    def call(self, inputs: Tensor) -> Tensor:
        """(B, S, I) -> (B, S, filters)."""
        narrow = ops.cast(inputs, self.precision), ops.cast(self.kernel, self.precision)
        found = ops.conv(*narrow, strides=list(self.strides), padding=self.padding)
        return self.activation(ops.cast(found, "float32") + self.bias)

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {**super().get_config(), "precision": self.precision}


@keras.saving.register_keras_serializable(package="seq2seq")
class ConvolutionalFront(keras.layers.Layer):
    """Filters of several widths and highway layers, as in Lee et al. 2017, section 3.3.

    https://arxiv.org/abs/1610.03017; without their pooling over positions, so that attention still
    says where in the source it looks. Highway layers: Srivastava et al. 2015,
    https://arxiv.org/abs/1505.00387, eq. 3. Padding counts as zeros, as what lies beyond it does.

    Args:
        units: E, also of the result.
        precision: of convolutions and matrix products, "float32" or "bfloat16".

    Call arguments:
        vectors: (B, S, E).
        mask: (B, S) bool, False at padding.

    Returns:
        (B, S, E).
    """

    def __init__(self, units: int, precision: str = "float32", **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.precision = precision
        self.filters = [
            Conv1D(
                units,
                width,
                padding="same",
                activation="relu",
                precision=precision,
                name=f"width_{width}",
            )
            for width in WIDTHS
        ]
        self.merge = Dense(units, precision, activation="tanh", name="merge")
        self.transforms = [
            Dense(units, precision, activation="relu", name=f"highway_{n}") for n in range(HIGHWAYS)
        ]
        # Gates that start nearly closed carry their input through.
        closed = keras.initializers.Constant(-2.0)
        self.gates = [
            Dense(
                units,
                precision,
                activation="sigmoid",
                bias_initializer=closed,
                name=f"highway_gate_{n}",
            )
            for n in range(HIGHWAYS)
        ]

    def build(self, vectors_shape: tuple, *_: tuple) -> None:
        """All sublayers."""
        for layer in self.filters:
            layer.build(vectors_shape)
        self.merge.build((*vectors_shape[:-1], self.units * len(WIDTHS)))
        for layer in (*self.transforms, *self.gates):
            layer.build((*vectors_shape[:-1], self.units))

    def call(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """See the class."""
        real = ops.cast(mask, vectors.dtype)[:, :, None]
        seen = ops.concatenate([layer(vectors * real) for layer in self.filters], axis=-1)
        outputs = self.merge(seen)
        for transform, gate in zip(self.transforms, self.gates, strict=True):
            share = gate(outputs)
            outputs = share * transform(outputs) + (1 - share) * outputs
        return outputs

    def compute_output_shape(self, vectors_shape: tuple, *_: tuple) -> tuple:
        """(B, S, E)."""
        return (*vectors_shape[:-1], self.units)

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {**super().get_config(), "units": self.units, "precision": self.precision}
