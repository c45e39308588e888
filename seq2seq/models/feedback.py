"""Training of decoders whose steps need what attention gave: position after position.

Only what a later step needs goes so: the layers that attention reads or feeds. Layers above them,
and readouts that are not fed back, then run over all positions at once.

Shape suffixes: B sentences, T target positions, E embedding units, U units, R readout units.
"""

from collections.abc import Mapping

import keras
from keras import ops

from seq2seq.models.decoder import READOUT, Decoder, Source, decoder_of_settings
from seq2seq.models.decoder_parts import Part, Vectors
from seq2seq.models.decoder_runs import AllPositions, OnePosition
from seq2seq.models.products import Tensor, product
from seq2seq.models.recurrent.backend import Tensors
from seq2seq.models.recurrent.loop import Sequences, recurrent_loop
from seq2seq.models.recurrent.operands import Operands, Weights

EMBEDDED = "0/embedded"  # rows of the first layer's kernel, multiplied with before the loop


@keras.saving.register_keras_serializable(package="seq2seq")
class FeedbackDecoder(keras.layers.Layer):
    """A decoder with feedback over a whole target. Built decoders only: draw a step before.

    Dropout is that of decoders without feedback: between layers a mask for each position, on h one
    for all positions of a sentence, on weights one for a batch. Masks are drawn before the loop, in
    which nothing is random.

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
        decoder, source = self.decoder, Source(memory, keys, memory_mask)
        looped = 1 if decoder.config.attention_reads == "bottom" else len(decoder.recurrent)

        def noise(_: int, outputs: Tensor) -> Tensor:
            return self.drop(outputs, training=training)

        rest = AllPositions(decoder, mask, state, source, noise)
        outputs, context, fed = self._loop(looped, vectors, mask, state, source, bool(training))
        if decoder.config.feeds_readout:
            return fed
        if looped < len(decoder.recurrent):
            numbers = range(looped, len(decoder.recurrent))
            outputs, _ = decoder.through(rest, numbers, Vectors(outputs), None, Vectors(context))
        return decoder.read_out(rest, outputs, Vectors(context), Vectors(vectors))

    def _loop(
        self,
        looped: int,
        vectors: Tensor,
        mask: Tensor,
        state: list[Tensor],
        source: Source,
        training: bool,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Outputs of the last looped layer, contexts, and what is fed: each (B, T, ...)."""
        decoder, config = self.decoder, self.decoder.config
        kept = decoder.recurrent[:looped]
        states = [each for n in range(looped) for each in decoder.own_state(state, n)]
        states = [each[:, None] for each in states + (state[-1:] if config.input_feeding else [])]
        masks = None
        if training and config.recurrent_dropout:
            masks = [
                layer.dropout_masks(decoder.own_state(states, n)[0]) for n, layer in enumerate(kept)
            ]
        weights = self._weights(range(looped), source, masks is not None, training)
        noises = self._noises(vectors, looped) if training and self.drop.rate else []

        def step(inputs: Tensors, states: Tensors, operands: Operands) -> tuple[Tensors, Tensors]:
            embedded, *noise = inputs
            run = OnePosition(
                decoder,
                states,
                operands,
                (lambda number, outputs: outputs * noise[number]) if noise else None,
                masks,
            )
            outputs, context = run.recur(_Projected(embedded), looped)
            readout = None
            if config.feeds_readout:
                readout = decoder.read_out(run, outputs, context, _Projected(embedded))
            after = [*run.new_state, *decoder.fed_next(readout, context)]
            return after, [outputs, context.tensor]

        rows = decoder.matrices([0])[EMBEDDED]
        embedded = product(vectors, rows, decoder.precision)
        sequences = Sequences([_steps_first(embedded)], ops.transpose(mask), noises)
        returned = (len(states) - 1,) if config.input_feeding else ()
        fed, found, _ = recurrent_loop(step, sequences, states, weights, returned, training)
        outputs, context = (_sentences_first(each) for each in found)
        return outputs, context, _sentences_first(fed[0]) if fed else None

    def _weights(self, numbers: range, source: Source, by_gate: bool, training: bool) -> Weights:
        """What the steps in the loop use, and nothing else."""
        whole = self.decoder.weights(source, numbers, by_gate, training)
        outside = () if self.decoder.config.feeds_readout else (READOUT,)

        def inside(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {name: each for name, each in named.items() if not name.startswith(outside)}

        matrices = inside(whole.matrices)
        del matrices[EMBEDDED]
        return Weights(matrices, inside(whole.values), whole.precision)

    def _noises(self, vectors: Tensor, looped: int) -> list[Tensor]:
        """What each recurrent layer's outputs are multiplied with, each (T, B, 1, U)."""
        batch, steps, _ = ops.shape(vectors)
        ones = ops.ones((steps, batch, 1, self.decoder.config.units))
        return [self.drop(ones, training=True) for _ in range(looped)]

    def compute_output_spec(self, vectors: Tensor, *_: Tensor, **__: object) -> Tensor:
        """(B, T, R)."""
        return keras.KerasTensor((*vectors.shape[:2], self.decoder.config.readout_width))

    def get_config(self) -> dict:
        """Settings of the decoder, which a copy makes its own of, and the dropout."""
        return {**super().get_config(), **self.decoder.settings(), "dropout": self.drop.rate}

    @classmethod
    def from_config(cls, config: dict) -> "FeedbackDecoder":
        """A layer with a decoder of its own, with fresh weights."""
        return cls(**decoder_of_settings(config))


class _Projected(Part):
    """Embedded tokens that were multiplied with the first layer's kernel, all positions at once."""

    def __init__(self, product: Tensor) -> None:
        self._product = product

    @property
    def tensor(self) -> Tensor:
        raise NotImplementedError("only a readout that is not fed back reads embedded tokens")

    def into(self, name: str, operands: Operands) -> Tensor:
        return self._product


def _steps_first(values: Tensor) -> Tensor:
    """(B, T, U) as (T, B, 1, U)."""
    return ops.transpose(values, (1, 0, 2))[:, :, None]


def _sentences_first(values: Tensor) -> Tensor:
    """(T, B, 1, U) as (B, T, U)."""
    return ops.transpose(values[:, :, 0], (1, 0, 2))
