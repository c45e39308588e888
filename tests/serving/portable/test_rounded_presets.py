"""Published networks in int8: no matrix is left out, and what they find is nearly the same."""

import numpy as np
import onnx
import pytest

from seq2seq.config.architecture import ModelConfig
from seq2seq.config.presets import PRESETS, expand_preset
from seq2seq.config.sections import DecodingConfig
from seq2seq.models.translator import build_translator
from seq2seq.serving.portable.onnx_format import write_onnx
from seq2seq.serving.portable.onnx_search import OnnxSearch
from seq2seq.serving.portable.rounded_weights import SMALLEST, rewrite
from seq2seq.translation.portable_graphs import portable_search

VOCABULARY, SIZE = 304, 0.13
SUPPRESSED = (0, 1, 2)
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


@pytest.mark.long
@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_matrix_of_a_published_network_is_rounded(preset, tmp_path):
    config = ModelConfig(**expand_preset({"preset": preset, "size": SIZE}, "test"))
    network = build_translator(config, VOCABULARY, 0)
    path, rounded = tmp_path / "model.onnx", tmp_path / "rounded.onnx"
    write_onnx(portable_search(network, SUPPRESSED, DecodingConfig(beam_width=3), None), path)
    assert len(large_floats(onnx.load(path))) > 5  # the control
    rounded.write_bytes(path.read_bytes())
    rewrite(rounded, "int8")
    assert large_floats(onnx.load(rounded)) == set()
    assert rounded.stat().st_size < 0.5 * path.stat().st_size
    found, expected = (OnnxSearch(each)(ROWS) for each in (rounded, path))
    np.testing.assert_allclose(found["scores"][:, 0], expected["scores"][:, 0], rtol=0.05)
