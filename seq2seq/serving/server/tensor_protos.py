"""Tensors in TensorFlow's protos and as NumPy arrays; strings are object arrays of bytes."""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

from seq2seq.serving.server.descriptions import METHOD
from seq2seq.serving.server.errors import invalid
from seq2seq.serving.server.servable import Signature, TensorSpec, dtype_name


def from_proto(name: str, tensor: TensorProto, most: int) -> np.ndarray:
    """The array of an input.

    Args:
        name: of the input, for errors.
        tensor: as a client sent it; one value may stand for all.
        most: values an input may have, since a small message can ask for any number.

    Raises:
        RequestError: INVALID_ARGUMENT for a tensor that contradicts itself or is too large.
    """
    sizes = [each.size for each in tensor.tensor_shape.dim]
    if tensor.tensor_shape.unknown_rank or any(size < 0 for size in sizes):
        raise invalid(f"input {name} has an unknown shape")
    if math.prod(size or 1 for size in sizes) > most:
        raise invalid(f"input {name} has more than {most} values")
    try:
        array = tf.make_ndarray(tensor)
    except (TypeError, ValueError) as error:
        raise invalid(f"input {name} is no tensor: {error}") from None
    if array.dtype == object and array.size and not tensor.string_val:
        array = np.full(array.shape, b"", dtype=object)  # TensorFlow itself would fill it with str
    return array


def to_proto(array: np.ndarray) -> TensorProto:
    """The proto of an output."""
    return tf.make_tensor_proto(array, tf.as_dtype(dtype_name(array)), array.shape)


def to_signature_def(signature: Signature) -> SignatureDef:
    """A signature as a model's metadata have it."""
    return SignatureDef(
        inputs=_infos(signature.inputs),
        outputs=_infos(signature.outputs),
        method_name=METHOD,
    )


def _infos(specs: Mapping[str, TensorSpec]) -> dict[str, TensorInfo]:
    return {
        name: TensorInfo(
            name=spec.tensor_name,
            dtype=tf.as_dtype(spec.dtype).as_datatype_enum,
            tensor_shape=_shape(spec).as_proto(),
        )
        for name, spec in specs.items()
    }


def _shape(spec: TensorSpec) -> tf.TensorShape:
    if spec.shape is None:
        return tf.TensorShape(None)
    return tf.TensorShape([None if size < 0 else size for size in spec.shape])
