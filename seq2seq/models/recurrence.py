"""Recurrent layers of every kind behind the interface of `seq2seq.models.lstm.LSTM`."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal, get_args

import keras
from keras import ops

from seq2seq.models.cells import (
    ForgetBias,
    LayerNormLSTMCell,
    PeepholeLSTMCell,
    kernel_initializer,
)
from seq2seq.models.lstm import LSTM
from seq2seq.models.products import Tensor

Kind = Literal["lstm", "peephole_lstm", "layer_norm_lstm", "gru", "simple_rnn"]
GATELESS = ("gru", "simple_rnn")  # without a forget gate


@keras.saving.register_keras_serializable(package="seq2seq")
class Recurrence(keras.layers.Layer):
    """Any Keras cell over a sequence, or one step at a time, as `LSTM` does it for its own.

    Padding is taken as an argument, never from Keras's implicit mask, and leaves the state
    unchanged, so the backward direction starts at a sentence's last real token however much padding
    follows it. cuDNN is never used.

    Args:
        cell: a Keras cell with `units` and `recurrent_dropout` whose first state is its output.
            `call` applies that dropout in training alone; elsewhere not even a mask is drawn.
        backward: reads from the last step to the first; outputs stay at their steps.

    Call arguments:
        inputs: (B, T, D).
        mask: (B, T) bool, False at padding.
        states: before the first step read, each (B, units); zeros if left out.
        training: whether to drop.

    Returns:
        The output of every step (B, T, units), at padding the one read before it, and the list of
        states after the last step read, each (B, units).
    """

    def __init__(self, cell: keras.layers.Layer, backward: bool = False, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.backward = backward
        self.rnn = keras.layers.RNN(
            cell,
            return_sequences=True,
            return_state=True,
            go_backwards=backward,
            dtype=self.dtype_policy,
            name="rnn",
        )

    @property
    def cell(self) -> keras.layers.Layer:
        """What one step is made by."""
        return self.rnn.cell

    @property
    def units(self) -> int:
        """Size of the output and of each state."""
        return self.cell.units

    @property
    def states(self) -> int:
        """How many state tensors there are."""
        return len(self.rnn.state_size)

    def build(self, inputs_shape: tuple, *_: tuple) -> None:
        """The cell's weights."""
        self.rnn.build(inputs_shape)

    def call(
        self,
        inputs: Tensor,
        mask: Tensor,
        states: list[Tensor] | None = None,
        training: bool = False,
    ) -> tuple[Tensor, list[Tensor]]:
        """See the class."""
        with nullcontext() if training else _no_dropout(self.cell):
            # Not `__call__`, which would attach the mask to the outputs.
            outputs, *last = self.rnn.call(inputs, states, mask=mask, training=training)
        if self.backward:  # Keras gives outputs in the order of reading
            outputs = ops.flip(outputs, axis=1)
        if states is not None:  # Keras gives zeros at padding that comes first on some backends
            ahead = ops.flip(mask, axis=1) if self.backward else mask
            begun = ops.cumsum(ops.cast(ahead, "int32"), axis=1) > 0
            begun = ops.flip(begun, axis=1) if self.backward else begun
            outputs = ops.where(begun[..., None], outputs, states[0][:, None])
        return outputs, last

    @property
    def recurrent_dropout(self) -> float:
        """Share of h_(t-1) that is zeroed in training."""
        return self.cell.recurrent_dropout

    @contextmanager
    def dropping(self, hidden: Tensor) -> Iterator[None]:
        """Within it, steps in training share a mask for each of the rows of h (B, units)."""
        self.cell.get_recurrent_dropout_mask(hidden)  # which the cell keeps
        try:
            yield
        finally:
            self.cell.reset_recurrent_dropout_mask()

    def step(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """One step: inputs (..., D), states (..., units) to output (..., units), new states.

        Dropout is applied in training alone, with the masks of `dropping`.
        """
        leading = ops.shape(inputs)[:-1]
        rows, *state_rows = (
            ops.reshape(each, (-1, each.shape[-1])) for each in (inputs, *states)
        )  # Keras's cells take (B, D) alone
        with nullcontext() if training else _no_dropout(self.cell):
            output, new_states = self.cell(rows, state_rows, training=training)
        shape = (*leading, self.units)
        return ops.reshape(output, shape), [ops.reshape(each, shape) for each in new_states]

    def compute_output_spec(
        self,
        inputs: Tensor,
        mask: Tensor,
        states: list[Tensor] | None = None,
        training: bool = False,
    ) -> tuple:
        """Shapes of what `call` returns."""
        batch, steps, _ = inputs.shape
        dtype = self.compute_dtype
        outputs = keras.KerasTensor((batch, steps, self.units), dtype)
        return outputs, [keras.KerasTensor((batch, self.units), dtype) for _ in range(self.states)]

    def get_config(self) -> dict:
        """Constructor arguments."""
        cell = keras.saving.serialize_keras_object(self.cell)
        return {**super().get_config(), "cell": cell, "backward": self.backward}

    @classmethod
    def from_config(cls, config: dict) -> "Recurrence":
        """A layer with fresh weights."""
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**{**config, "cell": cell})


def make_recurrence(
    kind: Kind,
    units: int,
    *,
    backward: bool = False,
    precision: str = "float32",
    forget_bias: float = 1.0,
    recurrent_dropout: float = 0.0,
    initial_gain: float | None = None,
    name: str | None = None,
) -> LSTM | Recurrence:
    """A recurrent layer with the interface of `LSTM`.

    - lstm: Hochreiter and Schmidhuber 1997 with a forget gate, see `lstm_loop`.
    - peephole_lstm, layer_norm_lstm: see `seq2seq.models.cells`.
    - gru: Cho et al. 2014, https://arxiv.org/abs/1406.1078v3, eqs. 5 to 8, biases added: the reset
      gate is applied to h_(t-1) before the product, tanh(x_t K + (r h_(t-1)) R + b), as printed
      from v3 on and in Bahdanau et al. 2015. Keras's default, reset_after=True, is the order of v1,
      tanh(x_t K + b + r (h_(t-1) R + b')), which cuDNN computes; it is not what is built here.
    - simple_rnn: Elman 1990, h_t = tanh(x_t K + h_(t-1) R + b).

    Args:
        kind: see above.
        units: size of the output and of each state.
        backward: reads from the last step to the first; outputs stay at their steps.
        precision: of an lstm's matrix products if it has no recurrent dropout, "float32" or
            "bfloat16"; whatever else computes in float32, `call` and `step` alike.
        forget_bias: first value of the forget gate's bias.
        recurrent_dropout: share of h_(t-1) that is zeroed in training, in [0, 1), by one mask for
            all steps of a sentence (Gal and Ghahramani 2016, https://arxiv.org/abs/1512.05287).
        initial_gain: see `kernel_initializer`.
        name: of the layer.

    Raises:
        ValueError: the kind is none of these, the share is out of range, or a kind without a forget
            gate was given a bias for it.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"kind must be one of {', '.join(get_args(Kind))} (got {kind!r})")
    if not 0 <= recurrent_dropout < 1:
        raise ValueError(f"recurrent_dropout must be in [0, 1) (got {recurrent_dropout})")
    if kind in GATELESS and forget_bias != 1:
        raise ValueError(f"{kind} has no forget gate: leave forget_bias at 1 (got {forget_bias})")
    if kind == "lstm" and not recurrent_dropout:
        return LSTM(units, backward, precision, forget_bias, initial_gain, name=name)
    cell = _make_cell(kind, units, forget_bias, recurrent_dropout, initial_gain)
    return Recurrence(cell, backward, name=name)


def _make_cell(
    kind: Kind, units: int, forget_bias: float, dropout: float, gain: float | None
) -> keras.layers.Layer:
    own = {"peephole_lstm": PeepholeLSTMCell, "layer_norm_lstm": LayerNormLSTMCell}
    if kind in own:
        return own[kind](units, forget_bias, dropout, gain)
    shared = {"recurrent_dropout": dropout, "kernel_initializer": kernel_initializer(gain)}
    if kind == "gru":
        return keras.layers.GRUCell(units, reset_after=False, **shared)
    if kind == "simple_rnn":
        return keras.layers.SimpleRNNCell(units, **shared)
    return keras.layers.LSTMCell(
        units,
        bias_initializer=ForgetBias(forget_bias),
        unit_forget_bias=False,  # Keras's own way knows no value but 1
        **shared,
    )


@contextmanager
def _no_dropout(cell: keras.layers.Layer) -> Iterator[None]:
    """Keeps Keras from drawing masks that inference would not use.

    Each would advance the random state, and `keras.layers.SimpleRNNCell` would keep one made by
    `step` for the next sentences of another batch.
    """
    share, cell.recurrent_dropout = cell.recurrent_dropout, 0.0
    try:
        yield
    finally:
        cell.recurrent_dropout = share
