"""One step of every kind of recurrent layer, with its gates: the equations on the layer's weights.

Where a layer's own step gives states alone, these give what made them. The sources of the equations
stand in `lstm_loop`, `cells` and `recurrence`.
"""

from dataclasses import dataclass

import keras
from keras import ops

from seq2seq.models.cells import EPSILON, LayerNormLSTMCell, PeepholeLSTMCell
from seq2seq.models.lstm import LSTM
from seq2seq.models.lstm_loop import lstm_step
from seq2seq.models.products import Tensor, product

LSTM_GATES = ("input", "forget", "candidate", "output")  # in Keras's order


@dataclass(frozen=True)
class CellStep:
    """What one step of a layer computes."""

    gates: dict[str, Tensor]  # each (..., units)
    states: list[Tensor]  # h, or h and c, after the step; each (..., units)


def cell_step(layer: keras.layers.Layer, inputs: Tensor, states: list[Tensor]) -> CellStep:
    """`layer.step` with the gates.

    LSTM kinds have the gates input, forget, candidate (before it is let in) and output; a gru has
    update, reset and candidate; a simple_rnn has none.

    Args:
        layer: see `make_recurrence`; built. Nothing is dropped.
        inputs: (..., D).
        states: before the step, each (..., units).

    Raises:
        ValueError: no equations are known for the layer's cell.
    """
    if isinstance(layer, LSTM):
        return _lstm(layer, inputs, states, layer.precision)
    cell = layer.cell
    if isinstance(cell, PeepholeLSTMCell):
        return _peephole_lstm(cell, inputs, states)
    if isinstance(cell, LayerNormLSTMCell):
        return _layer_norm_lstm(cell, inputs, states)
    if isinstance(cell, keras.layers.LSTMCell):
        return _lstm(cell, inputs, states, "float32")
    if isinstance(cell, keras.layers.GRUCell) and not cell.reset_after:
        return _gru(cell, inputs, states)
    if isinstance(cell, keras.layers.SimpleRNNCell):
        return CellStep({}, [ops.tanh(_sums(cell, inputs, states[0]))])
    raise ValueError(f"{type(cell).__name__} has no equations to trace")


def _sums(
    weights: keras.layers.Layer, inputs: Tensor, hidden: Tensor, precision: str = "float32"
) -> Tensor:
    """x_t K + h_(t-1) R + b."""
    from_inputs = product(inputs, weights.kernel, precision)
    return from_inputs + product(hidden, weights.recurrent_kernel, precision) + weights.bias


def _lstm(
    weights: keras.layers.Layer, inputs: Tensor, states: list[Tensor], precision: str
) -> CellStep:
    hidden, cell = states
    z = _sums(weights, inputs, hidden, precision)
    hidden, cell, gates = lstm_step(z, cell)
    return CellStep(
        dict(zip(LSTM_GATES, ops.split(gates, 4, axis=-1), strict=True)), [hidden, cell]
    )


def _peephole_lstm(weights: PeepholeLSTMCell, inputs: Tensor, states: list[Tensor]) -> CellStep:
    """Graves 2013, https://arxiv.org/abs/1308.0850, eqs. 7 to 11."""
    hidden, cell = states
    i, f, g, o = ops.split(_sums(weights, inputs, hidden), 4, axis=-1)
    i = ops.sigmoid(i + weights.input_peephole * cell)
    f = ops.sigmoid(f + weights.forget_peephole * cell)
    g = ops.tanh(g)
    cell = f * cell + i * g
    o = ops.sigmoid(o + weights.output_peephole * cell)
    gates = dict(zip(LSTM_GATES, (i, f, g, o), strict=True))
    return CellStep(gates, [o * ops.tanh(cell), cell])


def _layer_norm_lstm(weights: LayerNormLSTMCell, inputs: Tensor, states: list[Tensor]) -> CellStep:
    """Ba et al. 2016, https://arxiv.org/abs/1607.06450, supplement, eqs. 20 to 22."""
    hidden, cell = states
    recurrent = ops.matmul(hidden, weights.recurrent_kernel)
    projected = ops.matmul(inputs, weights.kernel)
    z = ops.layer_normalization(recurrent, weights.recurrent_gain, epsilon=EPSILON)
    z = z + ops.layer_normalization(projected, weights.input_gain, epsilon=EPSILON) + weights.bias
    i, f, g, o = ops.split(z, 4, axis=-1)
    i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
    cell = f * cell + i * g
    shown = ops.layer_normalization(cell, weights.cell_gain, weights.cell_bias, epsilon=EPSILON)
    gates = dict(zip(LSTM_GATES, (i, f, g, o), strict=True))
    return CellStep(gates, [o * ops.tanh(shown), cell])


def _gru(weights: keras.layers.GRUCell, inputs: Tensor, states: list[Tensor]) -> CellStep:
    """Cho et al. 2014, https://arxiv.org/abs/1406.1078v3, eqs. 5 to 8."""
    (hidden,) = states
    update_x, reset_x, candidate_x = ops.split(
        ops.matmul(inputs, weights.kernel) + weights.bias, 3, axis=-1
    )
    to_update, to_reset, to_candidate = ops.split(
        ops.convert_to_tensor(weights.recurrent_kernel), 3, axis=1
    )
    update = ops.sigmoid(update_x + ops.matmul(hidden, to_update))
    reset = ops.sigmoid(reset_x + ops.matmul(hidden, to_reset))
    candidate = ops.tanh(candidate_x + ops.matmul(reset * hidden, to_candidate))
    hidden = update * hidden + (1 - update) * candidate
    return CellStep({"update": update, "reset": reset, "candidate": candidate}, [hidden])
