"""What goes from a converted graph, and what stays; and weights in fewer bits."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from seq2seq.serving.portable.onnx_graph import tidy
from seq2seq.serving.portable.onnx_search import EXACT
from seq2seq.serving.portable.rounded_weights import round_to_float16, round_to_int8

FLOAT, INT = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
ROWS, INNER, OUTER = 100, 64, 96
random = np.random.default_rng(1)
TABLE = random.normal(0, 1, (ROWS, INNER)).astype(np.float32)
TABLE *= np.linspace(0.01, 3, ROWS, dtype=np.float32)[:, None]  # rows of very different sizes
FIRST = random.normal(0, 0.1, (INNER, OUTER)).astype(np.float32)
SECOND = random.normal(0, 0.1, (OUTER, ROWS)).astype(np.float32)
RANKS = {"result": 3, "hidden": 2, "rows": 2, "indices": 1}  # of outputs
BIAS = random.normal(0, 1, ROWS).astype(np.float32)


def model_of(nodes, constants, outputs):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("ids", INT, ["B"])],
        [
            helper.make_tensor_value_info(name, kind, list("XYZ")[: RANKS[name]])
            for name, kind in outputs.items()
        ],
        [numpy_helper.from_array(np.asarray(each), name) for name, each in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def network():
    """Rows of a table through two products, with a tanh between, and a bias."""
    return model_of(
        [
            helper.make_node("Gather", ["table", "ids"], ["rows"]),
            helper.make_node("MatMul", ["rows", "first"], ["hidden"]),
            helper.make_node("Tanh", ["hidden"], ["bounded"]),
            helper.make_node("MatMul", ["bounded", "second"], ["products"]),
            helper.make_node("Reshape", ["products", "shape"], ["shaped"]),
            helper.make_node("Add", ["shaped", "bias"], ["logits"]),
            helper.make_node("Identity", ["logits"], ["result"]),
        ],
        {
            **{"table": TABLE, "first": FIRST, "second": SECOND, "bias": BIAS},
            "shape": np.array([-1, 1, ROWS], np.int64),
        },
        {"result": FLOAT, "hidden": FLOAT},
    )


def run(model, ids, exact=True):
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    if exact:
        options.add_session_config_entry(*EXACT)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, {"ids": np.array(ids, np.int64)}), strict=True))


def kinds(model):
    return {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("weights, bound", [(round_to_int8, 0.03), (round_to_float16, 0.001)])
def test_rounded_weights_compute_nearly_the_same(weights, bound):
    ids = np.arange(ROWS)
    exact = run(network(), ids)
    model = network()
    before = model.ByteSize()
    weights(model)
    assert model.ByteSize() < before * (0.35 if weights is round_to_int8 else 0.6)
    found = run(model, ids)
    for name in exact:
        difference = np.linalg.norm(found[name] - exact[name], axis=-1)
        assert np.all(difference <= bound * np.linalg.norm(exact[name], axis=-1))
    assert np.abs(found["result"] - exact["result"]).max() > 0  # the control: it is rounded


def test_a_row_is_rounded_by_itself():
    """Else a translation would depend on those beside it."""
    model = network()
    round_to_int8(model)
    together, alone = run(model, np.arange(ROWS)), run(model, [0])
    np.testing.assert_array_equal(together["hidden"][0], alone["hidden"][0])
    np.testing.assert_array_equal(together["result"][0], alone["result"][0])
    # The control: with ONNX Runtime's own rounding, one scale for all, it does.
    node = next(each for each in model.graph.node if each.op_type == "MatMulIntegerToFloat")
    whole = "DynamicQuantizeMatMul"
    node.op_type, inputs = whole, ["rows", node.input[1], node.input[3]]
    del node.input[:]
    node.input.extend(inputs)
    scaled = next(each for each in model.graph.node if each.output[0] == "hidden")
    scaled.op_type, scaled.input[1] = "Mul", "float_one"
    together, alone = (run(model, ids, exact=False) for ids in (np.arange(ROWS), [0]))
    assert np.abs(together["hidden"][0] - alone["hidden"][0]).max() > 1e-3


def test_a_bias_is_added_within_the_product():
    model = network()
    round_to_int8(model)
    assert "Add" not in kinds(model) and "MatMul" not in kinds(model)
    assert {each.name for each in model.graph.initializer} >= {"bias", "shape"}
    assert not {"table", "first", "second"} & {each.name for each in model.graph.initializer}


def test_columns_that_are_looked_up_are_multiplied_as_integers_too():
    """A shortlist: rows of the output layer's table, transposed, outside the loop of the steps."""
    model = model_of(
        [
            helper.make_node("Gather", ["table", "ids"], ["rows"]),
            helper.make_node("Transpose", ["rows"], ["columns"], perm=[1, 0]),
            helper.make_node("MatMul", ["left", "columns"], ["hidden"]),
        ],
        {"table": TABLE, "left": FIRST.T.copy()},
        {"hidden": FLOAT},
    )
    exact = run(model, [5, 99, 7])["hidden"]
    round_to_int8(model)
    assert kinds(model) & {"MatMul", "MatMulIntegerToFloat"} == {"MatMulIntegerToFloat"}
    found = run(model, [5, 99, 7])["hidden"]
    assert 0 < np.linalg.norm(found - exact) < 0.03 * np.linalg.norm(exact)


def loop_of(nodes, result):
    """A loop of one step, with no variables, that gives what its nodes make."""
    body = helper.make_graph(
        [*nodes, helper.make_node("Identity", ["going"], ["goes"])],
        "body",
        [
            helper.make_tensor_value_info("step", INT, []),
            helper.make_tensor_value_info("going", onnx.TensorProto.BOOL, []),
        ],
        [
            helper.make_tensor_value_info("goes", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("made", FLOAT, None),
        ],
    )
    return [
        helper.make_node(
            "Loop",
            [
                "one_step",
                "",
            ],
            ["stacked"],
            body=body,
        ),
        helper.make_node("Squeeze", ["stacked", "first_axis"], [result]),
    ]


LOOPED = {"one_step": np.int64(1), "first_axis": np.array([0], np.int64)}
IN_A_LOOP = [helper.make_node("MatMul", ["rows", "weight"], ["made"])]
SHORTLIST = [helper.make_node("MatMul", ["left", "columns"], ["made"])]


@pytest.mark.parametrize(
    "nodes, constants",
    [
        ([helper.make_node("MatMul", ["rows", "weight"], ["hidden"])], ()),
        (loop_of(IN_A_LOOP, "hidden"), LOOPED),
        (
            [
                helper.make_node("Transpose", ["rows"], ["columns"], perm=[1, 0]),
                *loop_of(SHORTLIST, "hidden"),
            ],
            LOOPED,
        ),
    ],
    ids=["outside", "in a loop", "shortlist"],
)
def test_sums_of_rounded_products_do_not_overflow(nodes, constants):
    """Without VNNI two products are added in 16 bits: weights of 127 overflow, unless uint8."""
    large, ids = np.full((INNER, OUTER), 3, np.float32), [5, 99, 7]
    model = model_of(
        [helper.make_node("Gather", ["table", "ids"], ["rows"]), *nodes],
        {
            **{"table": np.abs(TABLE), "weight": large, "left": np.abs(TABLE)},
            **dict(constants),
        },
        {"hidden": FLOAT},
    )
    exact = run(model, ids)["hidden"]
    round_to_int8(model)
    found = run(model, ids)["hidden"]
    assert np.linalg.norm(found - exact) < 0.01 * np.linalg.norm(exact)
    if "vnni" not in Path("/proc/cpuinfo").read_text() and nodes[0].op_type != "Transpose":
        wrong = run(model, ids, exact=False)["hidden"]  # the control
        assert np.linalg.norm(wrong - exact) > 0.05 * np.linalg.norm(exact)


@pytest.mark.parametrize(
    "attributes, rounded",
    [
        ({}, True),
        ({"alpha": 1.0, "transB": 0}, True),
        ({"transB": 1}, True),
        ({"alpha": 2.0}, False),
    ],
)
def test_a_product_that_the_converter_made_a_gemm_is_rounded_too(attributes, rounded):
    """As in the encoder of a Transformer; one that scales the product stays as it is."""
    weight = FIRST.T.copy() if attributes.get("transB") else FIRST
    model = model_of(
        [
            helper.make_node("Gather", ["table", "ids"], ["rows"]),
            helper.make_node("Gemm", ["rows", "weight"], ["hidden"], **attributes),
        ],
        {"table": TABLE, "weight": weight},
        {"hidden": FLOAT},
    )
    exact = run(model, [5, 99, 7])["hidden"]
    round_to_int8(model)
    product = "MatMulIntegerToFloat" if rounded else "Gemm"
    assert kinds(model) & {"Gemm", "MatMulIntegerToFloat"} == {product}
    found = run(model, [5, 99, 7])["hidden"]
    assert 0 < np.linalg.norm(found - exact) < 0.03 * np.linalg.norm(exact)


def taking(outputs):
    """What Keras makes of `take`: the size is added to negative indices."""
    return model_of(
        [
            helper.make_node("Less", ["ids", "zero"], ["negative"]),
            helper.make_node("Add", ["ids", "size"], ["moved"]),
            helper.make_node("Where", ["negative", "moved", "ids"], ["indices"]),
            helper.make_node("Reshape", ["table", "shape"], ["same"]),
            helper.make_node("Gather", ["same", "indices"], ["rows"]),
        ],
        {
            "zero": np.int64(0),
            "size": np.int64(ROWS),
            "table": TABLE,
            "shape": np.array([ROWS, -1], np.int64),
        },
        outputs,
    )


def test_indices_and_weights_are_read_directly():
    model = taking({"rows": FLOAT})
    before = run(model, [3, -1])["rows"]
    tidy(model.graph)
    assert kinds(model) == {"Gather"}
    assert {each.name for each in model.graph.initializer} == {"table"}
    np.testing.assert_array_equal(run(model, [3, -1])["rows"], before)


def test_indices_that_are_read_as_numbers_stay():
    model = taking({"rows": FLOAT, "indices": INT})
    tidy(model.graph)
    assert kinds(model) == {"Less", "Add", "Where", "Gather"}
    assert run(model, [3, -1])["indices"].tolist() == [3, ROWS - 1]
