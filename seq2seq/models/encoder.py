"""Encoders: from embedded source subwords to the memory that attention reads, and last states.

Shape suffixes: B sentences, S source positions, E embedding units, M memory units, U units.
"""

from dataclasses import dataclass

import keras
from keras import ops

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.convolution import ConvolutionalFront
from seq2seq.models.products import Tensor
from seq2seq.models.recurrent.recurrence import make_recurrence
from seq2seq.models.transformer import TransformerEncoder

States = list[Tensor]  # h, or h and c, each (B, U)
Directions = tuple[keras.layers.Layer, ...]  # one recurrent layer, or forward and backward


@dataclass(frozen=True)
class Encoder:
    """The layers of an encoder."""

    recurrent: list[Directions]
    front: keras.layers.Layer | None = None  # before the recurrent layers
    transformer: keras.layers.Layer | None = None  # in place of them
    residual_from: int = 0

    def __call__(
        self, vectors: Tensor, mask: Tensor, dropout: float
    ) -> tuple[Tensor, list[States]]:
        """Memory (B, S, M), and the last states of each recurrent layer.

        Args:
            vectors: (B, S, E).
            mask: (B, S) bool, False at padding.
            dropout: after each layer.
        """
        if self.transformer:
            return self.transformer(vectors, mask), []
        if self.front:
            vectors = keras.layers.Dropout(dropout)(self.front(vectors, mask))
        first = [layer(vectors, mask) for layer in self.recurrent[0]]
        return self.above(first, mask, dropout)

    def above(
        self, first: list[tuple], mask: Tensor, dropout: float = 0.0
    ) -> tuple[Tensor, list[States]]:
        """The same from what the first layer's directions returned."""
        outputs, states = _joined(first)
        outputs = keras.layers.Dropout(dropout)(outputs)
        last_states = [states]
        for number, directions in enumerate(self.recurrent[1:], 2):
            found, states = _joined([layer(outputs, mask) for layer in directions])
            found = keras.layers.Dropout(dropout)(found)
            # What passes a layer by is not dropped: a mask a layer would leave little of it.
            outputs = found + outputs if 0 < self.residual_from <= number else found
            last_states.append(states)
        return outputs, last_states


def make_encoder(config: ModelConfig, precision: str) -> Encoder:
    """The layers that the settings ask for; `precision` is that of matrix products."""
    if config.encoder == "transformer":
        return Encoder([], transformer=TransformerEncoder(config, precision, name="transformer"))

    def recurrence(name: str, units: int, backward: bool) -> keras.layers.Layer:
        return make_recurrence(
            config.cell,
            units,
            backward=backward,
            precision=precision,
            forget_bias=config.forget_bias,
            initial_gain=config.initial_gain,
            recurrent_dropout=config.recurrent_dropout,
            weight_dropout=config.weight_dropout,
            name=name,
        )

    def layer(number: int) -> Directions:
        name = f"encoder_{number}"
        if config.reads_both_ways(number):
            units = config.direction_units
            return (
                recurrence(f"{name}_forward", units, False),
                recurrence(f"{name}_backward", units, True),
            )
        # Reading backward is a reversed source, with outputs at their own positions.
        return (recurrence(name, config.units, config.reverse_source),)

    front = None
    if config.encoder == "convolutional":
        front = ConvolutionalFront(config.embedding_size, precision, name="convolutional_front")
    recurrent = [layer(number) for number in range(config.encoder_layers)]
    return Encoder(recurrent, front, residual_from=config.residual_from)


def _joined(directions: list[tuple]) -> tuple[Tensor, States]:
    """Outputs and states of one or two directions side by side."""
    if len(directions) == 1:
        return directions[0]
    (ahead, states_ahead), (back, states_back) = directions
    pairs = zip(states_ahead, states_back, strict=True)
    return (
        ops.concatenate([ahead, back], axis=-1),
        [ops.concatenate(pair, axis=-1) for pair in pairs],
    )
