"""Recurrent layers: a cell over a whole sequence, or one step at a time, with the same weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import keras
from keras import ops

from seq2seq.models.products import Tensor, product, value_of
from seq2seq.models.recurrent.backend import Tensors
from seq2seq.models.recurrent.cells import (
    Cell,
    CellStep,
    GRUCell,
    LayerNormLSTMCell,
    LSTMCell,
    PeepholeLSTMCell,
    SimpleRNNCell,
)
from seq2seq.models.recurrent.input_gated_cells import SSRUCell
from seq2seq.models.recurrent.loop import Sequences, recurrent_loop
from seq2seq.models.recurrent.operands import Operands, Weights

Kind = Literal["lstm", "peephole_lstm", "layer_norm_lstm", "gru", "simple_rnn", "ssru"]
CELLS: Mapping[Kind, type[Cell]] = {
    "lstm": LSTMCell,
    "peephole_lstm": PeepholeLSTMCell,
    "layer_norm_lstm": LayerNormLSTMCell,
    "gru": GRUCell,
    "simple_rnn": SimpleRNNCell,
    "ssru": SSRUCell,
}
GATELESS = ("gru", "simple_rnn")  # without a forget gate


@keras.saving.register_keras_serializable(package="seq2seq")
class Recurrence(keras.layers.Layer):
    """A cell over a sequence.

    Padding is taken as an argument, never from Keras's implicit mask, and leaves the state
    unchanged, so the backward direction starts at a sentence's last real token however much padding
    follows it. cuDNN is never used.

    Args:
        cell: see `seq2seq.models.recurrent.cells` and `input_gated_cells`.
        backward: reads from the last step to the first; outputs stay at their steps.
        precision: of matrix products, "float32" or "bfloat16".
        recurrent_dropout: share of h_(t-1) that is zeroed in training, in [0, 1), by one mask a
            gate for all steps of a sentence (Gal and Ghahramani 2016,
            https://arxiv.org/abs/1512.05287, with untied weights).
        weight_dropout: share of the recurrent weights that is zeroed in training, in [0, 1), by one
            mask for all steps and sentences of a batch; the others grow by 1 / (1 - share) (Merity
            et al. 2018, https://arxiv.org/abs/1708.02182, section 2).

    Call arguments:
        inputs: (B, T, D).
        mask: (B, T) bool, False at padding.
        states: before the first step read, each (B, units); zeros if left out.
        training: whether to drop.

    Returns:
        The output h of every step (B, T, units), at padding the one read before it, and the list of
        states after the last step read, each (B, units).
    """

    def __init__(
        self,
        cell: Cell,
        backward: bool = False,
        precision: str = "float32",
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.cell = cell
        self.backward = backward
        self.precision = precision
        self.recurrent_dropout = recurrent_dropout
        self.weight_dropout = weight_dropout
        drops = recurrent_dropout or weight_dropout
        self.seed_generator = keras.random.SeedGenerator() if drops else None

    @property
    def units(self) -> int:
        """Size of the output and of each state."""
        return self.cell.units

    @property
    def states(self) -> int:
        """How many state tensors there are."""
        return self.cell.states

    def build(self, inputs_shape: tuple, *_: tuple) -> None:
        """The cell's weights."""
        if not self.cell.built:  # a cell that comes from a file is
            self.cell.build(inputs_shape)

    def call(
        self,
        inputs: Tensor,
        mask: Tensor,
        states: list[Tensor] | None = None,
        training: bool | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """See the class."""
        steps_first = ops.transpose(inputs, (1, 0, 2))  # fewer numbers than what comes of them
        projected = product(steps_first, value_of(self.cell.kernel), self.precision)
        return self.run(projected, mask, states, bool(training))

    def run(
        self,
        projected_TBG: Tensor,
        mask_BT: Tensor,
        states: list[Tensor] | None = None,
        training: bool = False,
    ) -> tuple[Tensor, list[Tensor]]:
        """The same for inputs that were multiplied with the kernel: (T, B, gates' units)."""
        cell = self.cell
        if states is None:
            zeros = ops.zeros((ops.shape(projected_TBG)[1], cell.units), projected_TBG.dtype)
            states = [zeros] * cell.states
        masks = self.dropout_masks(states[0]) if training and self.recurrent_dropout else None
        weights = self.weights_of_a_step(by_gate=masks is not None, training=training)
        steps, mask_TB = cell.projected(projected_TBG, weights), ops.transpose(mask_BT)
        if self.backward:
            steps, mask_TB = ops.flip(steps, axis=0), ops.flip(mask_TB, axis=0)

        def step(inputs: Tensors, states: Tensors, operands: Operands) -> tuple[Tensors, Tensors]:
            found = cell.advance(inputs[0], states, dropped(operands, cell, masks))
            return found.states, []

        sequences = Sequences([steps], mask_TB)
        (outputs,), _, last = recurrent_loop(step, sequences, states, weights, training=training)
        if self.backward:
            outputs = ops.flip(outputs, axis=0)
        return ops.transpose(outputs, (1, 0, 2)), last

    def step(self, inputs: Tensor, states: list[Tensor]) -> CellStep:
        """One step, nothing dropped: inputs (..., D), states (..., units)."""
        weights = self.weights_of_a_step()
        projected = product(inputs, value_of(self.cell.kernel), self.precision)
        return self.cell.advance(self.cell.projected(projected, weights), states, weights)

    def weights_of_a_step(self, by_gate: bool = False, training: bool = False) -> Weights:
        """What the cell's step uses, see `recurrent_matrices`."""
        matrices = self.recurrent_matrices(by_gate, training)
        return Weights(matrices, self.cell.values(), self.precision)

    def recurrent_matrices(self, by_gate: bool = False, training: bool = False) -> dict:
        """R as the cell's step multiplies with it; in training with weights dropped, drawn anew.

        Args:
            by_gate: see `Cell.recurrent_matrices`, as `dropped` needs it.
            training: whether to drop.
        """
        matrices = self.cell.recurrent_matrices(by_gate)
        if not (training and self.weight_dropout):
            return matrices
        return {
            name: keras.random.dropout(each, self.weight_dropout, seed=self.seed_generator)
            for name, each in matrices.items()
        }

    def dropout_masks(self, hidden: Tensor) -> Tensor:
        """What h (..., units) is multiplied with for each gate: (gates, ..., units)."""
        gates = self.cell.width // self.cell.units
        ones = ops.ones((gates, *ops.shape(hidden)), hidden.dtype)
        return keras.random.dropout(ones, self.recurrent_dropout, seed=self.seed_generator)

    def compute_output_spec(
        self,
        inputs: Tensor,
        mask: Tensor,
        states: list[Tensor] | None = None,
        training: bool | None = None,
    ) -> tuple:
        """Shapes of what `call` returns."""
        batch, steps, _ = inputs.shape
        dtype = self.compute_dtype
        outputs = keras.KerasTensor((batch, steps, self.units), dtype)
        return outputs, [keras.KerasTensor((batch, self.units), dtype) for _ in range(self.states)]

    def get_config(self) -> dict:
        """Constructor arguments."""
        own = {
            "cell": keras.saving.serialize_keras_object(self.cell),
            "backward": self.backward,
            "precision": self.precision,
            "recurrent_dropout": self.recurrent_dropout,
            "weight_dropout": self.weight_dropout,
        }
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict) -> "Recurrence":
        """A layer with fresh weights."""
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**{**config, "cell": cell})


def dropped(operands: Operands, cell: Cell, masks: Tensor | None) -> Operands:
    """Operands whose recurrent products drop parts of h, each gate its own.

    Args:
        operands: with R by gate, see `Cell.recurrent_matrices`.
        cell: whose products they are.
        masks: see `Recurrence.dropout_masks`; None drops nothing, and R stays whole.
    """
    return operands if masks is None else _Dropped(operands, cell.recurrent_products, masks)


@dataclass(frozen=True)
class _Dropped:
    operands: Operands
    products: Mapping[str, tuple[int, int]]
    masks: Tensor

    def times(self, name: str, left: Tensor) -> Tensor:
        if name not in self.products:
            return self.operands.times(name, left)
        parts = [
            self.operands.times(f"{name}_{gate}", left * self.masks[gate])
            for gate in range(*self.products[name])
        ]
        return ops.concatenate(parts, axis=-1)

    def value(self, name: str) -> Tensor:
        return self.operands.value(name)


def make_recurrence(
    kind: Kind,
    units: int,
    *,
    backward: bool = False,
    precision: str = "float32",
    forget_bias: float = 1.0,
    recurrent_dropout: float = 0.0,
    weight_dropout: float = 0.0,
    initial_gain: float | None = None,
    name: str | None = None,
) -> Recurrence:
    """A recurrent layer of a kind of cell.

    Args:
        kind: see `CELLS`.
        units: size of the output and of each state.
        backward: reads from the last step to the first; outputs stay at their steps.
        precision: of matrix products, "float32" or "bfloat16".
        forget_bias: first value of the forget gate's bias.
        recurrent_dropout: see `Recurrence`.
        weight_dropout: see `Recurrence`.
        initial_gain: see `kernel_initializer`.
        name: of the layer.

    Raises:
        ValueError: the kind is none of these, a share is out of range, or a kind was given a
            setting of something that it does not have.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"kind must be one of {', '.join(get_args(Kind))} (got {kind!r})")
    shares = {"recurrent_dropout": recurrent_dropout, "weight_dropout": weight_dropout}
    for setting, share in shares.items():
        if not 0 <= share < 1:
            raise ValueError(f"{setting} must be in [0, 1) (got {share})")
        if share and not CELLS[kind].recurrent_products:
            raise ValueError(f"{kind} has no recurrent product: leave {setting} at 0 (got {share})")
    if kind in GATELESS and forget_bias != 1:
        raise ValueError(f"{kind} has no forget gate: leave forget_bias at 1 (got {forget_bias})")
    cell = CELLS[kind](units, initial_gain, forget_bias)
    return Recurrence(cell, backward, precision, recurrent_dropout, weight_dropout, name=name)
