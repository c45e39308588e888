"""A search as an ONNX model, by tf2onnx; see `onnx_search` for such a model in ONNX Runtime."""

from pathlib import Path
from typing import Any

import onnx
import tensorflow as tf
from tf2onnx import tf_loader
from tf2onnx.convert import tensor_names_from_structed
from tf2onnx.onnx_opset.tensor import ScatterND
from tf2onnx.optimizer import optimize_graph
from tf2onnx.optimizer.back_to_back_optimizer import BackToBackOptimizer
from tf2onnx.optimizer.const_fold_optimizer import ConstFoldOptimizer
from tf2onnx.optimizer.einsum_optimizer import EinsumOptimizer
from tf2onnx.optimizer.identity_optimizer import IdentityOptimizer
from tf2onnx.optimizer.loop_optimizer import LoopOptimizer
from tf2onnx.optimizer.merge_duplicated_nodes_optimizer import MergeDuplicatedNodesOptimizer
from tf2onnx.optimizer.reshape_optimizer import ReshapeOptimizer
from tf2onnx.optimizer.transpose_optimizer import TransposeOptimizer
from tf2onnx.tfonnx import process_tf_graph

from seq2seq.serving.portable.onnx_graph import tidy

OPSET = 18
AXES = ("sentences", "source", "outputs", "target")


def _keep_new_type(context: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """A handler that keeps the type tf2onnx has set."""


def _scatter(context: Any, node: Any, name: str, arguments: list[Any]) -> None:
    ScatterND.version_11(context, node)
    node.type = "ScatterND"
    node.set_attr("reduction", "add")


# Where tf2onnx's own ways give other results than TensorFlow. It chooses by adding up products with
# 0 and 1, which makes NaN of infinities; takes negative numbers' remainders by rounding towards 0;
# and where indices repeat it lets one value win instead of the sum.
HANDLERS = {
    "SelectV2": (_keep_new_type, ["Where"]),
    "FloorMod": (_keep_new_type, ["Mod"]),
    "ScatterNd": (_scatter, []),
}
# Those of tf2onnx's that find something in a search: `tf2onnx.convert.from_function` has all twelve
# look, each at a copy of the graph, which takes longer than all the rest.
OPTIMIZERS = {
    each.__name__: each
    for each in (
        TransposeOptimizer,
        ConstFoldOptimizer,
        LoopOptimizer,
        MergeDuplicatedNodesOptimizer,
        IdentityOptimizer,
        BackToBackOptimizer,
        EinsumOptimizer,  # these two, in a Transformer: its products become those of matrices
        ReshapeOptimizer,
    )
}


def write_onnx(search: tf.types.experimental.GenericFunction, path: Path) -> None:
    """Writes a search as one file.

    Args:
        search: a function of source_ids (B, S) with any B and S, and perhaps of another input.
        path: of the file.
    """
    concrete = search.get_concrete_function()
    given = [each.name for each in concrete.inputs if each.dtype != tf.resource]
    found = [each.name for each in concrete.outputs]
    renamed = tensor_names_from_structed(concrete, given, found)
    with_constants = tf_loader.from_function(concrete, given, found)  # weights among them
    with tf.Graph().as_default() as frozen:
        tf.import_graph_def(with_constants, name="")
        graph = process_tf_graph(
            frozen,
            opset=OPSET,
            custom_op_handlers=HANDLERS,
            input_names=given,
            output_names=found,
            tensors_to_rename=renamed,
        )
        # Without its copies of the graph, which are for optimizers that fail.
        graph = optimize_graph(graph, catch_errors=False, optimizers=OPTIMIZERS)
    model = graph.make_model("search")
    tidy(model.graph)
    _name_axes(model.graph)
    onnx.save(model, str(path))
    onnx.checker.check_model(str(path))  # tf2onnx only logs what it cannot convert


def _name_axes(graph: Any) -> None:
    """Names the axes whose size is open; tf2onnx numbers them, and takes no two for the same."""
    sentences, source, _, target = AXES
    inputs = {
        "source_ids": (sentences, source),
        "prefix_places": (sentences, "places"),
        "term_ids": (sentences, "terms", "subwords"),
        "target_ids": (sentences, "targets", target),
    }
    for value in (*graph.input, *graph.output):
        names = inputs.get(value.name, (sentences, None, target, source))
        for axis, name in zip(value.type.tensor_type.shape.dim, names, strict=False):
            if name:
                axis.dim_param = name
