"""Whether two answers are the same, row by row, whatever other rows padded them to."""

from collections.abc import Mapping

import numpy as np

# Padded outputs, and the outputs that hold the lengths of their dimensions after the batch.
LENGTHS = {
    "tokens": ("length",),
    "source_tokens": ("source_length",),
    "alignment": ("length", "source_length"),
}
FLOAT32_ROUNDING = 1e-5  # relative, of sums over a sentence
Outputs = Mapping[str, np.ndarray]


def first_difference(expected: Outputs, actual: Outputs, tolerance: float) -> str | None:
    """Where two answers to the same rows differ; None if they do not.

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


def _real_part(outputs: Outputs, name: str, row: int) -> np.ndarray:
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
    """Whether all behind the real part is one value."""
    rest = np.ones(values.shape, bool)
    rest[real] = False
    behind = values[rest]
    return behind.size == 0 or bool(np.all(behind == behind[0]))


def _show(values: np.ndarray) -> str:
    shown = repr(values.tolist())
    return shown if len(shown) <= 100 else f"{shown[:100]}…"
