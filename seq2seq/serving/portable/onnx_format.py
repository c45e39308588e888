"""A search as an ONNX model, by tf2onnx, and such a model in ONNX Runtime."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from tf2onnx.onnx_opset.tensor import ScatterND

from seq2seq.serving.portable.onnx_loops import hoist_invariants

OPSET = 18
QUIET = 3  # ONNX Runtime's severity of errors; its warnings are about shapes that loops change
AXES = ("sentences", "source", "outputs", "target")


def _rename(context: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Leaves it at the new type."""


def _scatter(context: Any, node: Any, name: str, arguments: list[Any]) -> None:
    ScatterND.version_11(context, node)
    node.type = "ScatterND"
    node.set_attr("reduction", "add")


# Where tf2onnx's own ways give other results than TensorFlow. It chooses by adding up products with
# 0 and 1, which makes NaN of infinities; takes negative numbers' remainders by rounding towards 0;
# and where indices repeat it lets one value win instead of the sum.
HANDLERS = {
    "SelectV2": (_rename, ["Where"]),
    "FloorMod": (_rename, ["Mod"]),
    "ScatterNd": (_scatter, []),
}


def write_onnx(search: tf.types.experimental.GenericFunction, path: Path) -> None:
    """Writes a search, a function of source_ids (B, S) with any B and S, as one file."""
    model, _ = tf2onnx.convert.from_function(
        search,
        input_signature=search.input_signature,
        opset=OPSET,
        custom_op_handlers=HANDLERS,
    )
    hoist_invariants(model.graph)
    _name_axes(model.graph)
    onnx.save(model, str(path))
    onnx.checker.check_model(str(path))  # tf2onnx only logs what it cannot convert


class OnnxSearch:
    """A written search in ONNX Runtime."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._names = [each.name for each in self._session.get_outputs()]

    def __call__(self, source_ids: np.ndarray) -> Mapping[str, np.ndarray]:
        """See `PortableSearch`."""
        values = self._session.run(self._names, {"source_ids": source_ids})
        return dict(zip(self._names, values, strict=True))


def _name_axes(graph: Any) -> None:
    """Names the axes whose size is open; tf2onnx numbers them, and takes no two for the same."""
    sentences, source, _, target = AXES
    for value in (*graph.input, *graph.output):
        names = (sentences, source) if value.name == "source_ids" else (sentences, None, target)
        for axis, name in zip(value.type.tensor_type.shape.dim, names, strict=False):
            if name:
                axis.dim_param = name
