"""Answers recorded at export from the translator in memory, and how others are compared with them.

The file stands in the version directory, so that a copy of it can be verified wherever it is.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from seq2seq.serving.saved_model.tensors import Arrays, tensor_from_json, tensor_to_json

EXPECTED_FILE = "assets.extra/expected.json"
FLOAT_TOLERANCE = 1e-4
FLOAT32_ROUNDING = 1e-5  # relative, of sums over a sentence
# Padded outputs, and the outputs that hold the lengths of their dimensions after the batch.
LENGTHS = {
    "tokens": ("length",),
    "source_tokens": ("source_length",),
    "alignment": ("length", "source_length"),
}


@dataclass(frozen=True)
class Answer:
    """Inputs of a signature, and its outputs or some of them; the first dimension is the batch."""

    signature: str
    inputs: Arrays
    outputs: Arrays


@dataclass(frozen=True)
class Expected:
    """The recorded answers of a model, and how closely others have to match them.

    Strings and integers are to be equal; floats may differ by `float_tolerance`. `parameter_bytes`
    is the size of all parameters as stored, None if it is not to be compared.
    """

    answers: tuple[Answer, ...]
    float_tolerance: float = FLOAT_TOLERANCE
    parameter_bytes: int | None = None


def encode_expected(expected: Expected) -> bytes:
    """The file's contents.

    Raises:
        ValueError: a type that no signature returns, or a float that is infinite or not a number.
    """
    written = {
        "float_tolerance": expected.float_tolerance,
        "parameter_bytes": expected.parameter_bytes,
        "answers": [
            {
                "signature": answer.signature,
                "inputs": {name: tensor_to_json(each) for name, each in answer.inputs.items()},
                "outputs": {name: tensor_to_json(each) for name, each in answer.outputs.items()},
            }
            for answer in expected.answers
        ],
    }
    return json.dumps(written, ensure_ascii=False, allow_nan=False).encode()


def decode_expected(data: bytes) -> Expected:
    """The answers in a file's contents.

    Raises:
        ValueError: not in its form.
    """
    try:
        written = json.loads(data)
        parameter_bytes = written["parameter_bytes"]
        return Expected(
            tuple(_decode_answer(each) for each in written["answers"]),
            float(written["float_tolerance"]),
            None if parameter_bytes is None else int(parameter_bytes),
        )
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a field is missing or of another kind: {error}") from None


def _decode_answer(written: Any) -> Answer:
    return Answer(
        str(written["signature"]),
        {name: tensor_from_json(each) for name, each in written["inputs"].items()},
        {name: tensor_from_json(each) for name, each in written["outputs"].items()},
    )


def first_difference(expected: Arrays, actual: Arrays, tolerance: float) -> str | None:
    """The first difference of two answers to the same rows, in words; None if there is none.

    Outputs named in `LENGTHS` are compared up to their lengths. Others may have different sizes
    only by padding, that is, by one value that fills the rest.

    Args:
        expected: what to find; `actual` may have more outputs.
        actual: what was found.
        tolerance: of floats; rounding may add `FLOAT32_ROUNDING` of the value.
    """
    for name, values in expected.items():
        if name not in actual:
            return f"there is no output {name}"
        if len(actual[name]) != len(values):
            return f"{name} has {len(actual[name])} rows, not {len(values)}"
        for row in range(len(values)):
            known, found = _real_part(expected, name, row), _real_part(actual, name, row)
            if not _same(known, found, tolerance, padded=name not in LENGTHS):
                return f"{name}[{row}] is {_show(found)}, not {_show(known)}"
    return None


def _real_part(outputs: Arrays, name: str, row: int) -> np.ndarray:
    """One row of an output, without padding if there are lengths to tell."""
    values = outputs[name][row, ...]
    for axis, length in enumerate(LENGTHS.get(name, ())):
        if length in outputs and axis < values.ndim:
            values = values.take(range(min(outputs[length][row], values.shape[axis])), axis)
    return values


def _same(known: np.ndarray, found: np.ndarray, tolerance: float, padded: bool) -> bool:
    if known.dtype != found.dtype or known.ndim != found.ndim:
        return False
    if known.shape != found.shape:
        common = tuple(map(slice, map(min, known.shape, found.shape)))
        if not padded or not (_is_padding(known, common) and _is_padding(found, common)):
            return False
        known, found = known[common], found[common]
    if known.dtype.kind != "f":
        return bool(np.all(known == found))
    return bool(np.all(np.isclose(found, known, rtol=FLOAT32_ROUNDING, atol=tolerance)))


def _is_padding(values: np.ndarray, real: tuple[slice, ...]) -> bool:
    """Whether everything beyond the real part has one value."""
    rest = np.ones(values.shape, bool)
    rest[real] = False
    behind = values[rest]
    return behind.size == 0 or bool(np.all(behind == behind[0]))


def _show(values: np.ndarray) -> str:
    shown = repr(values.tolist())
    return shown if len(shown) <= 100 else f"{shown[:100]}…"
