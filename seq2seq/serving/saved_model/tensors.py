"""Tensors as NumPy holds them: strings are object arrays of bytes, all else has its own type."""

import json
from base64 import b64decode, b64encode
from typing import Any

import numpy as np

DTYPES = ("string", "int32", "int64", "float32", "bool")


def as_array(values: Any, dtype: str) -> np.ndarray:
    """Lists or arrays as an array of one of `DTYPES`; text becomes its UTF-8 bytes.

    Raises:
        ValueError: another type, or NumPy's fixed-width strings, which lose NULs at their end.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r} is none of {', '.join(DTYPES)}")
    if dtype != "string":
        return np.asarray(values, dtype)
    if isinstance(values, np.ndarray) and values.dtype.kind in "SU" and values.size:
        raise ValueError("fixed-width NumPy strings lose NULs; give dtype=object or a list")
    array = np.array(values, dtype=object)
    flat = [each.encode() if isinstance(each, str) else bytes(each) for each in array.flat]
    strings = np.empty(len(flat), dtype=object)
    strings[:] = flat
    return strings.reshape(array.shape)


def dtype_name(array: np.ndarray) -> str:
    """The one of `DTYPES` that an array has, or NumPy's name of another type."""
    return "string" if array.dtype == object else array.dtype.name


def tensor_to_json(array: np.ndarray) -> dict[str, Any]:
    """An array for `json.dumps`; a string that is not UTF-8 becomes `{"b64": ...}`.

    Raises:
        ValueError: its type is none of `DTYPES`.
    """
    dtype = dtype_name(array)
    values = as_array(array, dtype).ravel().tolist()
    if dtype == "string":
        values = [_string_to_json(each) for each in values]
    return {"dtype": dtype, "shape": list(array.shape), "values": values}


def tensor_from_json(written: Any) -> np.ndarray:
    """What `tensor_to_json` was given.

    Raises:
        ValueError: not in its form.
    """
    try:
        dtype, shape, values = written["dtype"], written["shape"], written["values"]
        if dtype == "string":
            values = [_string_from_json(each) for each in values]
        return as_array(values, dtype).reshape(shape)
    except (KeyError, TypeError, OverflowError) as error:
        found = json.dumps(written)[:60]
        raise ValueError(f"not a tensor of dtype, shape and values: {found} ({error})") from None


def _string_to_json(string: bytes) -> Any:
    try:
        return string.decode()
    except UnicodeDecodeError:
        return {"b64": b64encode(string).decode()}


def _string_from_json(written: Any) -> bytes:
    if isinstance(written, str):
        return written.encode()
    return b64decode(written["b64"], validate=True)
