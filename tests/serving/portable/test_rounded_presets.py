"""Published networks in int8: no matrix is left out, and what they find is nearly the same."""

import numpy as np
import onnx
import pytest

from seq2seq.config.architecture import ModelConfig
from seq2seq.config.presets import PRESETS, expand_preset
from seq2seq.config.sections import DecodingConfig
from seq2seq.models.translator import build_translator
from seq2seq.serving.portable.onnx_format import write_onnx
from seq2seq.serving.portable.onnx_graph import bodies
from seq2seq.serving.portable.onnx_search import OnnxSearch
from seq2seq.serving.portable.rounded_weights import SMALLEST, rewrite
from seq2seq.workflows.export_portable import portable_search

VOCABULARY, SIZE = 304, 0.13
DEEP = {"rnmt_plus2018", "hybrid2018"}  # minutes each
ROWS = np.array([[10, 11, 12, 3], [20, 21, 3, 0]], np.int32)


def large_floats(model):
    """Matrices of many numbers that are float32, by name."""
    return {
        each.name
        for each in model.graph.initializer
        if each.data_type == onnx.TensorProto.FLOAT
        and len(each.dims) == 2  # a Transformer's attention has weights of five axes too
        and np.prod(each.dims) >= SMALLEST
    }


def products(graph):
    """The inputs of products in float32, in a graph and those in it."""
    for node in graph.node:
        if node.op_type in ("MatMul", "Gemm", "Einsum"):
            yield set(node.input)
        for body in bodies(node):
            yield from products(body)


@pytest.mark.long
@pytest.mark.parametrize("preset", sorted(PRESETS.keys() - DEEP))
def test_every_matrix_of_a_published_network_is_rounded(preset, tmp_path):
    config = ModelConfig(**expand_preset({"preset": preset, "size": SIZE}, "test"))
    network = build_translator(config, VOCABULARY, 0)
    path, rounded = tmp_path / "model.onnx", tmp_path / "rounded.onnx"
    write_onnx(portable_search(network, DecodingConfig(beam_width=3), None), path)
    assert len(large_floats(onnx.load(path))) > 5  # the control
    rounded.write_bytes(path.read_bytes())
    rewrite(rounded, "int8")
    model = onnx.load(rounded)
    assert large_floats(model) == set()
    # What is multiplied in float32 is attention: numbers of the sentence, and no weights.
    weights = {each.name for each in model.graph.initializer if len(each.dims) == 2}
    assert all(weights.isdisjoint(inputs) for inputs in products(model.graph))
    assert rounded.stat().st_size < 0.5 * path.stat().st_size
    found, expected = (OnnxSearch(each)(ROWS) for each in (rounded, path))
    np.testing.assert_allclose(found["scores"][:, 0], expected["scores"][:, 0], rtol=0.05)
