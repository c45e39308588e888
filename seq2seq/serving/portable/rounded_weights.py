"""Weights of an ONNX model in 8 or 16 bits.

In int8, each column of a matrix has a scale of its own, and so has each row that it is multiplied
by, found as it comes: a row's products are the same whatever rows stand beside it, which one scale
for all of them would not give. Products are summed as integers, exactly, and scaled then. Rows of
an embedding have a scale each. Biases, norms and all that is added or compared stay float32.

Without VNNI, ONNX Runtime adds two products of a uint8 and an int8 in 16 bits, which overflow,
unless an option has it make weights uint8 as it opens the model (`onnx_search.EXACT`). It finds
those weights alone that belong to the graph of their product, not to one around it; and none that
are computed, as a shortlist's columns are, so these are uint8 from the start.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import helper, numpy_helper

from seq2seq.serving.portable.onnx_graph import (
    bodies,
    drop_unused,
    makers_of,
    readers_of,
    rename_values,
)

SMALLEST = 4096  # numbers; smaller weights gain nothing
LARGEST = 127  # of the numbers of a rounded row or column, both ways
ZERO = 128  # what stands for 0 among numbers from 0 to 255
TINY = 1e-20  # scale of a row of zeros
CONTRIBUTED = "com.microsoft"  # ONNX Runtime's own operations
Graph = Any  # onnx.GraphProto
Node = Any  # onnx.NodeProto


def rewrite(path: Path, weights: str) -> None:
    """Stores the weights of the model in a file as "float16" or "int8"."""
    model = onnx.load(str(path))
    {"float16": round_to_float16, "int8": round_to_int8}[weights](model)
    onnx.save(model, str(path))
    onnx.checker.check_model(str(path))


def round_to_int8(model: onnx.ModelProto) -> None:
    """Stores each large weight that is multiplied or looked up as int8, and multiplies in int8."""
    _Rounding(model.graph).graph(model.graph)
    drop_unused(model.graph)
    if CONTRIBUTED not in {each.domain for each in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(CONTRIBUTED, 1))


def round_to_float16(model: onnx.ModelProto) -> None:
    """Stores each large weight as float16; ONNX Runtime computes in float32 all the same."""
    casts = []
    for tensor in model.graph.initializer:
        values = _weight(tensor)
        if values is None:
            continue
        name, stored = tensor.name, f"{tensor.name}_float16"
        largest = np.finfo(np.float16).max
        rounded = values.clip(-largest, largest).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(rounded, stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


class _Columns(NamedTuple):
    """The names of a matrix whose columns are rounded."""

    numbers: str
    scales: str
    zero: str  # what stands for 0 among the numbers


class _Rounding:
    """The weights of a model, which graphs at any depth read, and their rounded forms."""

    def __init__(self, outermost: Graph) -> None:
        self._outermost = outermost
        self._weights = {
            tensor.name: values
            for tensor in outermost.initializer
            if (values := _weight(tensor)) is not None and values.ndim == 2
        }
        self._vectors = {each.name for each in outermost.initializer if len(each.dims) == 1}
        self._products: Counter[str] = Counter()  # that a weight was found in
        self._constants: set[str] = set()
        # Rows that were looked up: int8 and scales, by name; matrices whose columns they are.
        self._rows_found: dict[str, tuple[str, str]] = {}
        self._columns_found: dict[str, _Columns] = {}

    def graph(self, graph: Graph) -> None:
        """Rounds what a graph, and the graphs in it, multiply and look up."""
        nodes: list[Node] = []
        rounded_rows: dict[str, tuple[str, str]] = {}
        makers, readers = makers_of(graph), readers_of(graph)
        for node in map(self._as_product, graph.node):
            for body in bodies(node):
                self.graph(body)
            if node.op_type == "MatMul" and self._is_matrix(node.input[1]):
                columns = self._columns(graph, node.input[1])
                if _is_tanh(node.input[0], makers):
                    bias = self._take_bias(graph, node, readers)
                    nodes += self._bounded_product(node, columns, bias)
                else:
                    nodes += self._product(node, columns, rounded_rows)
            elif node.op_type == "Gather" and node.input[0] in self._weights and not _axis(node):
                nodes += self._rows(node)
            elif node.op_type == "Transpose" and node.input[0] in self._rows_found:
                nodes += [node, *self._transposed(node)]
            else:
                nodes.append(node)
        del graph.node[:]
        graph.node.extend(nodes)

    def _as_product(self, node: Node) -> Node:
        """A Gemm that does nothing but multiply by a weight as a MatMul; any other node as it is.

        tf2onnx makes them of the products of a Transformer's attention.
        """
        changes = {each.name: each.f or each.i for each in node.attribute}
        if node.op_type != "Gemm" or len(node.input) != 2 or node.input[1] not in self._weights:
            return node
        if changes.get("alpha", 1) != 1 or changes.get("transA"):
            return node
        left, weight = node.input
        if changes.get("transB"):
            turned = f"{weight}_turned"
            self._weights[turned] = self._weights[weight].T
            weight = turned
        return helper.make_node("MatMul", [left, weight], list(node.output))

    def _is_matrix(self, name: str) -> bool:
        return name in self._weights or name in self._columns_found

    def _columns(self, graph: Graph, name: str) -> _Columns:
        """A matrix by rounded columns, for one product in a graph.

        Each has a copy of its own: ONNX Runtime fails if two products' weights are to be uint8.
        """
        if name in self._columns_found:
            return self._columns_found[name]
        rounded, found = _rounded(self._weights[name], axis=0)
        self._products[name] += 1
        numbers, zero = (f"{name}_{each}_of_{self._products[name]}" for each in ("int8", "zero"))
        graph.initializer.append(numpy_helper.from_array(rounded, numbers))
        graph.initializer.append(numpy_helper.from_array(np.int8(0), zero))
        scales = self._constant(f"{name}_scales_0", found)
        return _Columns(numbers, scales, zero)

    def _product(
        self, node: Node, columns: _Columns, rounded_rows: dict[str, tuple[str, str]]
    ) -> Iterator[Node]:
        left = node.input[0]
        (result,) = node.output
        if left not in rounded_rows:
            rounded_rows[left] = f"{result}_rounded", f"{result}_scales"
            yield from self._round_rows(left, *rounded_rows[left])
        rows, row_scales = rounded_rows[left]
        one = self._constant("float_one", np.float32(1))
        product = f"{result}_unscaled"
        yield self._scaled_product(rows, one, columns, product)
        yield helper.make_node("Mul", [product, row_scales], [result])

    def _scaled_product(
        self, rows: str, row_scale: str, columns: _Columns, result: str, bias: str = ""
    ) -> Node:
        zero_of_rows = self._constant("uint8_zero", np.uint8(ZERO))
        inputs = [rows, columns.numbers, row_scale, columns.scales, zero_of_rows, columns.zero]
        inputs += [bias] if bias else []
        return helper.make_node("MatMulIntegerToFloat", inputs, [result], domain=CONTRIBUTED)

    def _take_bias(self, graph: Graph, node: Node, readers: Mapping[str, list[Node]]) -> str:
        """The vector that is added to a product and nothing else is done with it; "" if none.

        The sum, which only the product then makes, goes from the graph.
        """
        (result,) = node.output
        while len(found := readers.get(result, [])) == 1 and found[0].op_type == "Reshape":
            (result,) = found[0].output
        if len(found) != 1 or found[0].op_type != "Add":
            return ""
        biases = self._vectors.intersection(found[0].input)
        if len(biases) != 1:
            return ""
        rename_values(graph, {found[0].output[0]: result})
        return biases.pop()

    def _bounded_product(self, node: Node, columns: _Columns, bias: str) -> Iterator[Node]:
        """The product of numbers between -1 and 1, for which one scale does, plus a vector."""
        left = node.input[0]
        (result,) = node.output
        share = self._constant("float_share", np.float32(1 / LARGEST))
        zero = self._constant("uint8_zero", np.uint8(ZERO))
        rows = f"{result}_rounded"
        yield helper.make_node("QuantizeLinear", [left, share, zero], [rows])
        yield self._scaled_product(rows, share, columns, result, bias)

    def _round_rows(self, values: str, rounded: str, scales: str) -> Iterator[Node]:
        """Each row over its scale, which makes its largest number `LARGEST`, as uint8."""
        last = self._constant("last_axis", np.array([-1], np.int64))
        share = self._constant("float_share", np.float32(1 / LARGEST))
        tiny = self._constant("float_tiny", np.float32(TINY))
        one = self._constant("float_one", np.float32(1))
        zero = self._constant("uint8_zero", np.uint8(ZERO))
        sizes, largest, share_of_it = (f"{rounded}_{each}" for each in ("size", "most", "share"))
        yield helper.make_node("Abs", [values], [sizes])
        yield helper.make_node("ReduceMax", [sizes, last], [largest], keepdims=1)
        yield helper.make_node("Mul", [largest, share], [share_of_it])
        yield helper.make_node("Max", [share_of_it, tiny], [scales])
        yield helper.make_node("Div", [values, scales], [f"{rounded}_scaled"])
        yield helper.make_node("QuantizeLinear", [f"{rounded}_scaled", one, zero], [rounded])

    def _rows(self, node: Node) -> Iterator[Node]:
        table, ids = node.input
        (result,) = node.output
        rows, scales = (f"{table}_{each}_1" for each in ("int8", "scales"))
        if rows not in self._constants:
            rounded, found = _rounded(self._weights[table], axis=1)
            self._constant(rows, rounded)
            self._constant(scales, found)
        yield helper.make_node("Gather", [rows, ids], [f"{result}_int8"])
        yield helper.make_node(
            "Cast", [f"{result}_int8"], [f"{result}_float"], to=onnx.TensorProto.FLOAT
        )
        yield helper.make_node("Gather", [scales, ids], [f"{result}_scales"])
        yield helper.make_node("Mul", [f"{result}_float", f"{result}_scales"], [result])
        self._rows_found[result] = f"{result}_int8", f"{result}_scales"

    def _transposed(self, node: Node) -> Iterator[Node]:
        """The columns of the rows that were looked up, as a shortlist takes them; in uint8."""
        rounded, scales = self._rows_found[node.input[0]]
        (result,) = node.output
        one = self._constant("float_one", np.float32(1))
        zero = self._constant("uint8_zero", np.uint8(ZERO))
        vector = self._constant("vector_shape", np.array([-1], np.int64))
        columns = _Columns(f"{result}_uint8", f"{result}_scales", zero)
        turned = f"{result}_float"
        yield helper.make_node("Transpose", [rounded], [f"{result}_int8"])
        yield helper.make_node("Cast", [f"{result}_int8"], [turned], to=onnx.TensorProto.FLOAT)
        yield helper.make_node("QuantizeLinear", [turned, one, zero], [columns.numbers])
        yield helper.make_node("Reshape", [scales, vector], [columns.scales])
        if len(node.attribute) == 0 or list(node.attribute[0].ints) == [1, 0]:
            self._columns_found[result] = columns

    def _constant(self, name: str, value: Any) -> str:
        if name not in self._constants:
            self._constants.add(name)
            self._outermost.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name


def _rounded(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """A weight in int8 and its scales, each over an axis."""
    largest = np.abs(values).max(axis=axis, keepdims=axis == 1)
    scales = np.maximum(largest / LARGEST, TINY).astype(np.float32)
    return np.rint(values / scales).astype(np.int8), scales


def _weight(tensor: Any) -> np.ndarray | None:
    if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < SMALLEST:
        return None
    return numpy_helper.to_array(tensor)


def _is_tanh(name: str, makers: Mapping[str, Node]) -> bool:
    while name in makers and makers[name].op_type in ("Reshape", "Identity"):
        name = makers[name].input[0]
    return name in makers and makers[name].op_type == "Tanh"


def _axis(node: Node) -> int:
    return next((each.i for each in node.attribute if each.name == "axis"), 0)
