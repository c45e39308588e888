"""The decoder: recurrent layers, attention and readout, wired once for whoever runs them.

`Decoder.through` is the wiring. What differs is how parts are computed, so that is given as a
value: see `seq2seq.models.decoder_runs`.

Shape suffixes: B sentences, T target positions, K hypotheses, S source positions, E embedding
units, U units, C context units, R readout units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
from keras import ops

from seq2seq.config.architecture import MULTI_HEAD, ModelConfig
from seq2seq.models.attention import Attention, make_attention, make_multi_head
from seq2seq.models.decoder_parts import Named, Part, Vectors
from seq2seq.models.products import Tensor, value_of
from seq2seq.models.readout import make_readout
from seq2seq.models.recurrent.operands import Weights
from seq2seq.models.recurrent.recurrence import Recurrence, make_recurrence

DECODER_SETTINGS = ("config", "precision")
ATTENTION, READOUT = "attention/", "readout/"  # what names of their weights begin with


@dataclass(frozen=True)
class Source:
    """What decoder steps see of a sentence."""

    memory: Tensor  # (B, S, M)
    keys: Tensor  # (B, S, A)
    mask: Tensor  # (B, S) bool, False at padding


class Runner(Protocol):
    """How the parts of a decoder are computed."""

    def advance(self, number: int, parts: Named) -> Tensor:
        """Outputs of a recurrent layer, with training's noise."""

    def attend(self, query: Tensor) -> Any:
        """What attention gives for a state: a `Part`."""

    def combine(self, parts: Named) -> Tensor:
        """What the layer of the readout gives."""


@dataclass(frozen=True)
class Decoder:
    """The layers of a decoder.

    The state of a step is a flat list: h, or h and c, of each layer, then, with input feeding, what
    is fed to the next step.
    """

    config: ModelConfig
    recurrent: list[Recurrence]
    cells: list[Any]  # of `recurrent`, or what takes their steps in their place
    keys: keras.layers.Layer
    attention: Attention
    readout: Any  # a layer, or None

    @property
    def layers(self) -> list[keras.layers.Layer]:
        """Every layer with weights but that of the keys, which are made once a sentence."""
        readout = [self.readout] if self.readout else []
        return [*self.recurrent, self.attention, *readout]

    @property
    def state_sizes(self) -> list[int]:
        """Units of each tensor of the state."""
        recurrent = [self.config.units for layer in self.recurrent for _ in range(layer.states)]
        return recurrent + ([self.config.fed_size] if self.config.input_feeding else [])

    def settings(self) -> dict[str, Any]:
        """What `decoder_of_settings` makes such a decoder of, in plain values."""
        return {"config": self.config.as_dict(), "precision": self.precision}

    def own_state(self, state: list[Tensor], number: int) -> list[Tensor]:
        """The part of a state that is a recurrent layer's, h first."""
        count = self.recurrent[number].states
        return state[number * count : (number + 1) * count]

    def fed_next(self, readout: Tensor, context: Any) -> list[Tensor]:
        """What input feeding adds to the state, if there is any."""
        if not self.config.input_feeding:
            return []
        return [readout if self.config.feeds_readout else context.tensor]

    def through(
        self, run: Runner, numbers: range, below: Part, fed: Part | None, context: Any
    ) -> tuple[Tensor, Any]:
        """Outputs of the last of some recurrent layers, and the context.

        Args:
            run: how layers are computed.
            numbers: of the layers, counted from 0.
            below: what the first of them reads.
            fed: what layer 0 reads beside it: what input feeding feeds, or the context, where
                attention reads before the cell.
            context: what attention gave, where it was asked before these layers.
        """
        reads, residual_from = self.config.attention_reads, self.config.residual_from
        outputs = None
        for number in numbers:
            parts = {("below" if number else "embedded"): below}
            if number == 0 and fed is not None:
                parts["fed"] = fed
            if number and reads == "bottom":
                parts["context"] = context
            outputs = run.advance(number, parts)
            if 0 < residual_from <= number + 1:
                outputs = outputs + below.tensor
            below = Vectors(outputs)
            if number == 0 and reads == "bottom":
                context = run.attend(outputs)
        if reads == "top" and numbers.stop == len(self.recurrent):
            context = run.attend(outputs)
        return outputs, context

    def read_out(self, run: Runner, outputs: Tensor, context: Any, embedded: Part) -> Tensor:
        """What the output layer gets, see `make_readout`: (B, K, R)."""
        kind = self.config.readout
        if kind == "top":
            return outputs
        if kind == "both":
            return ops.concatenate([outputs, context.tensor], axis=-1)
        parts = {"context": context, "state": Vectors(outputs)}
        if kind == "maxout":
            parts["embedded"] = embedded
        return run.combine(parts)

    def is_dropped(self, number: int) -> bool:
        """Whether a recurrent layer's outputs get training's noise.

        What the output layer gets has its own: none twice where no layer is between.
        """
        return number + 1 < len(self.recurrent) or self.readout is not None

    def matrices(
        self,
        numbers: Sequence[int] | None = None,
        by_gate: bool = False,
        training: bool = False,
    ) -> dict:
        """Every weight that a step multiplies with, by the name that it has there.

        Args:
            numbers: only of these recurrent layers; none: of all.
            by_gate: see `Recurrence.recurrent_matrices`.
            training: likewise.
        """
        found = {}
        for number in range(len(self.recurrent)) if numbers is None else numbers:
            layer, first = self.recurrent[number], self.config.units
            beside = "context"
            if number == 0:
                first, beside = self.config.embedding_size, "fed"
            kernel = value_of(layer.cell.kernel)
            found[f"{number}/{'below' if number else 'embedded'}"] = kernel[:first]
            if kernel.shape[0] > first:
                found[f"{number}/{beside}"] = kernel[first:]
            recurrent = layer.recurrent_matrices(by_gate, training)
            found |= {f"{number}/{name}": each for name, each in recurrent.items()}
        found |= {ATTENTION + name: each for name, each in self.attention.matrices().items()}
        return found | self._readout_matrices()

    def _readout_matrices(self) -> dict[str, Tensor]:
        if not self.readout:
            return {}
        kernel, found, start = value_of(self.readout.kernel), {}, 0
        sizes = {"context": self.config.context_size, "state": self.config.units}
        if self.config.readout == "maxout":
            sizes["embedded"] = self.config.embedding_size
        for name, size in sizes.items():
            found[READOUT + name] = kernel[start : start + size]
            start += size
        return found

    def values(self, numbers: Sequence[int] | None = None) -> dict[str, Tensor]:
        """Every other weight of a step, by name; of some recurrent layers, or of all."""
        found = {
            f"{number}/{name}": each
            for number in (range(len(self.recurrent)) if numbers is None else numbers)
            for name, each in self.recurrent[number].cell.values().items()
        }
        found |= {ATTENTION + name: each for name, each in self.attention.values().items()}
        if self.readout and self.readout.use_bias:
            found[READOUT + "bias"] = value_of(self.readout.bias)
        return found

    @property
    def precision(self) -> str:
        """Of matrix products."""
        return self.recurrent[0].precision

    def weights(
        self,
        source: Source,
        numbers: Sequence[int] | None = None,
        by_gate: bool = False,
        training: bool = False,
    ) -> Weights:
        """The operands of a step, not rounded, for the sentences of a source.

        Args:
            source: see the class.
            numbers: see `matrices`, as the following.
            by_gate: of R.
            training: whether weights are dropped.
        """
        made = self.attention.sentences(source.memory, source.keys, source.mask)
        matrices = {ATTENTION + name: each for name, each in made.matrices.items()}
        values = {ATTENTION + name: each for name, each in made.values.items()}
        matrices |= self.matrices(numbers, by_gate, training)
        return Weights(matrices, self.values(numbers) | values, self.precision)


def make_decoder(config: ModelConfig, precision: str) -> Decoder:
    """The layers that the settings ask for; `precision` is that of matrix products."""
    if config.attention in MULTI_HEAD:
        additive = config.attention == "multi_head_additive"
        keys, attention = make_multi_head(config.units, config.heads, additive, precision)
    else:
        keys, attention = make_attention(
            config.attention, config.units, precision, config.scaled_scores
        )
    recurrent = [
        make_recurrence(
            config.cell,
            config.units,
            precision=precision,
            forget_bias=config.forget_bias,
            initial_gain=config.initial_gain,
            recurrent_dropout=config.recurrent_dropout,
            weight_dropout=config.weight_dropout,
            name=f"decoder_{number}",
        )
        for number in range(config.decoder_layers)
    ]
    readout = make_readout(config, precision)
    for number, layer in enumerate(recurrent):
        layer.build((None, None, _input_size(config, number)))
    memory, key_size = config.memory_size, config.units
    if config.attention in MULTI_HEAD:
        key_size = 2 * config.units
    elif config.attention in ("none", "dot"):
        key_size = memory
    attention.build((None, None, config.units), (None, None, memory), (None, None, key_size))
    if readout:
        embedded = config.embedding_size if config.readout == "maxout" else 0
        readout.build((None, None, config.context_size + config.units + embedded))
    cells = [layer.cell for layer in recurrent]
    return Decoder(config, recurrent, cells, keys, attention, readout)


def decoder_of_settings(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a layer with a fresh `decoder` in place of `config` and `precision`."""
    others = {name: value for name, value in arguments.items() if name not in DECODER_SETTINGS}
    config, precision = (arguments[name] for name in DECODER_SETTINGS)
    return {"decoder": make_decoder(ModelConfig(**config), precision), **others}


def _input_size(config: ModelConfig, number: int) -> int:
    """Units that a recurrent layer, counted from 0, reads."""
    if number:
        return config.units + (config.context_size if config.attention_reads == "bottom" else 0)
    before = config.context_size if config.attention_reads == "before" else 0
    return config.embedding_size + config.fed_size + before
