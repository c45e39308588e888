"""Ways to run a decoder: over all target positions at once, or one step at a time.

`AllPositions` runs each layer over a whole target. `OnePosition` computes one step with whatever
`Operands` a training loop, a search or a tracer brings; `decoder_step` is the whole step.

Shape suffixes: B sentences, T target positions, K hypotheses, S source positions, E embedding
units, U units, R readout units.
"""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from seq2seq.models.decoder import ATTENTION, READOUT, Decoder, Source
from seq2seq.models.decoder_parts import Context, Named, Part, Scoped, Vectors
from seq2seq.models.products import Tensor
from seq2seq.models.recurrent.operands import Operands
from seq2seq.models.recurrent.recurrence import dropped

Noise = Callable[[int, Tensor], Tensor]  # (layer, its outputs) -> outputs with training's noise


class AllPositions:
    """Each layer over all target positions at once, for decoders or layers without feedback.

    Args:
        decoder: the layers.
        mask: (B, T) bool, False at padding.
        state: the first, each (B, U).
        source: see the class.
        noise: for training.
    """

    def __init__(
        self, decoder: Decoder, mask: Tensor, state: list[Tensor], source: Source, noise: Noise
    ) -> None:
        self._decoder = decoder
        self._mask = mask
        self._state = state
        self._source = source
        self._noise = noise

    def advance(self, number: int, parts: Named) -> Tensor:
        """See `Runner`: (B, T, U)."""
        layer, first = self._decoder.recurrent[number], self._decoder.own_state(self._state, number)
        outputs, _ = layer(_joined(parts), self._mask, first)
        return self._noise(number, outputs) if self._decoder.is_dropped(number) else outputs

    def attend(self, query: Tensor) -> Vectors:
        """See `Runner`."""
        source = self._source
        return Vectors(self._decoder.attention(query, source.memory, source.keys, source.mask)[0])

    def combine(self, parts: Named) -> Tensor:
        """See `Runner`: (B, T, R)."""
        return self._decoder.readout(_joined(parts))


class OnePosition:
    """One step of each layer, with given operands.

    Args:
        decoder: the layers.
        state: before the step, each (B, K, ...).
        operands: see `decoder_step`.
        noise: for training.
        masks: recurrent dropout of each layer, see `Recurrence.dropout_masks`; none: no dropout.
    """

    def __init__(
        self,
        decoder: Decoder,
        state: list[Tensor],
        operands: Operands,
        noise: Noise | None = None,
        masks: Sequence[Tensor | None] | None = None,
    ) -> None:
        self._decoder = decoder
        self._operands = operands
        self._noise = noise
        self._masks = masks
        self.state = state
        self.new_state: list[Tensor] = []  # of the layers that have advanced

    def recur(self, embedded: Part, count: int) -> tuple[Tensor, Any]:
        """Outputs and context of the position, of the first `count` recurrent layers."""
        decoder = self._decoder
        fed: Part | None = None
        context: Any = None
        if decoder.config.input_feeding:
            fed = Vectors(self.state[-1])
        elif decoder.config.attention_reads == "before":
            query = decoder.own_state(self.state, len(decoder.recurrent) - 1)[0]
            fed = context = self.attend(query)
        return decoder.through(self, range(count), embedded, fed, context)

    def advance(self, number: int, parts: Named) -> Tensor:
        """See `Runner`: (B, K, U)."""
        decoder, cell = self._decoder, self._decoder.cells[number]
        own = Scoped(self._operands, f"{number}/")
        projected = cell.projected(_product(parts, f"{number}/", self._operands), own)
        masks = self._masks[number] if self._masks else None
        operands = dropped(own, decoder.recurrent[number].cell, masks)
        states = cell.advance(projected, decoder.own_state(self.state, number), operands).states
        self.new_state += states
        if self._noise is None or not decoder.is_dropped(number):
            return states[0]
        return self._noise(number, states[0])

    def attend(self, query: Tensor) -> Context:
        """See `Runner`."""
        operands = Scoped(self._operands, ATTENTION)
        attention = self._decoder.attention
        return Context(attention, attention.weigh(query, operands), operands)

    def combine(self, parts: Named) -> Tensor:
        """See `Runner`: (B, K, R)."""
        readout = self._decoder.readout
        bias = self._operands.value(READOUT + "bias") if readout.use_bias else None
        return readout.finished(_product(parts, READOUT, self._operands), bias)


def decoder_step(
    decoder: Decoder, embedded: Part, state: list[Tensor], operands: Operands
) -> tuple[Tensor, list[Tensor], Tensor]:
    """One position of K hypotheses: readouts (B, K, R), the new state, weights (B, K, S).

    Args:
        decoder: the layers.
        embedded: the previous tokens' vectors (B, K, E).
        state: see `Decoder`, each (B, K, ...).
        operands: `Decoder.matrices` and `values`, and those of the sentences, by name.
    """
    run = OnePosition(decoder, state, operands)
    outputs, context = run.recur(embedded, len(decoder.recurrent))
    readout = decoder.read_out(run, outputs, context, embedded)
    new_state = [*run.new_state, *decoder.fed_next(readout, context)]
    return readout, new_state, context.shown


def _joined(parts: Named) -> Tensor:
    tensors = [part.tensor for part in parts.values()]
    return tensors[0] if len(tensors) == 1 else ops.concatenate(tensors, axis=-1)


def _product(parts: Named, prefix: str, operands: Operands) -> Tensor:
    """The sum of the parts' products, each with the rows of a kernel that are for it."""
    products = [part.into(prefix + name, operands) for name, part in parts.items()]
    return sum(products[1:], products[0])
