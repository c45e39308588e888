"""What makes a converted ONNX graph fit for ONNX Runtime, at any depth of its loops.

ONNX Runtime copies all that a loop carries. TensorFlow's loops get the network's weights as
variables that no step changes, and tf2onnx leaves them so; a body may as well read them from
outside, where ONNX Runtime prepares constants once. So loops are rid of what they only carry round,
and weights of what only gives them another name. Of the many small operations on shapes and indices
those go that change nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

Graph = Any  # onnx.GraphProto
Node = Any  # onnx.NodeProto
TAKE = ("Gather", "GatherND", "GatherElements")  # whose indices may count from the end


def tidy(graph: Graph) -> None:
    """Changes a model's graph in place; what it computes stays."""
    _hoist_invariants(graph)
    constants = {each.name: each for each in _constants(graph)}
    _read_weights_directly(graph, constants)
    _trust_indices(graph, {name for name, each in constants.items() if _is_zero(each)})
    drop_unused(graph)


def bodies(node: Node) -> Iterator[Graph]:
    """The graphs inside a node: a loop's steps, or a choice's ways."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g


def makers_of(graph: Graph) -> dict[str, Node]:
    """The node that makes each value of a graph."""
    return {name: node for node in graph.node for name in node.output}


def readers_of(graph: Graph) -> dict[str, list[Node]]:
    """The nodes that read each value in a graph; those of the graphs in it are left out."""
    readers: dict[str, list[Node]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


def rename_values(graph: Graph, names: Mapping[str, str]) -> None:
    """Makes the nodes of a graph, and of those in it, read other values."""
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in names:
                node.input[place] = names[name]
        for body in bodies(node):
            rename_values(body, names)


def drop_unused(graph: Graph) -> None:
    """Takes away what nothing reads: nodes at any depth, and a model's constants."""
    used = {each.name for each in graph.output}
    kept = []
    for node in reversed(graph.node):
        if not used.isdisjoint(node.output):
            for body in bodies(node):
                drop_unused(body)
                used |= set(_read_in(body))
            used |= set(node.input)
            kept.append(node)
    _replace(graph.node, reversed(kept))
    _replace(graph.initializer, [each for each in graph.initializer if each.name in used])


def _hoist_invariants(graph: Graph) -> None:
    """Makes every loop's body, at any depth, read from outside what its steps leave unchanged."""
    results = {value.name for value in graph.output}
    for node in graph.node:
        for body in bodies(node):
            if node.op_type == "Loop":
                _hoist(graph, results, node, body)
            _hoist_invariants(body)


def _hoist(graph: Graph, results: set[str], loop: Node, body: Graph) -> None:
    # The loop takes the most steps, the condition and its variables, and gives the variables and
    # then what its steps stack up; the body takes the step, the condition and the variables, and
    # gives the condition, the variables and what is stacked up.
    makers = makers_of(body)
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
    rename_values(body, within)
    rename_values(graph, behind)


def _read_weights_directly(graph: Graph, constants: Mapping[str, Any]) -> None:
    """Skips reshapes of weights to the shape that they have."""
    same = {}
    for node in graph.node:
        for body in bodies(node):
            _read_weights_directly(body, constants)
        if node.op_type == "Reshape" and {*node.input} <= constants.keys():
            weight, shape = (constants[name] for name in node.input)
            if _reshaped(weight.dims, numpy_helper.to_array(shape)) == tuple(weight.dims):
                same[node.output[0]] = weight.name
    rename_values(graph, same)


def _reshaped(dims: Iterable[int], shape: np.ndarray) -> tuple[int, ...]:
    return np.broadcast_to(np.float32(0), tuple(dims)).reshape(shape).shape


def _trust_indices(graph: Graph, zeros: set[str]) -> None:
    """Leaves indices that may count from the end to what takes by them.

    Keras adds the size to negative ones first, of which there are none here.
    """
    for node in graph.node:
        for body in bodies(node):
            _trust_indices(body, zeros)
    makers, readers = makers_of(graph), readers_of(graph)
    results = {each.name for each in graph.output}
    for node in graph.node:
        if node.op_type != "Where" or node.output[0] in results:
            continue
        compared, moved, indices = (makers.get(name) for name in node.input)
        if (
            compared is not None
            and compared.op_type == "Less"
            and compared.input[1] in zeros
            and _source(compared.input[0], makers, "Cast") == _source(node.input[2], makers, "Cast")
            and moved is not None
            and moved.op_type == "Add"
            and node.input[2] in moved.input
            and _only_taken_by(node.output[0], readers)
        ):
            rename_values(graph, {node.output[0]: node.input[2]})


def _only_taken_by(name: str, readers: Mapping[str, list[Node]]) -> bool:
    """Whether a value is read as indices alone, maybe in another shape, or for its shape."""
    return all(
        each.op_type == "Shape"
        or (each.op_type in TAKE and each.input[1] == name)
        or (
            each.op_type in ("Reshape", "Unsqueeze", "Cast")
            and all(_only_taken_by(output, readers) for output in each.output)
        )
        for each in readers.get(name, [])
    )


def _source(name: str, makers: Mapping[str, Node], operation: str = "Identity") -> str:
    """The value that a value is a copy of, or a cast."""
    while name in makers and makers[name].op_type == operation:
        name = makers[name].input[0]
    return name


def _constants(graph: Graph) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for body in bodies(node):
            yield from _constants(body)


def _is_zero(tensor: Any) -> bool:
    return not tensor.dims and not numpy_helper.to_array(tensor)


def _read_in(graph: Graph) -> Iterator[str]:
    for node in graph.node:
        yield from node.input
        for body in bodies(node):
            yield from _read_in(body)
    yield from (each.name for each in graph.output)


def _replace(repeated: Any, kept: Iterable[Any]) -> None:
    kept = list(kept)
    del repeated[:]
    repeated.extend(kept)
