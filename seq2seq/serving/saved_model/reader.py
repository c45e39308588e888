"""A SavedModel as its file describes it: the graph and the signatures a server offers."""

from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, TensorInfo
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from seq2seq.errors import ExportError
from seq2seq.serving.saved_model.tensors import Signature, TensorSpec
from seq2seq.serving.saved_model.version_directory import MODEL_FILE

TAG = "serve"
INITIALIZER = "__saved_model_init_op"  # stands among the signatures and is none


def read_meta_graph(directory: Path) -> MetaGraphDef:
    """The graph that a model server loads.

    Raises:
        ExportError: no SavedModel there, or a damaged one.
    """
    path = directory / MODEL_FILE
    try:
        saved = SavedModel.FromString(path.read_bytes())
    except OSError:
        raise ExportError(
            f"{directory} has no {MODEL_FILE}; give the numbered directory of an exported model"
        ) from None
    except DecodeError:
        raise ExportError(f"{path} is damaged; export the model again") from None
    for meta_graph in saved.meta_graphs:
        if set(meta_graph.meta_info_def.tags) == {TAG}:
            return meta_graph
    found = [sorted(each.meta_info_def.tags) for each in saved.meta_graphs]
    raise ExportError(f'{path} has no graph tagged "{TAG}" (found {found}); export the model again')


def read_signatures(meta_graph: MetaGraphDef) -> dict[str, Signature]:
    """Every signature, by name."""
    return {
        name: Signature(
            name,
            {key: _spec(info) for key, info in sorted(each.inputs.items())},
            {key: _spec(info) for key, info in sorted(each.outputs.items())},
            each.method_name,
        )
        for name, each in sorted(meta_graph.signature_def.items())
        if name != INITIALIZER
    }


def _spec(info: TensorInfo) -> TensorSpec:
    shape = info.tensor_shape
    sizes = tuple(None if each.size < 0 else each.size for each in shape.dim)
    return TensorSpec(
        tf.as_dtype(info.dtype).name, None if shape.unknown_rank else sizes, info.name
    )
