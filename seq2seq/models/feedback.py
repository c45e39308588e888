"""Training of decoders whose steps need what attention gave: position after position.

Shape suffixes: B sentences, T target positions, E embedding units, U units, R readout units.
"""

import keras
from keras import ops

from seq2seq.models.decoder import Decoder, Source
from seq2seq.models.products import Tensor


class FeedbackDecoder(keras.layers.Layer):
    """A decoder's steps in a loop. Built decoders only: draw a step before.

    Between layers, one dropout mask serves all positions of a sentence (Gal and Ghahramani 2016,
    https://arxiv.org/abs/1512.05287, section 4).

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
        width = vectors.shape[-1]
        ones = ops.ones((ops.shape(vectors)[0], 1, self.decoder.config.units))
        masks = [self.drop(ones, training=training) for _ in self.decoder.recurrent]

        def step(carry: tuple, packed: Tensor) -> tuple:
            before = carry[:-1]
            readout, after, _ = self.decoder.step(
                packed[:, None, :width],
                [each[:, None] for each in before],
                source,
                lambda number, outputs: outputs * masks[number],
            )
            real = packed[:, width:] > 0
            pairs = zip(after, before, strict=True)
            kept = [ops.where(real, new[:, 0], old) for new, old in pairs]
            carry = (*kept, readout[:, 0])
            return carry, carry

        start = ops.zeros((ops.shape(vectors)[0], self.decoder.config.readout_width))
        real = ops.cast(mask, vectors.dtype)[:, :, None]
        packed = ops.transpose(ops.concatenate([vectors, real], axis=-1), (1, 0, 2))
        _, stacked = ops.scan(step, (*state, start), packed)
        return ops.transpose(stacked[-1], (1, 0, 2))

    def compute_output_spec(self, vectors: Tensor, *_: Tensor, **__: object) -> Tensor:
        """(B, T, R)."""
        return keras.KerasTensor((*vectors.shape[:2], self.decoder.config.readout_width))
