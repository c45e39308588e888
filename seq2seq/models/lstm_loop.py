"""The LSTM recurrence over a whole sequence, with backpropagation through time written out.

Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735, with the forget gate of
Gers et al. 2000. With z = x_t K + h_(t-1) R + b split into four parts of U units (Keras's order):

    i = sigmoid(z_i)    f = sigmoid(z_f)    g = tanh(z_g)    o = sigmoid(z_o)
    c_t = f c_(t-1) + i g                   h_t = o tanh(c_t)

At padding the state is carried over unchanged. Why not `keras.layers.LSTM`: its loop adds up the
gradient of R once a step and multiplies in float32, or keeps states in bfloat16 too; here one
product over all steps gives R's gradient, and `precision` reaches the products alone.

Shape suffixes: T steps, B sentences, U units, G = 4U gates.
"""

from keras import ops

from seq2seq.models.products import Tensor, product, upstream_gradients


def lstm_loop(
    inputs_TBG: Tensor,
    mask_TB: Tensor,
    hidden_BU: Tensor,
    cell_BU: Tensor,
    kernel_UG: Tensor,
    precision: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Runs the recurrence from step 0 on.

    Args:
        inputs_TBG: x_t K + b of every step.
        mask_TB: bool, False at padding.
        hidden_BU: h before the first step.
        cell_BU: c before the first step.
        kernel_UG: R.
        precision: of the products with R, see `seq2seq.models.products`.

    Returns:
        h of every step (T, B, U), and h and c after the last (B, U).
    """
    mask_TB1 = ops.cast(mask_TB, "float32")[..., None]

    @ops.custom_gradient
    def run(inputs: Tensor, hidden: Tensor, cell: Tensor, kernel: Tensor) -> tuple:
        hiddens, cells, gates = _forward(inputs, mask_TB1, hidden, cell, kernel, precision)

        def backward(*args: Tensor, upstream: tuple | None = None) -> tuple:
            before = (_shift(hiddens, hidden), _shift(cells, cell))
            (gradient,) = upstream_gradients(args, upstream)
            ends = (gradient[:-1], gradient[-1])
            return _backward(ends, before, gates, mask_TB1, kernel, precision)

        # One tensor, because Keras on PyTorch takes custom gradients of one alone.
        return ops.concatenate([hiddens, cells[-1:]], axis=0), backward

    found = run(inputs_TBG, hidden_BU, cell_BU, kernel_UG)
    hiddens = found[:-1]
    return hiddens, hiddens[-1], found[-1]


def lstm_step(z_BG: Tensor, cell_BU: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One step of the equations above: h_t, c_t and the gates [i, f, g, o] side by side (B, G)."""
    i, f, g, o = ops.split(z_BG, 4, axis=-1)
    i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
    cell_BU = f * cell_BU + i * g
    return o * ops.tanh(cell_BU), cell_BU, ops.concatenate([i, f, g, o], axis=-1)


def _forward(
    inputs_TBG: Tensor,
    mask_TB1: Tensor,
    hidden_BU: Tensor,
    cell_BU: Tensor,
    kernel_UG: Tensor,
    precision: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """h, c (T, B, U) and gates (T, B, G) of every step."""
    kernel_UG = ops.cast(kernel_UG, precision)
    gates = kernel_UG.shape[-1]

    def step(carry: tuple, packed: Tensor) -> tuple:
        hidden, cell, _ = carry
        z, real = packed[:, :gates], packed[:, gates:] > 0
        new_hidden, new_cell, new_gates = lstm_step(z + product(hidden, kernel_UG, precision), cell)
        state = (ops.where(real, new_hidden, hidden), ops.where(real, new_cell, cell), new_gates)
        return state, state

    # One tensor, because keras.ops.scan on TensorFlow takes several only with a static length; the
    # gates travel in the carry, because what it stacks must look like the carry.
    start = (hidden_BU, cell_BU, ops.zeros_like(inputs_TBG[0]))
    _, stacked = ops.scan(step, start, ops.concatenate([inputs_TBG, mask_TB1], axis=-1))
    return stacked


def _backward(
    upstream: tuple[Tensor, Tensor],
    before: tuple[Tensor, Tensor],
    gates_TBG: Tensor,
    mask_TB1: Tensor,
    kernel_UG: Tensor,
    precision: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of inputs, first h, first c and R, from those of all h and of the last c."""
    d_hiddens, d_last_cell = upstream
    hiddens_before, cells_before = before
    units = kernel_UG.shape[0]
    i, f, g, o = ops.split(gates_TBG, 4, axis=-1)
    tanh_cell = ops.tanh(f * cells_before + i * g)
    # What a gradient of c_t, and of h_t, is multiplied with to give z's: all steps at once.
    cell_to_z = ops.concatenate(
        [g * i * (1 - i), cells_before * f * (1 - f), i * (1 - g * g)], axis=-1
    )
    hidden_to_z = tanh_cell * o * (1 - o)
    hidden_to_cell = o * (1 - tanh_cell * tanh_cell)
    sizes = (units, 3 * units, units, units, units, 1)
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes) - 1)]
    transposed_GU = ops.cast(ops.transpose(kernel_UG), precision)

    def step(carry: tuple, packed: Tensor) -> tuple:
        d_hidden, d_cell, _ = carry
        d_out, to_z, from_hidden, to_cell, forget, real = ops.split(packed, ends, axis=-1)
        d_hidden = d_hidden + d_out
        d_new_hidden = d_hidden * real
        d_new_cell = d_cell * real + d_new_hidden * to_cell
        d_z = ops.concatenate(
            [to_z * ops.tile(d_new_cell, (1, 3)), from_hidden * d_new_hidden], axis=-1
        )
        kept = 1 - real
        d_hidden = product(d_z, transposed_GU, precision) + d_hidden * kept
        state = (d_hidden, d_new_cell * forget + d_cell * kept, d_z)
        return state, state

    packed = ops.concatenate(
        [d_hiddens, cell_to_z, hidden_to_z, hidden_to_cell, f, mask_TB1], axis=-1
    )
    start = (ops.zeros_like(d_last_cell), d_last_cell, ops.zeros_like(gates_TBG[0]))
    (d_hidden, d_cell, _), (_, _, d_z) = ops.scan(step, start, packed, reverse=True)
    flat_hidden = ops.reshape(hiddens_before, (-1, units))
    d_kernel = product(ops.transpose(flat_hidden), ops.reshape(d_z, (-1, 4 * units)), precision)
    return d_z, d_hidden, d_cell, d_kernel


def _shift(states_TBU: Tensor, first_BU: Tensor) -> Tensor:
    """The state before each step instead of after it."""
    return ops.concatenate([first_BU[None], states_TBU[:-1]], axis=0)
