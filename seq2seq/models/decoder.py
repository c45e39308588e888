"""The decoder: recurrent layers, attention and readout, over all positions or one at a time.

Shape suffixes: B sentences, T target positions, K hypotheses, S source positions, E embedding
units, U units, R readout units.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from seq2seq.config.architecture import MULTI_HEAD, ModelConfig
from seq2seq.models.attention import make_attention
from seq2seq.models.multi_head import make_multi_head
from seq2seq.models.products import Tensor
from seq2seq.models.readout import make_readout, read_out
from seq2seq.models.recurrence import make_recurrence
from seq2seq.models.recurrent_step import RecurrentStep

Noise = Callable[[int, Tensor], Tensor]  # (layer, its outputs) -> outputs with training's noise


@dataclass(frozen=True)
class Source:
    """What decoder steps see of a sentence."""

    memory: Tensor  # (B, S, M)
    keys: Tensor  # (B, S, A)
    mask: Tensor  # (B, S) bool, False at padding


@dataclass(frozen=True)
class Decoder:
    """The layers of a decoder.

    The state of a step is a flat list: h, or h and c, of each layer, then, with input feeding, what
    is fed to the next step.
    """

    config: ModelConfig
    recurrent: list[keras.layers.Layer]
    steps: list[RecurrentStep]  # of `recurrent`
    keys: keras.layers.Layer
    attention: keras.layers.Layer
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

    def all_steps(
        self, vectors: Tensor, mask: Tensor, state: list[Tensor], source: Source, dropout: float
    ) -> Tensor:
        """Readouts (B, T, R) of every position at once; for decoders without feedback.

        Args:
            vectors: (B, T, E) of the previous token at each position.
            mask: (B, T) bool, False at padding.
            state: the first, each (B, U).
            source: see the class.
            dropout: after each layer.
        """

        def advance(number: int, inputs: Tensor) -> Tensor:
            return self.recurrent[number](inputs, mask, self.own_state(state, number))[0]

        def noise(_: int, outputs: Tensor) -> Tensor:
            return keras.layers.Dropout(dropout)(outputs)

        outputs, context, _ = self._through(vectors, None, advance, source, noise)
        return read_out(self.config, self.readout, outputs, context, vectors)

    def step(
        self, vectors: Tensor, state: list[Tensor], source: Source, noise: Noise | None = None
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """One position of K hypotheses: readouts (B, K, R), the new state, weights (B, K, S).

        Args:
            vectors: (B, K, E) of the previous tokens.
            state: each (B, K, ...).
            source: see the class.
            noise: for training.
        """
        config, new_state = self.config, []

        def advance(number: int, inputs: Tensor) -> Tensor:
            outputs, states = self.steps[number](inputs, self.own_state(state, number))
            new_state.extend(states)
            return outputs

        fed = None
        if config.input_feeding:
            fed = state[-1]
        elif config.attention_reads == "before":
            fed = self.own_state(state, len(self.recurrent) - 1)[0]
        outputs, context, weights = self._through(vectors, fed, advance, source, noise)
        readout = read_out(config, self.readout, outputs, context, vectors)
        if config.input_feeding:
            attentional = config.attention_reads == "top" and config.readout == "tanh"
            new_state.append(readout if attentional else context)
        return readout, new_state, weights

    def _through(
        self,
        vectors: Tensor,
        fed: Tensor | None,
        advance: Callable[[int, Tensor], Tensor],
        source: Source,
        noise: Noise | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The top layer's outputs, the context, and attention weights.

        `fed`: what input feeding adds to the first layer's input or, where attention reads before
        the cell, the previous top state.
        """
        reads, residual_from = self.config.attention_reads, self.config.residual_from
        context: Tensor = None
        weights: Tensor = None
        if reads == "before":
            context, weights = self._attend(fed, source)
            fed = context
        outputs = vectors if fed is None else ops.concatenate([vectors, fed], axis=-1)
        for number in range(len(self.recurrent)):
            inputs = outputs
            if number and reads == "bottom":
                inputs = ops.concatenate([outputs, context], axis=-1)
            above = advance(number, inputs)
            if 0 < residual_from <= number + 1:
                above = above + outputs
            # What the output layer gets has its own noise: none twice where no layer is between.
            last = number + 1 == len(self.recurrent) and self.readout is None
            outputs = noise(number, above) if noise and not last else above
            if number == 0 and reads == "bottom":
                context, weights = self._attend(outputs, source)
        if reads == "top":
            context, weights = self._attend(outputs, source)
        return outputs, context, weights

    def _attend(self, query: Tensor, source: Source) -> tuple[Tensor, Tensor]:
        return self.attention(query, source.memory, source.keys, source.mask)

    def own_state(self, state: list[Tensor], number: int) -> list[Tensor]:
        """The part of a state that is a recurrent layer's, h first."""
        count = self.recurrent[number].states
        return state[number * count : (number + 1) * count]


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
            name=f"decoder_{number}",
        )
        for number in range(config.decoder_layers)
    ]
    for number, layer in enumerate(recurrent):
        layer.build((None, None, _input_size(config, number)))
    return Decoder(
        config=config,
        recurrent=recurrent,
        steps=[RecurrentStep(layer) for layer in recurrent],
        keys=keys,
        attention=attention,
        readout=make_readout(config, precision),
    )


def _input_size(config: ModelConfig, number: int) -> int:
    """Units that a recurrent layer, counted from 0, reads."""
    if number:
        return config.units + (config.context_size if config.attention_reads == "bottom" else 0)
    before = config.context_size if config.attention_reads == "before" else 0
    return config.embedding_size + config.fed_size + before
