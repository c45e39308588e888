"""The readout: what the output layer gets of a decoder position.

Shape suffixes: B sentences, T target positions or hypotheses, U units, C context units, E embedding
units, R readout units.
"""

from typing import Any

from keras import ops

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.products import Projection, Tensor


class Maxout(Projection):
    """Goodfellow et al. 2013, https://arxiv.org/abs/1302.4389: of every two units, the larger.

    Args:
        units: R, half the width of the product.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(2 * units, **kwargs)

    def finished(self, outputs: Tensor, bias: Tensor | None) -> Tensor:
        """(..., 2 R) -> (..., R)."""
        outputs = super().finished(outputs, bias)
        pairs = ops.reshape(outputs, (*ops.shape(outputs)[:-1], self.units // 2, 2))
        return ops.max(pairs, axis=-1)

    def compute_output_shape(self, inputs_shape: tuple) -> tuple:
        """(..., R)."""
        return (*inputs_shape[:-1], self.units // 2)

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {**super().get_config(), "units": self.units // 2}


def make_readout(config: ModelConfig, precision: str) -> Any:
    """The layer that makes readouts; None where what there is needs no layer.

    `tanh`: tanh(W [context; state]), Luong et al. 2015, https://arxiv.org/abs/1508.04025, eq. 5.
    `maxout`: of Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473, A.2.2, from the context, the
    state after the step, as their eq. 4 has it, and the embedded previous token. `top`: the state
    alone (Sutskever et al. 2014, Wu et al. 2016). `both`: state and context side by side (Chen et
    al. 2018).

    Args:
        config: which readout, and how wide.
        precision: of matrix products.
    """
    if config.readout == "tanh":
        return Projection(
            config.readout_width,
            activation="tanh",
            use_bias=False,
            precision=precision,
            name="combine",
        )
    if config.readout == "maxout":
        return Maxout(config.readout_width, precision=precision, name="combine")
    return None
