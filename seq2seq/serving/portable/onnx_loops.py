"""ONNX loops without what they only carry round: ONNX Runtime copies all that a loop carries.

TensorFlow's loops get the network's weights as variables that no step changes, and tf2onnx leaves
them so. A body may as well read them from outside, where ONNX Runtime prepares constants once.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import onnx

Graph = Any  # onnx.GraphProto
Node = Any  # onnx.NodeProto


def hoist_invariants(graph: Graph) -> None:
    """Makes every loop's body, at any depth, read from outside what its steps leave unchanged."""
    results = {value.name for value in graph.output}
    for node in graph.node:
        for body in _bodies(node):
            if node.op_type == "Loop":
                _hoist(graph, results, node, body)
            hoist_invariants(body)


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
    _rename(body, within)
    _rename(graph, behind)


def _source(name: str, makers: Mapping[str, Node]) -> str:
    """The value that a value is a copy of."""
    while name in makers and makers[name].op_type == "Identity":
        name = makers[name].input[0]
    return name


def _rename(graph: Graph, names: Mapping[str, str]) -> None:
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in names:
                node.input[place] = names[name]
        for body in _bodies(node):
            _rename(body, names)


def _bodies(node: Node) -> Iterator[Graph]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
