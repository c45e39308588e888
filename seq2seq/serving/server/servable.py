"""A model as the server knows it: named signatures from arrays to arrays."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from seq2seq.config.languages import Languages
from seq2seq.serving.saved_model.tensors import Arrays, Signature, dtype_name
from seq2seq.serving.server.errors import LONGEST_QUOTE, invalid, listed


class ServedModel(Protocol):
    """A loaded model; several threads may call it at once."""

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """The functions by name."""

    @property
    def languages(self) -> Languages:
        """Of its source and its target."""

    def prepare(self) -> None:
        """Does what need not be done before the first request; called once, while it answers."""

    def predict(self, signature: str, inputs: Arrays) -> Arrays:
        """Runs one function; the first axis of every array is the row.

        Raises:
            RequestError: with the code that the client gets; anything else becomes INTERNAL.
        """


DEEPEST = 32  # dimensions of an input; NumPy has 64
LARGE_ANSWER = 50_000  # values from which answers are written on a thread, beside the event loop

Loader = Callable[[Path], ServedModel]  # of a version folder; raises anything when it cannot


def find_signature(model: ServedModel, name: str) -> Signature:
    """The signature of a name.

    Raises:
        RequestError: there is none of that name.
    """
    if name not in model.signatures:
        shown = name[:LONGEST_QUOTE]
        raise invalid(f'Serving signature name: "{shown}" not found in signature def')
    return model.signatures[name]


def check_names(signature: Signature, inputs: Mapping[str, object]) -> None:
    """Checks that the inputs of a signature are there, and no others.

    Raises:
        RequestError: they are not.
    """
    if inputs.keys() != signature.inputs.keys():
        raise invalid(f"expected the inputs {listed(signature.inputs)} but got {listed(inputs)}")


def check_inputs(signature: Signature, inputs: Arrays) -> int:
    """Checks that inputs fit a signature and agree in their rows; returns the number of rows.

    Raises:
        RequestError: naming the input that does not fit.
    """
    check_names(signature, inputs)
    rows = set()
    for name, array in inputs.items():
        spec = signature.inputs[name]
        if dtype_name(array) != spec.dtype:
            raise invalid(f"input {name} has type {dtype_name(array)} instead of {spec.dtype}")
        if not _fits(array.shape, spec.shape):
            raise invalid(
                f"input {name} has shape {list(array.shape)} instead of "
                f"{[-1 if size is None else size for size in spec.shape or ()]}, "
                "where -1 is any size"
            )
        if array.ndim == 0:
            raise invalid(f"input {name} needs at least one dimension, the rows")
        rows.add(len(array))
    if len(rows) > 1:
        sizes = ", ".join(f"{name}: {len(array)}" for name, array in inputs.items())
        raise invalid(f"inputs differ in their first dimension, the rows ({sizes})")
    return rows.pop() if rows else 0


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...] | None) -> bool:
    return expected is None or (
        len(shape) == len(expected)
        and all(want in (None, size) for size, want in zip(shape, expected, strict=True))
    )
