"""The LSTM layer: all steps of a sequence at once, or one step at a time, with the same weights."""

import keras
from keras import ops

from seq2seq.models.cells import ForgetBias, kernel_initializer
from seq2seq.models.lstm_loop import lstm_loop, lstm_step
from seq2seq.models.products import Tensor, product, value_of


@keras.saving.register_keras_serializable(package="seq2seq")
class LSTM(keras.layers.Layer):
    """Same weights, equations and results as `keras.layers.LSTM`; see `lstm_loop` for both.

    Padding is taken as an argument, never from Keras's implicit mask, and leaves the state
    unchanged, so the backward direction starts at a sentence's last real token however much padding
    follows it.

    Args:
        units: size of the hidden and of the cell state.
        backward: reads from the last step to the first; outputs stay at their steps.
        precision: of matrix products, "float32" or "bfloat16".
        forget_bias: first value of the forget gate's bias.
        initial_gain: see `kernel_initializer`.

    Call arguments:
        inputs: (B, T, D).
        mask: (B, T) bool, False at padding.
        states: h and c before the first step read, each (B, units); zeros if left out.

    Returns:
        h of every step (B, T, units), and the list [h, c] after the last step read, each (B,
        units).
    """

    states = 2  # state tensors: h and c
    recurrent_dropout = 0.0  # `Recurrence` has it

    def __init__(
        self,
        units: int,
        backward: bool = False,
        precision: str = "float32",
        forget_bias: float = 1.0,
        initial_gain: float | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.backward = backward
        self.precision = precision
        self.forget_bias = forget_bias
        self.initial_gain = initial_gain

    def build(self, inputs_shape: tuple, *_: tuple) -> None:
        """Weights named, shaped and, without a gain, initialised as Keras does."""
        units = self.units
        self.kernel = self.add_weight(
            shape=(inputs_shape[-1], 4 * units),
            initializer=kernel_initializer(self.initial_gain),
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            shape=(units, 4 * units), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight(
            shape=(4 * units,), initializer=ForgetBias(self.forget_bias), name="bias"
        )

    def call(self, inputs: Tensor, mask: Tensor, states: list[Tensor] | None = None) -> tuple:
        """See the class."""
        projected = product(inputs, self.kernel, self.precision) + self.bias
        return self.run(ops.transpose(projected, (1, 0, 2)), mask, states)

    def run(self, steps: Tensor, mask: Tensor, states: list[Tensor] | None = None) -> tuple:
        """The same for inputs that were multiplied with the kernel, bias added: (T, B, 4 units)."""
        if states is None:
            zeros = ops.zeros((ops.shape(steps)[1], self.units))
            states = [zeros, zeros]
        mask = ops.transpose(mask)
        if self.backward:
            steps, mask = ops.flip(steps, axis=0), ops.flip(mask, axis=0)
        kernel = value_of(self.recurrent_kernel)
        hiddens, hidden, cell = lstm_loop(steps, mask, states[0], states[1], kernel, self.precision)
        if self.backward:
            hiddens = ops.flip(hiddens, axis=0)
        return ops.transpose(hiddens, (1, 0, 2)), [hidden, cell]

    def step(self, inputs: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One step: inputs (..., D), states (..., units) to h (..., units) and the new [h, c]."""
        hidden, cell = states
        z = product(inputs, self.kernel, self.precision) + self.bias
        z = z + product(hidden, self.recurrent_kernel, self.precision)
        hidden, cell, _ = lstm_step(z, cell)
        return hidden, [hidden, cell]

    def compute_output_spec(
        self, inputs: Tensor, mask: Tensor, states: list[Tensor] | None = None
    ) -> tuple:
        """Shapes of what `call` returns."""
        batch, steps, _ = inputs.shape
        state = (batch, self.units)
        return keras.KerasTensor((batch, steps, self.units)), [
            keras.KerasTensor(state),
            keras.KerasTensor(state),
        ]

    def get_config(self) -> dict:
        """Constructor arguments."""
        own = {
            "units": self.units,
            "backward": self.backward,
            "precision": self.precision,
            "forget_bias": self.forget_bias,
            "initial_gain": self.initial_gain,
        }
        return {**super().get_config(), **own}
