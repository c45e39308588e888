"""The warm-up file: requests that TensorFlow Serving answers for itself before it takes others'.

The first call of a signature costs hundreds of times a later one. The server reads the file from
the version directory, up to `MOST_REQUESTS` records; a record that fails refuses the version.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework.tensor_pb2 import TensorProto

from seq2seq.serving.saved_model.tensors import as_array, dtype_name
from seq2seq.serving.saved_model.tfrecord import decode_records, encode_records

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MOST_REQUESTS = 1000

# Field numbers of prediction_log.proto, predict.proto and model.proto of tensorflow_serving/apis.
LOG_PREDICT, PREDICT_REQUEST = 6, 1
REQUEST_MODEL, REQUEST_INPUTS = 1, 2
MODEL_NAME, MODEL_SIGNATURE = 1, 3
ENTRY_KEY, ENTRY_VALUE = 1, 2

VARINT, EIGHT_BYTES, DELIMITED, FOUR_BYTES = 0, 1, 2, 5  # protobuf's wire types


@dataclass(frozen=True)
class WarmupRequest:
    """One request; string inputs are object arrays of bytes."""

    signature: str
    inputs: Mapping[str, np.ndarray]


def encode_warmup(model_name: str, requests: Sequence[WarmupRequest]) -> bytes:
    """Contents of the warm-up file.

    Raises:
        ValueError: no request, or more than the server reads.
    """
    if not 1 <= len(requests) <= MOST_REQUESTS:
        raise ValueError(f"{len(requests)} warm-up requests; the server takes 1 to {MOST_REQUESTS}")
    return encode_records(_encode_log(model_name, request) for request in requests)


def decode_warmup(data: bytes) -> list[WarmupRequest]:
    """Requests of a warm-up file.

    Raises:
        ValueError: the file is damaged, or holds something other than predict requests.
    """
    requests = []
    for number, record in enumerate(decode_records(data), 1):
        try:
            requests.append(_decode_log(record))
        except (ValueError, TypeError, DecodeError) as error:
            raise ValueError(f"warm-up record {number}: {error}") from None
    return requests


def _encode_log(model_name: str, request: WarmupRequest) -> bytes:
    """A PredictionLog whose predict_log holds the request."""
    model = _field(MODEL_NAME, model_name.encode())
    model += _field(MODEL_SIGNATURE, request.signature.encode())
    message = _field(REQUEST_MODEL, model)
    for name, values in request.inputs.items():
        array = as_array(values, dtype_name(np.asarray(values)))
        tensor = tf.make_tensor_proto(array, tf.as_dtype(dtype_name(array)), array.shape)
        entry = _field(ENTRY_KEY, name.encode())
        entry += _field(ENTRY_VALUE, tensor.SerializeToString())
        message += _field(REQUEST_INPUTS, entry)
    return _field(LOG_PREDICT, _field(PREDICT_REQUEST, message))


def _decode_log(record: bytes) -> WarmupRequest:
    request = _content(_content(record, LOG_PREDICT) or b"", PREDICT_REQUEST)
    if request is None:
        raise ValueError("no predict request in it")
    signature = _content(_content(request, REQUEST_MODEL) or b"", MODEL_SIGNATURE)
    inputs = {}
    for number, entry in _fields(request):
        if number == REQUEST_INPUTS:
            tensor = TensorProto.FromString(_content(entry, ENTRY_VALUE) or b"")
            name = (_content(entry, ENTRY_KEY) or b"").decode()
            inputs[name] = as_array(tf.make_ndarray(tensor), tf.as_dtype(tensor.dtype).name)
    return WarmupRequest((signature or b"serving_default").decode(), inputs)  # as the server does


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field on the wire."""
    return _varint(number << 3 | DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, lowest first; the highest bit says that more follow."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _content(message: bytes, number: int) -> bytes | None:
    """A field's content; of several the last counts, as protobuf has it."""
    content = None
    for found, each in _fields(message):
        if found == number:
            content = each
    return content


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Numbers and contents of a message's length-delimited fields; others are passed over."""
    position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        kind = tag & 7
        if kind == VARINT:
            size, (_, start) = 0, _read_varint(message, position)
        elif kind == DELIMITED:
            size, start = _read_varint(message, position)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            size, start = 8 if kind == EIGHT_BYTES else 4, position
        else:
            raise ValueError(f"wire type {kind} at byte {position}")
        position = start + size
        if position > len(message):
            raise ValueError(f"a field of {size} bytes at byte {start} ends behind its message")
        if kind == DELIMITED:
            yield tag >> 3, message[start:position]


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    """A number and where the next thing starts."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError(f"a number at byte {position} does not end")
