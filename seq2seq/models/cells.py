"""LSTM cells that Keras lacks, as Keras cells: one step each, for `keras.layers.RNN` to repeat.

Both take z = x_t K + h_(t-1) R + b apart in Keras's order: input gate i, forget gate f, candidate
g, output gate o. They are `keras.layers.LSTMCell`s and have its weights K, R, b and its recurrent
dropout, the variational one of Gal and Ghahramani 2016, https://arxiv.org/abs/1512.05287, with
untied weights: each gate's h_(t-1) is multiplied with a mask that `keras.layers.RNN` has drawn
before a batch's first step, that stays for all its steps, and that `RNN` drops after the last.
"""

import keras
from keras import ops

from seq2seq.models.products import Tensor

EPSILON = 1e-5  # added to variances, as in the code that Ba et al. published


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


class _Cell(keras.layers.LSTMCell):
    """What both cells share. `seed` draws the dropout masks; Keras chooses one if there is none."""

    def __init__(
        self,
        units: int,
        forget_bias: float = 1.0,
        recurrent_dropout: float = 0.0,
        initial_gain: float | None = None,
        seed: int | None = None,
        **kwargs: object,
    ) -> None:
        if refused := kwargs.keys() - {"name", "dtype", "trainable"}:
            raise TypeError(f"{type(self).__name__} has no argument {', '.join(sorted(refused))}")
        super().__init__(
            units,
            bias_initializer=ForgetBias(forget_bias),
            unit_forget_bias=False,  # Keras's own way knows no value but 1
            kernel_initializer=kernel_initializer(initial_gain),
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            **kwargs,
        )
        self.forget_bias = forget_bias
        self.initial_gain = initial_gain

    def recurrent_product(self, hidden: Tensor, training: bool) -> Tensor:
        """h_(t-1) R with dropout in training: (B, units) -> (B, 4 units)."""
        if not (training and self.recurrent_dropout):
            return ops.matmul(hidden, self.recurrent_kernel)
        masks = self.get_recurrent_dropout_mask(hidden)
        kernels = ops.split(self.recurrent_kernel, 4, axis=1)
        pairs = zip(masks, kernels, strict=True)
        return ops.concatenate([ops.matmul(hidden * mask, kernel) for mask, kernel in pairs], 1)

    def get_config(self) -> dict:
        """Constructor arguments; Keras's cell has more, which are fixed here."""
        own = {
            "units": self.units,
            "forget_bias": self.forget_bias,
            "recurrent_dropout": self.recurrent_dropout,
            "initial_gain": self.initial_gain,
            "seed": self.seed,
        }
        return {**keras.layers.Layer.get_config(self), **own}


@keras.saving.register_keras_serializable(package="seq2seq")
class PeepholeLSTMCell(_Cell):
    """LSTM whose gates see the cell state, not only what the output gate lets out of it.

    Gers and Schmidhuber 2000, https://doi.org/10.1109/IJCNN.2000.861302, as written by Graves 2013,
    https://arxiv.org/abs/1308.0850, eqs. 7 to 11:

        i = sigmoid(z_i + p_i c_(t-1))      f = sigmoid(z_f + p_f c_(t-1))
        c_t = f c_(t-1) + i tanh(z_g)       o = sigmoid(z_o + p_o c_t)       h_t = o tanh(c_t)

    The peepholes p are vectors (diagonal matrices), 0 at first: a fresh cell is a plain LSTM.

    Args:
        units: size of the hidden and of the cell state.
        forget_bias: first value of the forget gate's bias.
        recurrent_dropout: share of h_(t-1) that is zeroed in training, see above.
        initial_gain: see `kernel_initializer`.

    Call arguments:
        inputs: (B, D).
        states: h and c, each (B, units).
        training: whether to drop.

    Returns:
        h_t (B, units) and the new [h, c].
    """

    def build(self, inputs_shape: tuple) -> None:
        """K, R, b and a peephole (units,) for each gate."""
        super().build(inputs_shape)
        self.input_peephole, self.forget_peephole, self.output_peephole = (
            self.add_weight(shape=(self.units,), initializer="zeros", name=f"{gate}_peephole")
            for gate in ("input", "forget", "output")
        )

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """See the class."""
        hidden, cell = states
        z = ops.matmul(inputs, self.kernel) + self.recurrent_product(hidden, training) + self.bias
        i, f, g, o = ops.split(z, 4, axis=-1)
        i = ops.sigmoid(i + self.input_peephole * cell)
        f = ops.sigmoid(f + self.forget_peephole * cell)
        cell = f * cell + i * ops.tanh(g)
        hidden = ops.sigmoid(o + self.output_peephole * cell) * ops.tanh(cell)
        return hidden, [hidden, cell]


@keras.saving.register_keras_serializable(package="seq2seq")
class LayerNormLSTMCell(_Cell):
    """LSTM with layer normalisation at each step.

    Ba et al. 2016, https://arxiv.org/abs/1607.06450, supplement, eqs. 20 to 22:

        z = LN(h_(t-1) R; gain) + LN(x_t K; gain) + b
        c_t = sigmoid(z_f) c_(t-1) + sigmoid(z_i) tanh(z_g)
        h_t = sigmoid(z_o) tanh(LN(c_t; gain, bias))

    The reading taken: LN goes over all 4 units of a product at once, as the equation stacks them
    (other implementations normalise gate by gate, or the sum of both products); the state carried
    on is c_t itself, not its norm; the two biases that eq. 20 gives the products' LN are left out,
    because b is added to their sum. Gains start at 1, biases at 0, b's forget gate apart.

    Args:
        units: size of the hidden and of the cell state.
        forget_bias: first value of the forget gate's bias.
        recurrent_dropout: share of h_(t-1) that is zeroed in training, before the product with R.
        initial_gain: see `kernel_initializer`.

    Call arguments:
        inputs: (B, D).
        states: h and c, each (B, units).
        training: whether to drop.

    Returns:
        h_t (B, units) and the new [h, c].
    """

    def build(self, inputs_shape: tuple) -> None:
        """K, R, b, gains of both products (4 units,), gain and bias of the cell (units,)."""
        super().build(inputs_shape)
        gates = 4 * self.units
        self.input_gain = self.add_weight(shape=(gates,), initializer="ones", name="input_gain")
        self.recurrent_gain = self.add_weight(
            shape=(gates,), initializer="ones", name="recurrent_gain"
        )
        self.cell_gain = self.add_weight(shape=(self.units,), initializer="ones", name="cell_gain")
        self.cell_bias = self.add_weight(shape=(self.units,), initializer="zeros", name="cell_bias")

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """See the class."""
        hidden, cell = states
        recurrent = self.recurrent_product(hidden, training)
        z = ops.layer_normalization(recurrent, self.recurrent_gain, epsilon=EPSILON) + self.bias
        z = z + ops.layer_normalization(
            ops.matmul(inputs, self.kernel), self.input_gain, epsilon=EPSILON
        )
        i, f, g, o = ops.split(z, 4, axis=-1)
        cell = ops.sigmoid(f) * cell + ops.sigmoid(i) * ops.tanh(g)
        shown = ops.layer_normalization(cell, self.cell_gain, self.cell_bias, epsilon=EPSILON)
        hidden = ops.sigmoid(o) * ops.tanh(shown)
        return hidden, [hidden, cell]
