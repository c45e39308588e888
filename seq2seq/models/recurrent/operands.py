"""The weights of a step by their names, and ways to multiply with them.

Shape suffixes: T steps, B sentences.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from keras import ops

from seq2seq.models.products import Tensor, product
from seq2seq.models.recurrent.backend import Tensors, custom_gradient


class Operands(Protocol):
    """The weights of a step by their names; how they are multiplied with is whoever's runs it."""

    def times(self, name: str, left: Tensor) -> Tensor:
        """`left` (..., I) times a matrix (I, J), or times matrices (B, ..., I, J)."""

    def value(self, name: str) -> Tensor:
        """A tensor that a step does not multiply with from the left."""


@dataclass(frozen=True)
class Weights:
    """Tensors, not variables, that a step uses at every position."""

    matrices: Mapping[str, Tensor]  # what `times` multiplies with
    values: Mapping[str, Tensor] = field(default_factory=dict)
    precision: str = "float32"  # of products with matrices (I, J)

    def times(self, name: str, left: Tensor) -> Tensor:
        """See `Operands`."""
        return times(left, self.matrices[name], self.precision)

    def value(self, name: str) -> Tensor:
        """See `Operands`."""
        return self.values[name]

    def rounded(self) -> "Weights":
        """The same with matrices in the type that they are multiplied in."""
        narrow = {name: rounded(each, self.precision) for name, each in self.matrices.items()}
        return replace(self, matrices=narrow)

    def transposed(self) -> dict[str, Tensor]:
        """Matrices that gradients of products are multiplied with, in the type of products."""
        return {
            name: rounded(ops.swapaxes(each, -1, -2), self.precision)
            for name, each in self.matrices.items()
        }


class Recording:
    """The operands of the way forward: multiplies, and keeps what came of it."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.names: list[str] = []
        self.lefts: Tensors = []
        self.products: Tensors = []

    def times(self, name: str, left: Tensor) -> Tensor:
        """See `Operands`."""
        self.names.append(name)
        self.lefts.append(left)
        self.products.append(self._weights.times(name, left))
        return self.products[-1]

    def value(self, name: str) -> Tensor:
        """See `Operands`."""
        return self._weights.value(name)


class Replay:
    """The operands of the way back: reads products, and makes their left factors' gradients."""

    def __init__(
        self,
        products: Tensors,
        transposed: Mapping[str, Tensor],
        values: Mapping[str, Tensor],
        precision: str,
    ) -> None:
        self._products = iter(products)
        self._transposed = transposed
        self._values = values
        self._precision = precision
        self.lefts: Tensors = []

    def times(self, name: str, left: Tensor) -> Tensor:
        """See `Operands`."""
        self.lefts.append(left)

        def read(left: Tensor, known: Tensor) -> tuple[Tensors, Callable]:
            def pull_back(gradients: Sequence[Tensor]) -> Tensors:
                (gradient,) = gradients
                d_left = times(gradient, self._transposed[name], self._precision)
                return [d_left, gradient]

            return [known], pull_back

        return custom_gradient(read, [left, next(self._products)])[0]

    def value(self, name: str) -> Tensor:
        """See `Operands`."""
        return self._values[name]


def rounded(matrix: Tensor, precision: str) -> Tensor:
    """A weight in the type that it is multiplied in; matrices of sentences stay as they are."""
    is_weight = len(matrix.shape) == 2 and precision != "float32"
    return ops.cast(matrix, precision) if is_weight else matrix


def times(left: Tensor, right: Tensor, precision: str) -> Tensor:
    """`left` times a weight (I, J), in the precision, or matrices (B, ..., I, J) as they are."""
    return product(left, right, precision) if len(right.shape) == 2 else ops.matmul(left, right)
