"""Bodies of the REST interface, as TensorFlow Serving has them (its json_tensor.cc).

A request holds `instances`, one value or object for each row, or `inputs`, one list for each
tensor; the answer has the same form. Unlike there, an unknown key is refused.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seq2seq.serving.server.errors import RequestError, invalid
from seq2seq.serving.server.json_tensors import is_b64, to_array, to_json
from seq2seq.serving.server.servable import (
    DEFAULT_SIGNATURE,
    Arrays,
    ServedModel,
    TensorSpec,
    find_signature,
)

KEYS = ("signature_name", "instances", "inputs")


@dataclass(frozen=True)
class PredictRequest:
    """The body of a `:predict`."""

    signature: str
    inputs: Arrays
    by_row: bool  # whether the answer is written row by row


def parse_predict(body: bytes, model: ServedModel) -> PredictRequest:
    """Reads the body of a `:predict`.

    Raises:
        RequestError: INVALID_ARGUMENT, saying what is wrong where.
    """
    document = _parse(body)
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


def write_predictions(outputs: Arrays, by_row: bool) -> bytes:
    """The body of the answer: a single output stands by itself, several under their names.

    Raises:
        RequestError: rows are asked for and outputs differ in their first dimension; a type has no
            JSON form.
    """
    columns = {name: to_json(name, array) for name, array in sorted(outputs.items())}
    single = next(iter(columns.values())) if len(columns) == 1 else None
    if not by_row:
        if single is not None:
            return b'{"outputs": %s}' % _encode_parts(single)
        members = [b"%s: %s" % (encode(name), _encode_parts(columns[name])) for name in columns]
        return b'{"outputs": {%s}}' % b", ".join(members)
    sizes = {array.shape[0] if array.ndim else None for array in outputs.values()}
    if len(sizes) != 1 or None in sizes:
        raise invalid("outputs have inconsistent batch size; ask for columns with 'inputs' instead")
    if single is not None:
        return b'{"predictions": %s}' % _encode_parts(single)
    rows = zip(*columns.values(), strict=True)
    return b'{"predictions": %s}' % _encode_parts(
        [dict(zip(columns, row, strict=True)) for row in rows]
    )


def write_error(message: str) -> bytes:
    """The body of every error."""
    return encode({"error": message.encode(errors="replace").decode()})  # may quote half a pair


def encode(value: Any) -> bytes:
    """JSON in UTF-8; NaN and infinities stand as NaN, Infinity and -Infinity."""
    return json.dumps(value, ensure_ascii=False).encode()


def _encode_parts(value: Any) -> bytes:
    """`encode`, part by part of a list: other threads get their turn between parts."""
    if not isinstance(value, list):
        return encode(value)
    return b"[%s]" % b", ".join(map(encode, value))


def _parse(body: bytes) -> dict[str, Any]:
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError) as error:  # also bytes that are not UTF-8
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid("JSON Value: is not object")
    unknown = [key for key in document if key not in KEYS]
    if unknown:
        raise invalid(f"unknown key {unknown[0][:80]!r}; a request has {', '.join(KEYS)}")
    return document


def _columns_of_rows(rows: Any, specs: Mapping[str, TensorSpec]) -> dict[str, list[Any]]:
    if not isinstance(rows, list):
        raise invalid("Expecting 'instances' to be an list/array")
    if not rows:
        raise invalid("No values in 'instances' array")
    objects = [isinstance(row, dict) and not is_b64(row) for row in rows]
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
                f"element {number} of 'instances' has keys {', '.join(sorted(row)) or 'none'}; "
                f"keys must be equal to: {', '.join(sorted(specs))}"
            )
    return {name: [row[name] for row in rows] for name in specs}


def _columns(inputs: Any, specs: Mapping[str, TensorSpec]) -> dict[str, Any]:
    if isinstance(inputs, dict) and not is_b64(inputs):
        if inputs.keys() != specs.keys():
            raise invalid(
                f"'inputs' has keys {', '.join(sorted(inputs)) or 'none'}; "
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
        array = array.reshape([0, *(max(0, size) for size in spec.shape[1:])])
    return array
