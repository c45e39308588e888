"""The warm-up file: requests that TensorFlow Serving answers for itself before it takes others'.

The first call of a signature costs hundreds of times a later one. The server reads the file, a
TFRecord of PredictionLog messages, from the version directory, up to `MOST_REQUESTS` records; a
record that fails refuses the version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.message import DecodeError
from tensorflow.core.framework import tensor_pb2  # noqa: F401 (registers TensorProto)

from seq2seq.serving.saved_model.tensors import (
    DEFAULT_SIGNATURE,
    Arrays,
    as_array,
    dtype_name,
    tensor_from_proto,
    tensor_to_proto,
)

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MOST_REQUESTS = 1000

# The fields that are used here of prediction_log.proto, predict.proto and model.proto in
# tensorflow_serving/apis; readers pass over others. The package is not the server's, whose own
# classes may be loaded too.
PROTOS = """
name: "seq2seq/warmup.proto"
package: "seq2seq.warmup"
syntax: "proto3"
dependency: "tensorflow/core/framework/tensor.proto"
message_type {
  name: "ModelSpec"
  field { name: "name" number: 1 type: TYPE_STRING }
  field { name: "signature_name" number: 3 type: TYPE_STRING }
}
message_type {
  name: "PredictRequest"
  field { name: "model_spec" number: 1 type: TYPE_MESSAGE type_name: "ModelSpec" }
  field {
    name: "inputs" number: 2 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: "InputsEntry"
  }
  nested_type {
    name: "InputsEntry"
    options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING }
    field {
      name: "value" number: 2 type: TYPE_MESSAGE type_name: ".tensorflow.TensorProto"
    }
  }
}
message_type {
  name: "PredictLog"
  field { name: "request" number: 1 type: TYPE_MESSAGE type_name: "PredictRequest" }
}
message_type {
  name: "PredictionLog"
  field { name: "predict_log" number: 6 type: TYPE_MESSAGE type_name: "PredictLog" }
}
"""


@dataclass(frozen=True)
class WarmupRequest:
    """One request; string inputs are object arrays of bytes."""

    signature: str
    inputs: Arrays


def write_warmup(path: Path, model_name: str, requests: Sequence[WarmupRequest]) -> None:
    """Writes the warm-up file, and its folder if that is not there.

    Args:
        path: of the file.
        model_name: in the server's paths.
        requests: at least one for each signature is of use.

    Raises:
        ValueError: no request, or more than the server reads.
    """
    if not 1 <= len(requests) <= MOST_REQUESTS:
        raise ValueError(f"{len(requests)} warm-up requests; the server takes 1 to {MOST_REQUESTS}")
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            writer.write(_prediction_log(model_name, request))


def read_warmup(path: Path) -> list[WarmupRequest]:
    """Requests of a warm-up file.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged, or holds something other than predict requests.
    """
    path.stat()
    requests: list[WarmupRequest] = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            requests.append(_predict_request(record))
    except tf.errors.DataLossError:
        raise ValueError(
            f"TFRecord {len(requests) + 1} is cut short or differs from its checksum"
        ) from None
    except (ValueError, DecodeError) as error:
        raise ValueError(f"warm-up record {len(requests) + 1}: {error}") from None
    return requests


def _prediction_log(model_name: str, request: WarmupRequest) -> bytes:
    log = PredictionLog()
    predict = log.predict_log.request
    predict.model_spec.name = model_name
    predict.model_spec.signature_name = request.signature
    for name, values in request.inputs.items():
        array = as_array(values, dtype_name(np.asarray(values)))
        predict.inputs[name].CopyFrom(tensor_to_proto(array))
    return log.SerializeToString(deterministic=True)


def _predict_request(record: bytes) -> WarmupRequest:
    log = PredictionLog.FromString(record)
    if not log.predict_log.HasField("request"):
        raise ValueError("no predict request in it")
    request = log.predict_log.request
    inputs = {
        name: as_array(tensor_from_proto(tensor), tf.as_dtype(tensor.dtype).name)
        for name, tensor in request.inputs.items()
    }
    return WarmupRequest(request.model_spec.signature_name or DEFAULT_SIGNATURE, inputs)


def _prediction_log_class() -> Any:
    """The class of PredictionLog, as `PROTOS` describe it."""
    pool = descriptor_pool.Default()  # has TensorProto
    pool.Add(text_format.Parse(PROTOS, descriptor_pb2.FileDescriptorProto()))
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("seq2seq.warmup.PredictionLog")
    )


PredictionLog = _prediction_log_class()
