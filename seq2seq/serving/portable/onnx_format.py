"""A search as an ONNX model, by tf2onnx; see `onnx_search` for such a model in ONNX Runtime.

ONNX Runtime copies all that a loop carries. TensorFlow's loops get the network's weights as
variables that no step changes, and tf2onnx leaves them so; a body may as well read them from
outside, where ONNX Runtime prepares constants once. So loops are rid of what they only carry round.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import tensorflow as tf
import tf2onnx
from tf2onnx.onnx_opset.tensor import ScatterND

OPSET = 18
AXES = ("sentences", "source", "outputs", "target")
Graph = Any  # onnx.GraphProto
Node = Any  # onnx.NodeProto


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


def write_onnx(search: tf.types.experimental.GenericFunction, path: Path) -> None:
    """Writes a search, a function of source_ids (B, S) with any B and S, as one file."""
    model, _ = tf2onnx.convert.from_function(
        search,
        input_signature=search.input_signature,
        opset=OPSET,
        custom_op_handlers=HANDLERS,
    )
    _hoist_invariants(model.graph)
    _name_axes(model.graph)
    onnx.save(model, str(path))
    onnx.checker.check_model(str(path))  # tf2onnx only logs what it cannot convert


def _hoist_invariants(graph: Graph) -> None:
    """Makes every loop's body, at any depth, read from outside what its steps leave unchanged."""
    results = {value.name for value in graph.output}
    for node in graph.node:
        for body in _bodies(node):
            if node.op_type == "Loop":
                _hoist(graph, results, node, body)
            _hoist_invariants(body)


def _hoist(graph: Graph, results: set[str], loop: Node, body: Graph) -> None:
    # The loop takes the most steps, the condition and its variables, and gives the variables and
    # then what its steps stack up; the body takes the step, the condition and the variables, and
    # gives the condition, the variables and what is stacked up.
    makers = {name: node for node in body.node for name in node.output}
    unchanged = [
        number
        for number, variable in enumerate(body.input[2:])
        if _source(body.output[number + 1].name, makers) == variable.name
        and loop.output[number] not in results
    ]
    within: dict[str, str] = {}
    behind: dict[str, str] = {}
    for number in reversed(unchanged):
        outside = loop.input[number + 2]
        within[body.input[number + 2].name] = behind[loop.output[number]] = outside
        for values, place in (
            *((loop.input, number + 2), (loop.output, number)),
            *((body.input, number + 2), (body.output, number + 1)),
        ):
            del values[place]
    _rename_values(body, within)
    _rename_values(graph, behind)


def _source(name: str, makers: Mapping[str, Node]) -> str:
    """The value that a value is a copy of."""
    while name in makers and makers[name].op_type == "Identity":
        name = makers[name].input[0]
    return name


def _rename_values(graph: Graph, names: Mapping[str, str]) -> None:
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in names:
                node.input[place] = names[name]
        for body in _bodies(node):
            _rename_values(body, names)


def _bodies(node: Node) -> Iterator[Graph]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g


def _name_axes(graph: Any) -> None:
    """Names the axes whose size is open; tf2onnx numbers them, and takes no two for the same."""
    sentences, source, _, target = AXES
    for value in (*graph.input, *graph.output):
        is_input = value.name == "source_ids"
        names = (sentences, source) if is_input else (sentences, None, target, source)
        for axis, name in zip(value.type.tensor_type.shape.dim, names, strict=False):
            if name:
                axis.dim_param = name
