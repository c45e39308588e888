"""Matrix products in a chosen precision: the one place where training may leave float32.

With "bfloat16" the factors are rounded to 8 significant bits and multiplied, and so is the product;
what it is added to, states, gates, attention's softmax and sums of gradients stay float32.
Processors with AVX512-BF16 or AMX multiply bfloat16 about twice as fast as float32.
"""

from typing import Any

import keras
from keras import ops

Tensor = Any  # a tensor of whichever backend Keras runs on


def product(left: Tensor, right: Tensor, precision: str) -> Tensor:
    """Matrix product (..., I) x (I, J) -> (..., J), float32 whatever its factors are."""
    if precision == "float32":
        return _rows_times(left, right)
    return ops.cast(_rows_times(ops.cast(left, precision), ops.cast(right, precision)), "float32")


def _rows_times(left: Tensor, right: Tensor) -> Tensor:
    """`ops.matmul`, whose own way on TensorFlow takes some twenty small operations beside each.

    Sizes that are not known while tracing have to be asked for, unless there is one alone.
    """
    *outer, inner = left.shape
    if len(outer) < 2 or inner is None:
        return ops.matmul(left, right)
    sizes = [-1, *outer[1:]] if None not in outer[1:] else ops.shape(left)[:-1]
    rows = ops.matmul(ops.reshape(left, (-1, inner)), right)
    return ops.reshape(rows, (*sizes, ops.shape(right)[-1]))


def value_of(variable: keras.Variable) -> Tensor:
    """A variable's value as a tensor: on TensorFlow, custom gradients refuse variables."""
    return ops.cast(variable, variable.dtype)


def upstream_gradients(args: tuple, upstream: Any) -> tuple:
    """The gradients that a `keras.ops.custom_gradient` backward function got, as a tuple.

    TensorFlow and JAX pass them as positional arguments, PyTorch its only one as the keyword
    `upstream`.
    """
    if upstream is not None:
        return (upstream,)
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        return tuple(args[0])
    return args


@keras.saving.register_keras_serializable(package="seq2seq")
class Projection(keras.layers.Dense):
    """`keras.layers.Dense` whose product has a chosen precision and whose result is float32."""

    def __init__(self, units: int, precision: str = "float32", **kwargs: object) -> None:
        super().__init__(units, **kwargs)
        self.precision = precision

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """(..., I) -> (..., units)."""
        bias = self.bias if self.use_bias else None
        return self.finished(product(inputs, self.kernel, self.precision), bias)

    def finished(self, outputs: Tensor, bias: Tensor | None) -> Tensor:
        """What `call` makes of inputs times the kernel."""
        return self.activation(outputs if bias is None else outputs + bias)

    def get_config(self) -> dict:
        """Constructor arguments."""
        return {**super().get_config(), "precision": self.precision}


@keras.saving.register_keras_serializable(package="seq2seq")
class Dense(Projection):
    """A projection in a list of layers, where Keras names weights in files by the class.

    Files from before these layers had a precision have the name of Keras's own.
    """
