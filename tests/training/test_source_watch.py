"""Validation tells a translator from a network that ignores its source."""

import logging

import numpy as np
import pytest
from conftest import Silent, miniature_settings

from seq2seq.run_folder import RunFolder
from seq2seq.training import keeper
from seq2seq.training.training_state import TrainingState
from seq2seq.training.validation import Validator
from seq2seq.translation.loading import load_translator
from seq2seq.workflows.train import fit


@pytest.fixture(scope="module")
def validator(trained_run):
    folder = RunFolder.open(trained_run)
    return Validator(folder.config(), folder.subwords())


@pytest.fixture(scope="module")
def network(trained_run):
    return load_translator(trained_run).network


def gap(found):
    return found.wrong_source_perplexity / found.perplexity


def test_with_another_source_a_translators_perplexity_is_higher(validator, network):
    assert gap(validator(network.training.get_weights())) > 1.5


def test_a_network_whose_source_says_nothing_has_one_perplexity(validator, network):
    """The control."""
    weights = [
        np.zeros_like(weight) if variable.path.startswith("source_embedding") else weight
        for variable, weight in zip(
            network.training.weights, network.training.get_weights(), strict=True
        )
    ]
    assert gap(validator(weights)) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("least_gap", "said"), [(1e9, 1), (0.0, 0)])
def test_training_says_once_that_the_source_is_ignored(
    least_gap, said, small_corpus, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(keeper, "SOURCE_READ_BY", 2)
    monkeypatch.setattr(keeper, "LEAST_GAP", least_gap)
    config = miniature_settings(small_corpus, training={"steps": 4, "validate_every": 1})
    with caplog.at_level(logging.WARNING, "seq2seq"):
        folder = fit(config, tmp_path / "run", Silent())
    found = [each for each in caplog.messages if "ignores its source" in each]
    assert len(found) == said
    assert all("at step 2 " in each for each in found)
    rows = folder.history()
    assert len(rows) == 4 and all(float(row["wrong_source_perplexity"]) > 1 for row in rows)


def test_rows_of_an_earlier_release_have_no_such_column():
    state = TrainingState(history=[{"step": 1}, {"step": 2, "wrong_source_perplexity": 3.5}])
    assert state.history_csv() == "step,wrong_source_perplexity\n1,\n2,3.5\n"
