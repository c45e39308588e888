"""Tensors as TensorFlow Serving's REST interface writes them: nested lists, {"b64": ...} for bytes.

Numbers must fit their type without loss, as in its json_tensor.cc.
"""

import binascii
import math
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import numpy as np

from seq2seq.serving.server.errors import Code, RequestError, invalid
from seq2seq.serving.server.servable import STRING

NUMBERS = (
    *("bool", "float32", "float64"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)
BYTES_SUFFIX = "_bytes"  # outputs called so are always written as {"b64": ...}
FLOAT32_OVERFLOW = 2.0**128 - 2.0**103  # from here on, rounding to float32 gives infinity
DEEPEST = 32  # nested lists; NumPy has 64 dimensions


def is_b64(value: Any) -> bool:
    """Whether a JSON value stands for bytes."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def to_array(value: Any, dtype: str) -> np.ndarray:
    """A tensor of a JSON value; strings become an object array of bytes.

    Raises:
        RequestError: lists of unequal lengths, or a value that is not of the type.
    """
    shape = []
    inner = value
    while isinstance(inner, list):
        shape.append(len(inner))
        if len(shape) > DEEPEST:
            raise invalid(f"lists are nested more than {DEEPEST} deep")
        inner = inner[0] if inner else None
    flat: list[Any] = []
    _flatten(value, shape, flat)
    convert = _converter(dtype)
    array = np.empty(len(flat), dtype=object if dtype == STRING else dtype)
    array[:] = [convert(each) for each in flat]
    return array.reshape(shape)


def to_json(name: str, array: np.ndarray) -> Any:
    """A tensor as a JSON value: strings as text where they are UTF-8.

    Raises:
        RequestError: UNIMPLEMENTED for types without a JSON form, such as float16.
    """
    if array.dtype == object:
        encode = _as_b64 if name.endswith(BYTES_SUFFIX) else _as_text
        return _map_leaves(encode, array.tolist())
    if array.dtype == np.float32:
        return array.astype(np.str_).astype(np.float64).tolist()  # 0.1, not 0.10000000149011612
    if array.dtype.name not in NUMBERS:
        raise RequestError(
            Code.UNIMPLEMENTED, f"output {name} of type {array.dtype.name} has no JSON form"
        )
    return array.tolist()


def _flatten(value: Any, shape: list[int], flat: list[Any]) -> None:
    if not shape:
        if isinstance(value, list):
            raise invalid("found a list where its neighbours are values")
        flat.append(value)
        return
    if not isinstance(value, list):
        raise invalid(f"found {_shown(value)} where its neighbours are lists")
    if len(value) != shape[0]:
        raise invalid(
            f"found a list of {len(value)} where its neighbours have {shape[0]}; pad them"
        )
    if len(shape) == 1 and not any(isinstance(each, list) for each in value):
        flat.extend(value)
        return
    for each in value:
        _flatten(each, shape[1:], flat)


def _converter(dtype: str) -> Callable[[Any], Any]:
    if dtype == STRING:
        return _string
    if dtype not in NUMBERS:
        raise RequestError(Code.UNIMPLEMENTED, f"inputs of type {dtype} have no JSON form")
    if dtype == "bool":
        return _boolean
    if dtype.startswith("float"):
        return _float32 if dtype == "float32" else _float64
    bounds = np.iinfo(dtype)
    low, high = int(bounds.min), int(bounds.max)

    def integer(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise _wrong_type(value, dtype)
        return value

    return integer


def _string(value: Any) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise invalid(
                'JSON Parse error: a surrogate stands alone; write such bytes as {"b64": ...}'
            ) from None
    if not is_b64(value):
        raise _wrong_type(value, STRING)
    encoded = value["b64"].rstrip("=")
    try:
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Unable to base64 decode") from None


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise _wrong_type(value, "bool")
    return value


def _float32(value: Any) -> float:
    return _decimal(value, "float32", FLOAT32_OVERFLOW, 2**24)


def _float64(value: Any) -> float:
    return _decimal(value, "float64", math.inf, 2**53)


def _decimal(value: Any, dtype: str, overflow: float, exact: int) -> float:
    """A number whose type holds whole numbers below `exact`, and any others below `overflow`."""
    if type(value) is int:
        if abs(value) < exact:
            return value
    elif type(value) is not float:
        raise _wrong_type(value, dtype)
    elif not math.isfinite(value) or abs(value) < overflow:
        return value
    raise invalid(f"Cannot convert JSON value: {_shown(value)} to {dtype} without loss")


def _map_leaves(encode: Callable[[bytes], Any], value: Any) -> Any:
    return [_map_leaves(encode, each) for each in value] if type(value) is list else encode(value)


def _as_text(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return _as_b64(value)


def _as_b64(value: bytes) -> Any:
    return {"b64": b64encode(value).decode()}


def _wrong_type(value: Any, dtype: str) -> RequestError:
    return invalid(f"JSON Value: {_shown(value)} is not of expected type: {dtype}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
