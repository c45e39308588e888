"""Cells whose gates read the input alone.

All that a step needs of its input, gates too, is made for all steps at once. What is left between
steps are elementwise products, so that training has no recurrent matrix product, forward or back.
"""

from collections.abc import Mapping

import keras
from keras import ops

from seq2seq.models.products import Tensor, value_of
from seq2seq.models.recurrent.cells import Cell, CellStep, kernel_initializer
from seq2seq.models.recurrent.operands import Operands


@keras.saving.register_keras_serializable(package="seq2seq")
class SSRUCell(Cell):
    """The simpler simple recurrent unit, Kim et al. 2019, https://aclanthology.org/D19-5632.

        f = sigmoid(x_t K_f + b)        g = x_t K_g
        c_t = f c_(t-1) + (1 - f) g     h_t = relu(c_t)

    c alone, with a bias for g, is the minGRU of Feng et al. 2024,
    https://arxiv.org/abs/2410.01201, section 3.1, whose z is 1 - f.
    """

    states = 2
    gates = ("forget", "candidate")
    recurrent_products: Mapping[str, tuple[int, int]] = {}

    @property
    def width(self) -> int:
        """Units of x_t K: of gate and candidate."""
        return 2 * self.units

    def build(self, inputs_shape: tuple) -> None:
        """K (D, 2 units) and b (units,), the forget gate's."""
        self.kernel = self.add_weight(
            shape=(inputs_shape[-1], self.width),
            initializer=kernel_initializer(self.initial_gain),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.units,),
            initializer=keras.initializers.Constant(self.forget_bias),
            name="bias",
        )

    def values(self) -> dict[str, Tensor]:
        """The bias."""
        return {"bias": value_of(self.bias)}

    def recurrent_matrices(self, by_gate: bool = False) -> dict[str, Tensor]:
        """None."""
        return {}

    def projected(self, product: Tensor, operands: Operands) -> Tensor:
        """The gate beside the candidate."""
        f, g = ops.split(product, 2, axis=-1)
        return ops.concatenate([ops.sigmoid(f + operands.value("bias")), g], axis=-1)

    def advance(self, projected: Tensor, states: list[Tensor], operands: Operands) -> CellStep:
        """See the class."""
        f, g = ops.split(projected, 2, axis=-1)
        cell = f * states[1] + (1 - f) * g
        return CellStep([ops.relu(cell), cell], dict(zip(self.gates, (f, g), strict=True)))
