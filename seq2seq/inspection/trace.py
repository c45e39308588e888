"""What a network's recurrent layers remember: every gate and state at every step of one sentence.

The encoder and the decoder run as they always do, in whichever way they are wired; their recurrent
layers alone are replaced, by ones that take a step at a time and write down what they compute.

Shape suffixes: S source positions, T target positions, E embedding units, U units, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from keras import ops

from seq2seq.models.decoder_parts import Vectors
from seq2seq.models.decoder_runs import decoder_step
from seq2seq.models.embeddings import scaled
from seq2seq.models.products import Tensor, product, value_of
from seq2seq.models.recurrent.cells import CellStep
from seq2seq.models.recurrent.operands import Operands
from seq2seq.models.recurrent.recurrence import Recurrence
from seq2seq.models.translator import Layers, Translator, begin_decoding


@dataclass(frozen=True)
class LayerTrace:
    """One recurrent layer, or one of two directions; row s is position s whichever way it reads."""

    gates: dict[str, np.ndarray]  # each (S, U) or (T, U); see `Cell.gates` for the names
    hidden: np.ndarray  # h after each position, the same shape
    cell: np.ndarray | None  # c likewise, where the kind has one


@dataclass(frozen=True)
class Trace:
    """What a network computes for one sentence and one output."""

    # By name: encoder_0, or encoder_0_forward and encoder_0_backward, to decoder_0 and so on.
    layers: dict[str, LayerTrace]
    attention: np.ndarray  # (T, S); each row sums to 1, or is 0 without attention
    logits: np.ndarray  # (T, V) of the token after each position of the target

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by a name of its own, e.g. "encoder_0_forward.forget", for one .npz."""
        found = {"attention": self.attention, "logits": self.logits}
        for name, layer in self.layers.items():
            found |= {f"{name}.{gate}": values for gate, values in layer.gates.items()}
            found[f"{name}.hidden"] = layer.hidden
            if layer.cell is not None:
                found[f"{name}.cell"] = layer.cell
        return found


class RecordedCell:
    """A recurrent layer's cell that keeps what its steps computed, as tensors."""

    def __init__(self, layer: Recurrence) -> None:
        self.layer = layer
        self._steps: list[CellStep] = []

    @property
    def steps(self) -> list[CellStep]:
        """In the order of positions."""
        return self._steps[::-1] if self.layer.backward else self._steps

    def projected(self, product: Tensor, operands: Operands) -> Tensor:
        """See `Cell`."""
        return self.layer.cell.projected(product, operands)

    def advance(self, projected: Tensor, states: list[Tensor], operands: Operands) -> CellStep:
        """See `Cell`."""
        found = self.layer.cell.advance(projected, states, operands)
        self._steps.append(found)
        return found

    def read(self, inputs: Tensor, mask: Tensor) -> tuple[Tensor, list[Tensor]]:
        """A whole sentence (1, S, D) without padding, as the layer's `call` takes and gives it."""
        layer, weights = self.layer, self.layer.weights_of_a_step()
        products = product(inputs, value_of(layer.cell.kernel), layer.precision)
        projected = self.projected(products, weights)
        states = [ops.zeros((1, layer.units)) for _ in range(layer.states)]
        positions = range(inputs.shape[1])
        for position in reversed(positions) if layer.backward else positions:
            states = self.advance(projected[:, position], states, weights).states
        return ops.stack([step.states[0] for step in self.steps], axis=1), states


@dataclass(frozen=True)
class Recording:
    """A `Trace` as tensors, through which gradients can be taken."""

    layers: dict[str, RecordedCell]
    attention: Tensor  # (T, S)
    logits: Tensor  # (T, V)


def trace(translator: Translator, source_ids: Sequence[int], target_in: Sequence[int]) -> Trace:
    """Runs one sentence with one output, both given, and keeps what the recurrent layers computed.

    Args:
        translator: without training's noise in what is traced, whatever it was built with.
        source_ids: (S,) as the encoder reads them, EOS at the end, no padding.
        target_in: (T,) as the decoder reads them: BOS, then the output without its last token.

    Raises:
        ValueError: nothing to read on one side.
    """
    recording = record(translator.layers, embedded(translator.layers, source_ids), target_in)
    return Trace(
        layers={name: _layer_trace(layer.steps) for name, layer in recording.layers.items()},
        attention=ops.convert_to_numpy(recording.attention),
        logits=ops.convert_to_numpy(recording.logits),
    )


def embedded(layers: Layers, source_ids: Sequence[int]) -> Tensor:
    """(1, S, E): the sentence as the encoder reads it.

    Raises:
        ValueError: there are no ids.
    """
    if not len(source_ids):
        raise ValueError("the source has no ids; it needs EOS at least")
    return scaled(layers.source_embedding, ops.convert_to_tensor([list(source_ids)], "int32"))


def record(layers: Layers, source_vectors: Tensor, target_in: Sequence[int]) -> Recording:
    """The network's run over embedded source positions (1, S, E) and target ids (T,).

    Raises:
        ValueError: there are no target ids.
    """
    if not len(target_in):
        raise ValueError("the target has no ids; it needs BOS at least")
    reading = [tuple(map(RecordedCell, directions)) for directions in layers.encoder.recurrent]
    writing: list[Any] = [RecordedCell(layer) for layer in layers.decoder.recurrent]
    encoder = replace(
        layers.encoder, recurrent=[tuple(each.read for each in both) for both in reading]
    )
    decoder = replace(layers.decoder, cells=writing)

    mask = ops.ones(source_vectors.shape[:2], "bool")
    memory, last_states = encoder(source_vectors, mask, dropout=0.0)
    source, states = begin_decoding(layers, memory, last_states, mask)
    states, operands = [each[:, None] for each in states], decoder.weights(source)
    readouts, weights = [], []
    for previous in target_in:
        vectors = scaled(layers.target_embedding, ops.convert_to_tensor([[previous]], "int32"))
        readout, states, looked = decoder_step(decoder, Vectors(vectors), states, operands)
        readouts.append(readout[:, 0])
        weights.append(looked[:, 0])
    recorded = [*(each for both in reading for each in both), *writing]
    return Recording(
        layers={each.layer.name: each for each in recorded},
        attention=ops.concatenate(weights, axis=0),
        logits=layers.output(ops.concatenate(readouts, axis=0)),
    )


def _layer_trace(steps: list[CellStep]) -> LayerTrace:
    states = [_rows([step.states[n] for step in steps]) for n in range(len(steps[0].states))]
    return LayerTrace(
        gates={name: _rows([step.gates[name] for step in steps]) for name in steps[0].gates},
        hidden=states[0],
        cell=states[1] if len(states) > 1 else None,
    )


def _rows(values: list[Tensor]) -> np.ndarray:
    return np.stack([np.asarray(ops.convert_to_numpy(value)).reshape(-1) for value in values])
