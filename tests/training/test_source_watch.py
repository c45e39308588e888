"""Validation tells a translator from a network that ignores its source."""

import logging
from dataclasses import replace

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


def with_validation(trained_run, folder, sources, targets):
    config = RunFolder.open(trained_run).config()
    paths = folder / "val.en", folder / "val.de"
    for path, lines in zip(paths, (sources, targets), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines))
    data = replace(config.data, validation_source=paths[0], validation_target=paths[1])
    return Validator(replace(config, data=data), RunFolder.open(trained_run).subwords())


def test_a_source_is_another_only_if_it_differs(trained_run, network, tmp_path):
    """A text of one sentence has no other, nor have references of one; both were said ignored."""
    weights = network.training.get_weights()
    for sources in (["She reads."], ["She reads."] * 2):
        targets = ["Sie liest.", "Sie liest es."][: len(sources)]
        found = with_validation(trained_run, tmp_path, sources, targets)(weights)
        assert found.wrong_source_perplexity is None and found.perplexity > 1
    sources = ["She reads.", "The old dog sleeps today."]
    two = with_validation(trained_run, tmp_path, sources, ["Sie liest.", "Der Hund schläft."])
    assert gap(two(weights)) > 1.1


def test_losses_do_not_depend_on_the_precision_of_translating(trained_run, network):
    folder = RunFolder.open(trained_run)
    found = [
        Validator(
            replace(folder.config(), decoding=replace(folder.config().decoding, precision=each)),
            folder.subwords(),
        )(network.training.get_weights()).perplexity
        for each in ("float32", "bfloat16")
    ]
    assert found[0] == found[1]


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
