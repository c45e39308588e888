"""Recurrent cells: the equations of one step, each written once.

Whoever runs a cell, training's loop, a search, the tracing of a sentence or an exported graph,
calls its `advance`. All take z = x_t K + b, made for all steps at once (`projected`), and multiply
h_(t-1) with R by way of operands (see there): rounded, prepared or dropped weights are the caller's
affair. Weights are named and shaped as in Keras, gates in its order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
from keras import ops

from seq2seq.models.products import Tensor, value_of
from seq2seq.models.recurrent.backend import Pullback, Tensors, custom_gradient
from seq2seq.models.recurrent.operands import Operands

EPSILON = 1e-5  # added to variances, as in the code that Ba et al. published


@dataclass(frozen=True)
class CellStep:
    """What one step of a cell computes."""

    states: list[Tensor]  # h, or h and c, after the step; each (..., units)
    gates: dict[str, Tensor]  # each (..., units), for whoever looks


@keras.saving.register_keras_serializable(package="seq2seq")
class ForgetBias(keras.initializers.Initializer):
    """The bias of an LSTM's four gates (4 units,): `value` for the forget gate, 0 for the others.

    A gate that starts open lets gradients through from the first step on (Gers et al. 2000;
    Jozefowicz et al. 2015 recommend 1).
    """

    def __init__(self, value: float = 1.0) -> None:
        self.value = value

    def __call__(self, shape: tuple, dtype: str | None = None) -> Tensor:
        """See the class."""
        units = shape[0] // 4
        forget = ops.full((units,), self.value, dtype)
        return ops.concatenate([forget * 0, forget, ops.zeros((2 * units,), dtype)])

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {"value": self.value}


def kernel_initializer(gain: float | None) -> str | keras.initializers.Initializer:
    """How kernels of inputs begin: uniform, of a standard deviation of gain / inputs' width ** 0.5.

    Without a gain as in Keras, Glorot's, which counts the outputs of all gates: each layer's output
    is then several times smaller than its input, and what stands on four of them hears little.
    """
    if gain is None:
        return "glorot_uniform"
    return keras.initializers.VarianceScaling(gain**2, "fan_in", "uniform")


class Cell(keras.layers.Layer):
    """What all cells share; subclasses have the equations.

    Args:
        units: size of the output and of each state.
        initial_gain: see `kernel_initializer`.
        forget_bias: first value of the forget gate's bias, where there is one.
    """

    states = 1  # state tensors: h, or h and c
    gates: tuple[str, ...] = ()  # of `CellStep`, by name
    # Columns of R that are multiplied with together: first and last gate of each product.
    recurrent_products: Mapping[str, tuple[int, int]] = {"recurrent": (0, 1)}

    def __init__(
        self,
        units: int,
        initial_gain: float | None = None,
        forget_bias: float = 1.0,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.initial_gain = initial_gain
        self.forget_bias = forget_bias

    @property
    def width(self) -> int:
        """Units of x_t K: of all gates."""
        return self.units * max(last for _, last in self.recurrent_products.values())

    def build(self, inputs_shape: tuple) -> None:
        """K (D, width), R (units, width) and b (width,), which begin as in Keras but for a gain."""
        self.kernel = self.add_weight(
            shape=(inputs_shape[-1], self.width),
            initializer=kernel_initializer(self.initial_gain),
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.width), initializer="orthogonal", name="recurrent_kernel"
        )
        is_lstm = "forget" in self.gates
        self.bias = self.add_weight(
            shape=(self.width,),
            initializer=ForgetBias(self.forget_bias) if is_lstm else "zeros",
            name="bias",
        )

    def values(self) -> dict[str, Tensor]:
        """Weights that a step does not multiply with from the left, by name."""
        return {"bias": value_of(self.bias)}

    def recurrent_matrices(self, by_gate: bool = False) -> dict[str, Tensor]:
        """R as the step multiplies with it: a matrix a product, or a gate of each product."""
        kernel = value_of(self.recurrent_kernel)
        if by_gate:
            gates = [
                (f"{name}_{gate}", (gate, gate + 1))
                for name, (first, last) in self.recurrent_products.items()
                for gate in range(first, last)
            ]
        else:
            gates = list(self.recurrent_products.items())
        return {
            name: kernel[:, first * self.units : last * self.units] for name, (first, last) in gates
        }

    def projected(self, product: Tensor, operands: Operands) -> Tensor:
        """What `advance` takes, from x_t K (..., width)."""
        return product + operands.value("bias")

    def advance(self, projected: Tensor, states: list[Tensor], operands: Operands) -> CellStep:
        """One step.

        Args:
            projected: (..., width), see the method of that name.
            states: before the step, each (..., units).
            operands: R by the names of `recurrent_products`, and `values`.
        """
        raise NotImplementedError

    def get_config(self) -> dict:
        """Constructor arguments."""
        own = {
            "units": self.units,
            "initial_gain": self.initial_gain,
            "forget_bias": self.forget_bias,
        }
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="seq2seq")
class LSTMCell(Cell):
    """Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735.

    With the forget gate of Gers et al. 2000. With z = x_t K + h_(t-1) R + b split into four parts:

        i = sigmoid(z_i)    f = sigmoid(z_f)    g = tanh(z_g)    o = sigmoid(z_o)
        c_t = f c_(t-1) + i g                   h_t = o tanh(c_t)
    """

    states = 2
    gates = ("input", "forget", "candidate", "output")
    recurrent_products = {"recurrent": (0, 4)}

    def advance(self, projected: Tensor, states: list[Tensor], operands: Operands) -> CellStep:
        """See the class."""
        hidden, cell = states
        i, f, g, o = ops.split(projected + operands.times("recurrent", hidden), 4, axis=-1)
        i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
        cell = f * cell + i * g
        gates = dict(zip(self.gates, (i, f, g, o), strict=True))
        return CellStep([o * ops.tanh(cell), cell], gates)


@keras.saving.register_keras_serializable(package="seq2seq")
class PeepholeLSTMCell(LSTMCell):
    """LSTM whose gates see the cell state, not only what the output gate lets out of it.

    Gers and Schmidhuber 2000, https://doi.org/10.1109/IJCNN.2000.861302, as written by Graves 2013,
    https://arxiv.org/abs/1308.0850, eqs. 7 to 11:

        i = sigmoid(z_i + p_i c_(t-1))      f = sigmoid(z_f + p_f c_(t-1))      g = tanh(z_g)
        c_t = f c_(t-1) + i g               o = sigmoid(z_o + p_o c_t)          h_t = o tanh(c_t)

    The peepholes p are vectors (diagonal matrices), 0 at first: a fresh cell is a plain LSTM.
    """

    def build(self, inputs_shape: tuple) -> None:
        """K, R, b and a peephole (units,) for each gate."""
        super().build(inputs_shape)
        self.input_peephole, self.forget_peephole, self.output_peephole = (
            self.add_weight(shape=(self.units,), initializer="zeros", name=f"{gate}_peephole")
            for gate in ("input", "forget", "output")
        )

    def values(self) -> dict[str, Tensor]:
        """The bias and the peepholes."""
        peepholes = (self.input_peephole, self.forget_peephole, self.output_peephole)
        return super().values() | {each.name: value_of(each) for each in peepholes}

    def advance(self, projected: Tensor, states: list[Tensor], operands: Operands) -> CellStep:
        """See the class."""
        hidden, cell = states
        i, f, g, o = ops.split(projected + operands.times("recurrent", hidden), 4, axis=-1)
        i = ops.sigmoid(i + operands.value("input_peephole") * cell)
        f = ops.sigmoid(f + operands.value("forget_peephole") * cell)
        g = ops.tanh(g)
        cell = f * cell + i * g
        o = ops.sigmoid(o + operands.value("output_peephole") * cell)
        gates = dict(zip(self.gates, (i, f, g, o), strict=True))
        return CellStep([o * ops.tanh(cell), cell], gates)


@keras.saving.register_keras_serializable(package="seq2seq")
class LayerNormLSTMCell(LSTMCell):
    """LSTM with layer normalisation at each step.

    Ba et al. 2016, https://arxiv.org/abs/1607.06450, supplement, eqs. 20 to 22:

        z = LN(h_(t-1) R; gain) + LN(x_t K; gain) + b
        c_t = sigmoid(z_f) c_(t-1) + sigmoid(z_i) tanh(z_g)
        h_t = sigmoid(z_o) tanh(LN(c_t; gain, bias))

    The reading taken: LN goes over all 4 units of a product at once, as the equation stacks them
    (other implementations normalise gate by gate, or the sum of both products); the state carried
    on is c_t itself, not its norm; the two biases that eq. 20 gives the products' LN are left out,
    because b is added to their sum. Gains start at 1, biases at 0, b's forget gate apart.
    """

    def build(self, inputs_shape: tuple) -> None:
        """K, R, b, gains of both products (4 units,), gain and bias of the cell (units,)."""
        super().build(inputs_shape)
        start = {"gain": "ones", "bias": "zeros"}
        self.input_gain, self.recurrent_gain, self.cell_gain, self.cell_bias = (
            self.add_weight(shape=(width,), initializer=start[kind], name=f"{of}_{kind}")
            for of, kind, width in (
                ("input", "gain", self.width),
                ("recurrent", "gain", self.width),
                ("cell", "gain", self.units),
                ("cell", "bias", self.units),
            )
        )

    def values(self) -> dict[str, Tensor]:
        """Biases and gains."""
        own = (self.input_gain, self.recurrent_gain, self.cell_gain, self.cell_bias)
        return super().values() | {each.name: value_of(each) for each in own}

    def projected(self, product: Tensor, operands: Operands) -> Tensor:
        """As it is: a step normalises its own slice while that is at hand."""
        return product

    def advance(self, projected: Tensor, states: list[Tensor], operands: Operands) -> CellStep:
        """See the class."""
        hidden, cell = states
        recurrent = normalized(operands.times("recurrent", hidden))
        z = normalized(projected) * operands.value("input_gain") + operands.value("bias")
        z = z + recurrent * operands.value("recurrent_gain")
        i, f, g, o = ops.split(z, 4, axis=-1)
        i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
        cell = f * cell + i * g
        shown = normalized(cell) * operands.value("cell_gain") + operands.value("cell_bias")
        gates = dict(zip(self.gates, (i, f, g, o), strict=True))
        return CellStep([o * ops.tanh(shown), cell], gates)


@keras.saving.register_keras_serializable(package="seq2seq")
class GRUCell(Cell):
    """Cho et al. 2014, https://arxiv.org/abs/1406.1078v3, eqs. 5 to 8, biases added.

        u = sigmoid(x_t K_u + h_(t-1) R_u + b_u)        r = sigmoid(x_t K_r + h_(t-1) R_r + b_r)
        g = tanh(x_t K_g + (r h_(t-1)) R_g + b_g)       h_t = u h_(t-1) + (1 - u) g

    The reset gate is applied to h_(t-1) before the product, as printed from v3 on and in Bahdanau
    et al. 2015. Keras's default, reset_after=True, is the order of v1, r (h_(t-1) R_g + b'), which
    cuDNN computes; it is not what is built here.
    """

    gates = ("update", "reset", "candidate")
    recurrent_products = {"recurrent_gates": (0, 2), "recurrent_candidate": (2, 3)}

    def advance(self, projected: Tensor, states: list[Tensor], operands: Operands) -> CellStep:
        """See the class."""
        (hidden,) = states
        of_gates, of_candidate = ops.split(projected, [2 * self.units], axis=-1)
        of_gates = of_gates + operands.times("recurrent_gates", hidden)
        u, r = ops.split(ops.sigmoid(of_gates), 2, axis=-1)
        g = ops.tanh(of_candidate + operands.times("recurrent_candidate", r * hidden))
        hidden = u * hidden + (1 - u) * g
        return CellStep([hidden], dict(zip(self.gates, (u, r, g), strict=True)))


@keras.saving.register_keras_serializable(package="seq2seq")
class SimpleRNNCell(Cell):
    """Elman 1990, https://doi.org/10.1207/s15516709cog1402_1: h_t = tanh(x_t K + h_(t-1) R + b)."""

    def advance(self, projected: Tensor, states: list[Tensor], operands: Operands) -> CellStep:
        """See the class."""
        return CellStep([ops.tanh(projected + operands.times("recurrent", states[0]))], {})


def normalized(values: Tensor) -> Tensor:
    """Values (..., U) with mean 0 and variance 1 over their last axis.

    Its gradient is written out, because the backend's takes thrice the time: with y the result and
    d its gradient, (d - mean(d) - y mean(d y)) / deviation.
    """

    def run(values: Tensor) -> tuple[Tensors, Pullback]:
        centred = values - ops.mean(values, axis=-1, keepdims=True)
        scale = ops.rsqrt(ops.mean(centred * centred, axis=-1, keepdims=True) + EPSILON)
        found = centred * scale

        def pull_back(gradients: Sequence[Tensor]) -> Tensors:
            (gradient,) = gradients
            along = ops.mean(gradient * found, axis=-1, keepdims=True)
            level = ops.mean(gradient, axis=-1, keepdims=True)
            return [(gradient - level - found * along) * scale]

        return [found], pull_back

    return custom_gradient(run, [values])[0]
