"""What a decoder's layers read, part by part: vectors, and what attention gave.

A layer reads several parts side by side. Its product with them is the sum of products with each,
and a part may know its own faster than by making its vectors first.

Shape suffixes: B sentences, K hypotheses, S source positions, C context units.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from seq2seq.models.attention import Attention
from seq2seq.models.products import Tensor
from seq2seq.models.recurrent.operands import Operands


class Part(Protocol):
    """Part of what a layer reads."""

    @property
    def tensor(self) -> Tensor:
        """Its vectors (B, K, ...)."""

    def into(self, name: str, operands: Operands) -> Tensor:
        """Its product with the rows of a kernel that are for it: operands know them by a name."""


Named = dict[str, Part]  # parts side by side


@dataclass(frozen=True)
class Vectors:
    """A part whose vectors are at hand."""

    tensor: Tensor

    def into(self, name: str, operands: Operands) -> Tensor:
        """See `Part`."""
        return operands.times(name, self.tensor)


class Context:
    """What attention gave: weights, and the context, which is read only where it is needed.

    Args:
        attention: whose weights they are.
        weights: see `Attention.weigh`.
        operands: its own.
    """

    def __init__(self, attention: Attention, weights: Tensor, operands: Operands) -> None:
        self._attention = attention
        self._operands = operands
        self.weights = weights

    @cached_property
    def tensor(self) -> Tensor:
        """(B, K, C)."""
        return self._attention.read(self.weights, self._operands)

    @property
    def shown(self) -> Tensor:
        """Weights (B, K, S), of all heads together."""
        return self._attention.shown(self.weights)

    def into(self, name: str, operands: Operands) -> Tensor:
        """See `Part`; operands that know the memory's own product need no context."""
        found = None
        if isinstance(operands, Prepared):
            found = operands.of_context(name, self.weights)
        return operands.times(name, self.tensor) if found is None else found


class Prepared:
    """Operands with products that were made beforehand, of some kernels' rows."""

    def times(self, name: str, left: Tensor) -> Tensor:
        """See `Operands`."""
        raise NotImplementedError

    def value(self, name: str) -> Tensor:
        """See `Operands`."""
        raise NotImplementedError

    def of_context(self, name: str, weights: Tensor) -> Tensor | None:
        """The context's product (B, K, ...), from weights (B, K, S) and the memory's product."""
        raise NotImplementedError

    def of_subwords(self, name: str, ids: Tensor) -> Tensor | None:
        """Embedded subwords' products (B, K, ...), by their ids (B, K)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Scoped:
    """Operands whose names begin with a prefix."""

    operands: Operands
    prefix: str

    def times(self, name: str, left: Tensor) -> Tensor:
        """See `Operands`."""
        return self.operands.times(self.prefix + name, left)

    def value(self, name: str) -> Tensor:
        """See `Operands`."""
        return self.operands.value(self.prefix + name)
