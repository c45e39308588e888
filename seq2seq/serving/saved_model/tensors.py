"""Tensors as NumPy arrays, what signatures say of them, and their forms in JSON and in protos.

Strings are object arrays of bytes: NumPy's own strings drop NULs at their end. Nothing here imports
TensorFlow before a proto is read or written.
"""

import reprlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

STRING = "string"
DTYPES = (STRING, "int32", "int64", "float32", "bool")
DEFAULT_SIGNATURE = "serving_default"  # of clients that name none
PARTS_SIGNATURE = "translate_parts"  # of runs that are served from memory; see output_parts.py
PREDICT_METHOD = "tensorflow/serving/predict"  # of signatures that are called by Predict

Arrays = Mapping[str, np.ndarray]  # inputs or outputs by name; the first axis of each is the row


@dataclass(frozen=True)
class TensorSpec:
    """The description of an input or output in a signature."""

    dtype: str  # "string", or NumPy's name: "int32", "float32", ...
    shape: tuple[int | None, ...] | None  # None inside: any size; None: any rank
    tensor: str = ""  # its name in the graph


@dataclass(frozen=True)
class Signature:
    """One way to call a model."""

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method: str = PREDICT_METHOD


def as_array(values: Any, dtype: str) -> np.ndarray:
    """Lists or arrays as an array of one of `DTYPES`; text becomes its UTF-8 bytes.

    Raises:
        ValueError: another type, or NumPy's fixed-width strings, which lose NULs at their end.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r} is none of {', '.join(DTYPES)}")
    if dtype != STRING:
        return np.asarray(values, dtype)
    if isinstance(values, np.ndarray) and values.dtype.kind in "SU" and values.size:
        raise ValueError("fixed-width NumPy strings lose NULs; give dtype=object or a list")
    array = np.array(values, dtype=object)
    flat = [each.encode() if isinstance(each, str) else bytes(each) for each in array.flat]
    strings = np.empty(len(flat), dtype=object)
    strings[:] = flat
    return strings.reshape(array.shape)


def dtype_name(array: np.ndarray) -> str:
    """The type of an array as specifications name it."""
    return STRING if array.dtype == object else array.dtype.name


def row_count(arrays: Arrays) -> int:
    """Number of rows of a batch."""
    return min(len(values) for values in arrays.values())


def take_rows(arrays: Arrays, rows: Iterable[int]) -> dict[str, np.ndarray]:
    """The rows of a batch with these numbers, in this order."""
    indices = np.fromiter(rows, np.int64)
    return {name: values[indices] for name, values in arrays.items()}


def is_base64(value: Any) -> bool:
    """Whether a JSON value stands for bytes: {"b64": ...}."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def string_to_json(string: bytes) -> str | dict[str, str]:
    """Text where bytes are UTF-8, and {"b64": ...} where they are not."""
    try:
        return string.decode()
    except UnicodeDecodeError:
        return base64_to_json(string)


def base64_to_json(string: bytes) -> dict[str, str]:
    """Any bytes as {"b64": ...}."""
    return {"b64": b64encode(string).decode()}


def string_from_json(value: Any) -> bytes:
    """Bytes of text, or of {"b64": ...}, whose padding may be missing.

    Raises:
        ValueError: no base64, or text with half a surrogate pair, which has no bytes.
        TypeError: neither text nor {"b64": ...}.
    """
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise ValueError('a surrogate stands alone; write such bytes as {"b64": ...}') from None
    if not is_base64(value):
        raise TypeError('neither text nor {"b64": ...}')
    encoded = value["b64"].rstrip("=")
    try:
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ValueError("Unable to base64 decode") from None


def tensor_to_json(array: np.ndarray) -> dict[str, Any]:
    """An array for `json.dumps`, with its type and shape.

    Raises:
        ValueError: its type is none of `DTYPES`.
    """
    dtype = dtype_name(array)
    values = as_array(array, dtype).ravel().tolist()
    if dtype == STRING:
        values = [string_to_json(each) for each in values]
    return {"dtype": dtype, "shape": list(array.shape), "values": values}


def tensor_from_json(written: Any) -> np.ndarray:
    """The array that `tensor_to_json` was given.

    Raises:
        ValueError: not in its form.
    """
    try:
        dtype, shape, values = written["dtype"], written["shape"], written["values"]
        if dtype == STRING:
            values = [string_from_json(each) for each in values]
        return as_array(values, dtype).reshape(shape)
    except (KeyError, TypeError, OverflowError) as error:
        found = reprlib.repr(written)
        raise ValueError(f"not a tensor of dtype, shape and values: {found} ({error})") from None


def tensor_to_proto(array: np.ndarray) -> Any:
    """An array as a TensorProto."""
    import tensorflow as tf

    return tf.make_tensor_proto(array, tf.as_dtype(dtype_name(array)), array.shape)


def tensor_from_proto(tensor: Any) -> np.ndarray:
    """The array of a TensorProto, in which one value may stand for all.

    Raises:
        ValueError: its fields contradict each other, or its type has no arrays.
    """
    import tensorflow as tf

    try:
        array = tf.make_ndarray(tensor)
    except KeyError:  # a handle, such as DT_RESOURCE
        raise ValueError(f"type {tensor.dtype} holds no values") from None
    except (TypeError, OverflowError) as error:  # a value too large for its type, too
        raise ValueError(str(error)) from None
    if array.dtype == object and array.size and not tensor.string_val:
        array = np.full(array.shape, b"", dtype=object)  # TensorFlow itself fills it with str
    return array
