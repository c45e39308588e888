"""Training of decoders whose steps need what attention gave: position after position.

Shape suffixes: B sentences, T target positions, E embedding units, U units, R readout units.
"""

import contextlib
import itertools

import keras
from keras import ops

from seq2seq.models.decoder import Decoder, Source
from seq2seq.models.products import Tensor


class FeedbackDecoder(keras.layers.Layer):
    """A decoder's steps in a loop. Built decoders only: draw a step before.

    Dropout is that of decoders without feedback: between layers a mask for each position, on h one
    for all positions of a sentence. Masks are drawn before the loop, in which nothing is random.

    Args:
        decoder: whose weights are used.
        dropout: after each recurrent layer.

    Call arguments:
        vectors: (B, T, E) of the previous token at each position.
        mask: (B, T) bool, False at padding.
        state: the first, each (B, ...).
        memory, keys, memory_mask: see `Source`.

    Returns:
        Readouts (B, T, R).
    """

    def __init__(self, decoder: Decoder, dropout: float, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.decoder = decoder
        self.sublayers = decoder.layers  # tracked, as the fields of a data class are not
        self.drop = keras.layers.Dropout(dropout)

    def call(
        self,
        vectors: Tensor,
        mask: Tensor,
        state: list[Tensor],
        memory: Tensor,
        keys: Tensor,
        memory_mask: Tensor,
        training: bool | None = None,
    ) -> Tensor:
        """See the class."""
        source = Source(memory, keys, memory_mask)
        real = ops.cast(mask, vectors.dtype)[:, :, None]
        columns = [vectors, real]
        if training and self.drop.rate:
            columns += self._masks(vectors)
        ends = list(itertools.accumulate(each.shape[-1] for each in columns))[:-1]

        def step(carry: tuple, packed: Tensor) -> tuple:
            before = carry[:-1]
            inputs, real, *masks = ops.split(packed[:, None], ends, axis=-1)
            readout, after, _ = self.decoder.step(
                inputs,
                [each[:, None] for each in before],
                source,
                (lambda number, outputs: outputs * masks[number]) if masks else None,
            )
            real = real[:, 0] > 0
            pairs = zip(after, before, strict=True)
            kept = [ops.where(real, new[:, 0], old) for new, old in pairs]
            carry = (*kept, readout[:, 0])
            return carry, carry

        start = ops.zeros((ops.shape(vectors)[0], self.decoder.config.readout_width))
        packed = ops.transpose(ops.concatenate(columns, axis=-1), (1, 0, 2))
        with contextlib.ExitStack() as stack:
            for number, layer in enumerate(self.decoder.recurrent):
                if training and layer.recurrent_dropout:
                    stack.enter_context(layer.dropping(self.decoder.own_state(state, number)[0]))
            _, stacked = ops.scan(step, (*state, start), packed)
        return ops.transpose(stacked[-1], (1, 0, 2))

    def _masks(self, vectors: Tensor) -> list[Tensor]:
        """What each recurrent layer's outputs are multiplied with, each (B, T, U)."""
        ones = ops.ones((*ops.shape(vectors)[:2], self.decoder.config.units))
        return [self.drop(ones, training=True) for _ in self.decoder.recurrent]

    def compute_output_spec(self, vectors: Tensor, *_: Tensor, **__: object) -> Tensor:
        """(B, T, R)."""
        return keras.KerasTensor((*vectors.shape[:2], self.decoder.config.readout_width))
