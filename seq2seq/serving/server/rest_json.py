"""Bodies and tensors of the REST interface in JSON, as TensorFlow Serving has them.

A request holds `instances`, one value or object for each row, or `inputs`, one list for each
tensor; the answer has the same form. A tensor is a nested list, with {"b64": ...} for bytes that
are no text; numbers must fit their type without loss, as in its json_tensor.cc. Unlike there, an
unknown key is refused.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seq2seq.serving.saved_model.tensors import (
    DEFAULT_SIGNATURE,
    STRING,
    Arrays,
    TensorSpec,
    base64_to_json,
    is_base64,
    string_from_json,
    string_to_json,
)
from seq2seq.serving.server.errors import Code, RequestError, invalid, listed, quoted
from seq2seq.serving.server.servable import DEEPEST, ServedModel, find_signature

KEYS = ("signature_name", "instances", "inputs")
NUMBERS = (
    *("bool", "float32", "float64"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)
BYTES_SUFFIX = "_bytes"  # outputs called so are always written as {"b64": ...}
FLOAT32_OVERFLOW = 2.0**128 - 2.0**103  # from here on, rounding to float32 gives infinity


@dataclass(frozen=True)
class PredictRequest:
    """The body of a `:predict`."""

    signature: str
    inputs: Arrays
    by_row: bool  # whether the answer is written row by row


def parse_predict(body: bytes, model: ServedModel, most_values: int) -> PredictRequest:
    """Reads the body of a `:predict`.

    Args:
        body: its bytes.
        model: that is asked.
        most_values: of JSON, lists and objects counted: small ones take far more time and memory
            than their bytes.

    Raises:
        RequestError: INVALID_ARGUMENT, saying what is wrong where.
    """
    document = parse_object(body, most_values)
    unknown = [key for key in document if key not in KEYS]
    if unknown:
        raise invalid(f"unknown key {quoted(unknown[0])}; a request has {', '.join(KEYS)}")
    signature_name = document.get("signature_name", "")
    if not isinstance(signature_name, str):
        raise invalid("'signature_name' key must be a string value")
    signature_name = signature_name or DEFAULT_SIGNATURE
    signature = find_signature(model, signature_name)
    if ("instances" in document) == ("inputs" in document):
        if "inputs" in document:
            raise invalid("expecting only one of 'inputs' or 'instances' keys to exist")
        raise invalid("Missing 'inputs' or 'instances' key")
    by_row = "instances" in document
    if by_row:
        columns = _columns_of_rows(document["instances"], signature.inputs)
    else:
        columns = _columns(document["inputs"], signature.inputs)
    inputs = {name: _array(name, value, signature.inputs[name]) for name, value in columns.items()}
    return PredictRequest(signature_name, inputs, by_row)


def parse_object(body: bytes, most_values: int) -> dict[str, Any]:
    """A JSON object of at most so many values; see `parse_predict`.

    Raises:
        RequestError: INVALID_ARGUMENT.
    """
    if _has_more_values(body, most_values):
        raise invalid(f"more than {most_values} values in one request; send fewer rows a request")
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError) as error:  # also bytes that are not UTF-8
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid("JSON Value: is not object")
    return document


def is_encodable(text: str) -> bool:
    """Whether it has bytes; half of a surrogate pair, which JSON can hold, has none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def write_predictions(outputs: Arrays, by_row: bool) -> bytes:
    """The body of the answer: a single output stands by itself, several under their names.

    Raises:
        RequestError: rows are asked for and outputs differ in their first dimension; a type has no
            JSON form.
    """
    columns = {name: outputs[name] for name in sorted(outputs)}
    single = next(iter(columns.values())) if len(columns) == 1 else None
    if not by_row:
        written = {name: _encode_rows(name, array) for name, array in columns.items()}
        if single is not None:
            return b'{"outputs": %s}' % next(iter(written.values()))
        members = [b"%s: %s" % (encode(name), column) for name, column in written.items()]
        return b'{"outputs": {%s}}' % b", ".join(members)
    sizes = {array.shape[0] if array.ndim else None for array in columns.values()}
    if len(sizes) != 1 or None in sizes:
        raise invalid("outputs have inconsistent batch size; ask for columns with 'inputs' instead")
    if single is not None:
        return b'{"predictions": %s}' % _encode_rows(next(iter(columns)), single)
    rows = (
        encode(dict(zip(columns, row, strict=True)))
        for row in zip(*(_rows(name, array) for name, array in columns.items()), strict=True)
    )
    return b'{"predictions": [%s]}' % b", ".join(rows)


def write_error(message: str) -> bytes:
    """The body of every error."""
    return encode({"error": message.encode(errors="replace").decode()})  # may quote half a pair


def encode(value: Any) -> bytes:
    """JSON in UTF-8; NaN and infinities stand as NaN, Infinity and -Infinity."""
    return json.dumps(value, ensure_ascii=False).encode()


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
        encode = base64_to_json if name.endswith(BYTES_SUFFIX) else string_to_json
        return _map_leaves(encode, array.tolist())
    if array.dtype == np.float32:
        return array.astype(np.str_).astype(np.float64).tolist()  # 0.1, not 0.10000000149011612
    if array.dtype.name not in NUMBERS:
        raise RequestError(
            Code.UNIMPLEMENTED, f"output {name} of type {array.dtype.name} has no JSON form"
        )
    return array.tolist()


def _rows(name: str, array: np.ndarray) -> Iterator[Any]:
    """The rows of a tensor as JSON values, one at a time: all of them take much more memory.

    Raises:
        RequestError: see `to_json`; also if there are no rows.
    """
    to_json(name, array[:0])
    return (to_json(name, array[row : row + 1])[0] for row in range(len(array)))


def _encode_rows(name: str, array: np.ndarray) -> bytes:
    """JSON of a tensor, row by row: other threads get their turn between rows."""
    if not array.ndim:
        return encode(to_json(name, array))
    return b"[%s]" % b", ".join(map(encode, _rows(name, array)))


def _has_more_values(body: bytes, most: int) -> bool:
    """Whether JSON has more values, without making them: each follows a comma or a bracket."""
    if _count_separators(body) <= most:  # those inside strings counted too
        return False
    without_escapes = body.replace(rb"\\", b"").replace(rb"\"", b"")
    if without_escapes.count(b'"') > 4 * most:  # two strings a value at most, its key and itself
        return True
    return _count_separators(b"".join(without_escapes.split(b'"')[::2])) > most


def _count_separators(json: bytes) -> int:
    return sum(json.count(each) for each in (b",", b"[", b"{"))


def _columns_of_rows(rows: Any, specs: Mapping[str, TensorSpec]) -> dict[str, list[Any]]:
    if not isinstance(rows, list):
        raise invalid("Expecting 'instances' to be an list/array")
    if not rows:
        raise invalid("No values in 'instances' array")
    objects = [isinstance(row, dict) and not is_base64(row) for row in rows]
    if not any(objects):
        if len(specs) != 1:
            raise invalid(
                f"instances is a plain list, but the inputs are {', '.join(sorted(specs))}: give "
                "objects with these keys"
            )
        return {next(iter(specs)): rows}
    for number, row in enumerate(rows):
        if not objects[number]:
            raise invalid(f"element {number} of 'instances' is no object, but others are")
        if row.keys() != specs.keys():
            raise invalid(
                f"element {number} of 'instances' has keys {listed(row)}; "
                f"keys must be equal to: {', '.join(sorted(specs))}"
            )
    return {name: [row[name] for row in rows] for name in specs}


def _columns(inputs: Any, specs: Mapping[str, TensorSpec]) -> dict[str, Any]:
    if isinstance(inputs, dict) and not is_base64(inputs):
        if inputs.keys() != specs.keys():
            raise invalid(
                f"'inputs' has keys {listed(inputs)}; "
                f"keys must be equal to: {', '.join(sorted(specs))}"
            )
        return inputs
    if len(specs) != 1:
        raise invalid(
            f"inputs is a plain value/list, but expecting an object of {', '.join(sorted(specs))}"
        )
    return {next(iter(specs)): inputs}


def _array(name: str, value: Any, spec: TensorSpec) -> np.ndarray:
    try:
        array = to_array(value, spec.dtype)
    except RequestError as error:
        raise RequestError(error.code, f"input {name}: {error}") from None
    if array.shape == (0,) and spec.shape:  # an empty list says nothing of the sizes inside
        array = array.reshape([0, *(size or 0 for size in spec.shape[1:])])
    return array


def _flatten(value: Any, shape: list[int], flat: list[Any]) -> None:
    if not shape:
        if isinstance(value, list):
            raise invalid("found a list where its neighbours are values")
        flat.append(value)
        return
    if not isinstance(value, list):
        raise invalid(f"found {quoted(value)} where its neighbours are lists")
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
    try:
        return string_from_json(value)
    except TypeError:
        raise _wrong_type(value, STRING) from None
    except ValueError as error:
        raise invalid(str(error)) from None


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
    raise invalid(f"Cannot convert JSON value: {quoted(value)} to {dtype} without loss")


def _map_leaves(encode: Callable[[bytes], Any], value: Any) -> Any:
    return [_map_leaves(encode, each) for each in value] if type(value) is list else encode(value)


def _wrong_type(value: Any, dtype: str) -> RequestError:
    return invalid(f"JSON Value: {quoted(value)} is not of expected type: {dtype}")
