"""An exported ONNX model in onnxruntime-web, as in browsers: the ids are those of Python."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from exported_model import RULES, exported_onnx

from seq2seq.data.lines import read_lines
from seq2seq.run_folder import RunFolder
from seq2seq.serving.portable.onnx_search import OnnxSearch
from seq2seq.serving.portable.rounded_weights import rewrite
from seq2seq.translation.batch_search import padded

pytestmark = pytest.mark.long
RUNTIME = Path("build/onnxruntime-web/package/dist/ort.wasm.bundle.min.mjs").resolve()
SCRIPT = Path(__file__).parents[1] / "helpers" / "onnx_in_node.mjs"
SENTENCES, BATCH, EOS = 100, 7, 3


@pytest.fixture(scope="module")
def batches(trained_run):
    """Sentences of the run's test text as rows of ids, in no order."""
    folder = RunFolder.open(trained_run)
    lines = list(dict.fromkeys(read_lines(folder.config().data.test_source)))[:SENTENCES]
    assert len(lines) == SENTENCES
    rows = [[*ids, EOS] for ids in folder.subwords().encode_all(lines)]
    return [rows[first : first + BATCH] for first in range(0, SENTENCES, BATCH)]


def in_node(model, batches, tmp_path):
    """The outputs of each row: ids and scores."""
    if not RUNTIME.exists() or shutil.which("node") is None:
        assert "CI" not in os.environ, "run make onnxruntime-web"
        pytest.skip("no node, or no onnxruntime-web yet: make onnxruntime-web")
    given = tmp_path / "batches.json"
    given.write_text(json.dumps(batches))
    done = subprocess.run(
        ["node", SCRIPT, RUNTIME, model, given], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def compared(model, batches, tmp_path):
    """For each output of each sentence: ids in Node and here, and how far its scores differ."""
    found = iter(in_node(model, batches, tmp_path))
    search = OnnxSearch(model)
    for batch in batches:
        fields = search(padded(batch))
        for row in range(len(batch)):
            for rank, output in enumerate(next(found)):
                ids = fields["ids"][row, rank, : fields["lengths"][row, rank]].tolist()
                yield output["ids"], ids, abs(output["score"] - fields["scores"][row, rank])


def test_the_model_s_file_gives_the_same_ids_in_node(request, batches, tmp_path):
    model = exported_onnx(request) / "model.onnx"
    found = list(compared(model, batches, tmp_path))
    assert len(found) == SENTENCES * RULES["n_best"]
    for ids, here, difference in found:
        assert ids == here and difference < 1e-4
    # The control: sentences, and outputs of one, are told apart.
    assert len({tuple(ids) for ids, *_ in found}) > SENTENCES


def test_int8_runs_in_node(request, batches, tmp_path):
    """A number near the middle of two integers may be rounded otherwise there."""
    shutil.copy(exported_onnx(request) / "model.onnx", model := tmp_path / "model.onnx")
    rewrite(model, "int8")
    found = list(compared(model, batches, tmp_path))
    same = [difference for ids, here, difference in found if ids == here]
    print(f"{len(same)} of {len(found)} outputs the same, scores within {max(same):.4f}")
    assert len(same) > 0.95 * len(found) and max(same) < 0.01
