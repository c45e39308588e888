"""Run folders that version 0.1 wrote open, translate and score as they did there."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import seq2seq
from seq2seq.models import weight_files

RUNS = sorted((Path(__file__).parent / "runs_of_0.1").iterdir())

each_run = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)


@each_run
def test_a_former_run_translates_and_scores_as_it_did(run):
    expected = json.loads((run / "expected.json").read_text(encoding="utf-8"))
    translator, sources = seq2seq.load(run), expected["sources"]
    assert translator.translate(sources) == expected["translations"]
    found = [each.log_probability for each in translator.score(sources, sources)]
    np.testing.assert_allclose(found, expected["log_probabilities"], atol=1e-3)


def test_without_the_new_names_of_its_weights_it_would_not_open(monkeypatch):
    """The control: what stands in the file is not what the network is made of now."""
    monkeypatch.setattr(weight_files, "load_weights", lambda model, path: model.load_weights(path))
    monkeypatch.setattr(
        "seq2seq.translation.loading.load_weights", weight_files.load_weights, raising=True
    )
    with pytest.raises(ValueError, match="recurrence|Layer|objects could not be loaded"):
        seq2seq.load(Path(__file__).parent / "runs_of_0.1" / "stacked_lstm")


def test_a_former_file_of_weights_stays_as_it_was(tmp_path):
    run = Path(shutil.copytree(RUNS[-1], tmp_path / "run"))
    (weights,) = (run / "weights").glob("best-*")
    before = weights.read_bytes()
    seq2seq.load(run)
    assert weights.read_bytes() == before
