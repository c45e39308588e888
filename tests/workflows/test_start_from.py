"""A run that begins with what another has learnt."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Silent, miniature_settings
from loaded import loaded

from seq2seq.config.loading import as_settings, check_settings
from seq2seq.data.subwords import train_subwords
from seq2seq.errors import ConfigError, RunError
from seq2seq.models.weight_files import load_weights
from seq2seq.run_folder import RunFolder
from seq2seq.training.starting_weights import Beginning
from seq2seq.training.training_state import load_state
from seq2seq.translation.loading import LoadedRun
from seq2seq.translation.search import network
from seq2seq.workflows.info import describe
from seq2seq.workflows.keras_training import build
from seq2seq.workflows.train import fit, train

LINES = ["The dog sleeps.", "A cat sees the old dog."]


def goes_on_from(run, corpus=None, **sections):
    """Settings of a run that begins with `run`'s weights, its own apart from those given."""
    settings = as_settings(RunFolder.open(run).config())
    if corpus is not None:
        settings["data"] = as_settings(miniature_settings(corpus))["data"]
    settings["training"] |= {"start_from": str(run)}
    for name, section in sections.items():
        settings[name] |= section
    return check_settings(settings, "test settings")


def weights(folder, role):
    """Arrays of a run's file of weights, as its network has them."""
    made = network(folder.config(), folder.subwords().size)
    load_weights(made.training, folder.weights(role))
    return made.training.get_weights()


def same(left, right):
    return all(np.array_equal(one, other) for one, other in zip(left, right, strict=True))


@pytest.fixture(scope="module")
def unchanged(trained_run, tmp_path_factory):
    """A run of no step at all."""
    config = goes_on_from(trained_run, training={"steps": 0, "keep_best_by": "wer"})
    return train(config, tmp_path_factory.mktemp("unchanged") / "run", Silent())


def test_without_a_step_text_and_scores_are_those_of_the_other_run(unchanged, trained_run):
    before = RunFolder.open(trained_run)
    assert unchanged.subwords().model == before.subwords().model
    assert same(weights(unchanged, "best"), weights(before, "best"))
    translate = [loaded(run).translate for run in (unchanged.path, trained_run)]
    assert translate[0](LINES) == translate[1](LINES)
    for split in ("validation", "test"):
        assert unchanged.scores()[split] == before.scores()[split]


def test_the_first_row_of_the_history_is_the_other_run_s_quality(unchanged, trained_run):
    (row,) = unchanged.history()
    *_, last = (each for each in RunFolder.open(trained_run).history() if each["best"] == "1")
    assert (row["step"], row["training_loss"]) == ("0", "")
    assert row["validation_bleu"] == last["validation_bleu"]


def test_the_best_weights_are_best_by_the_metric_that_was_asked_for(unchanged):
    (row,) = unchanged.history()
    state, _ = load_state(unchanged.weights("state"))
    assert state.best is not None and state.best < 0  # an error rate: less is better
    assert float(row["validation_wer"]) == pytest.approx(-state.best, abs=0.005)


def test_info_says_what_a_run_began_from(unchanged, trained_run):
    digest = RunFolder.open(trained_run).weights("best").name.split("-")[-1][:8]
    expected = f"{trained_run}, best weights {digest}, its vocabulary"
    assert dict(describe(unchanged.path))["began from"] == expected
    assert "began from" not in dict(describe(trained_run))


@pytest.mark.long
def test_a_run_needs_the_other_no_more_once_it_is_made(
    trained_run, small_corpus, tmp_path, monkeypatch
):
    """Killed before its first step, and the other run gone: it ends as if nothing had happened."""
    other = Path(shutil.copytree(trained_run, tmp_path / "other"))
    config = goes_on_from(
        other, small_corpus, training={"steps": 3, "averaging": 0.9, "warmup_steps": 0}
    )
    whole = fit(config, tmp_path / "whole", Silent())

    class Killed(Exception):
        pass

    def step(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("seq2seq.training.train_step.Optimization.step", step)
        with pytest.raises(Killed):
            fit(config, tmp_path / "killed", Silent())
    shutil.rmtree(other)
    resumed = fit(config, tmp_path / "killed", Silent())
    for role in ("last", "best"):
        assert same(weights(resumed, role), weights(whole, role))
    first = Path(trained_run)
    assert not same(weights(resumed, "last"), weights(RunFolder.open(first), "last"))
    with pytest.raises(RunError, match=r"training.start_from: .*other does not exist"):
        fit(config, tmp_path / "another", Silent())  # the control: a new run needs it
    assert not (tmp_path / "another").exists()


def test_symbols_that_the_other_vocabulary_lacks_are_said(trained_run, small_corpus, tmp_path):
    config = goes_on_from(trained_run, small_corpus, subwords={"symbols": ["<x>"]})
    with pytest.raises(ConfigError, match=r"subwords.symbols: the vocabulary of .* has no <x>; le"):
        fit(config, tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()


def rows_of(translator):
    """Every table with a row for each subword."""
    layers = translator.layers
    tables = [layers.source_embedding.embeddings, layers.target_embedding.embeddings]
    return [np.array(each) for each in (*tables, layers.output.kernel, layers.output.bias)]


@pytest.mark.parametrize("tied", ["none", "source", "target", "all"])
def test_under_another_vocabulary_rows_stay_or_are_means(small_corpus, tied):
    config = miniature_settings(small_corpus, model={"tied_embeddings": tied, "units": 8})
    text = (small_corpus / "train.en").read_text().split("\n")
    german = (small_corpus / "train.de").read_text().split("\n")
    small, large = (
        dataclasses.replace(config.subwords, vocabulary_size=size) for size in (330, 420)
    )
    old, new = train_subwords(text, small), train_subwords([*german, "dogs dog Ω"], large)
    trained = network(config, old.size)
    random = np.random.default_rng(1)
    for weight in trained.training.weights:
        weight.assign(random.normal(size=weight.shape).astype(np.float32))
    other = LoadedRun(RunFolder(Path("other"), {}), config, old, trained, None)
    found = rows_of(Beginning(config, new, other).network())
    theirs = {piece: number for number, piece in enumerate(old.pieces(range(old.size)))}
    pieces = new.pieces(range(new.size))
    kept = [(number, theirs[piece]) for number, piece in enumerate(pieces) if piece in theirs]
    assert 260 < len(kept) < new.size
    begun = next(n for n, each in enumerate(pieces) if each not in theirs and each[0] == "▁")
    inside = next(n for n, each in enumerate(pieces) if each not in theirs and each[0] != "▁")
    assert old.decode(old.encode(pieces[begun][1:])) == pieces[begun][1:]
    letters = old.encode(f"x{pieces[inside]}")[-len(pieces[inside]) :]
    assert old.decode(letters) == pieces[inside]  # after another letter, none begins a word
    for table, before in zip(found, rows_of(trained), strict=True):
        for number, origin in kept:
            np.testing.assert_array_equal(table[number], before[origin])
        mean = before[old.encode(pieces[begun][1:])].mean(axis=0)
        np.testing.assert_array_equal(table[begun], mean)
        np.testing.assert_array_equal(table[inside], before[letters].mean(axis=0))


def test_a_vocabulary_of_the_new_text_is_learnt_if_asked_for(
    trained_run, small_corpus, tmp_path, stopped_at_once
):
    config = goes_on_from(
        trained_run,
        small_corpus,
        subwords={"vocabulary_size": 500},
        training={"start_vocabulary": "learnt"},
    )
    with pytest.raises(stopped_at_once):
        fit(config, tmp_path / "run", Silent())
    assert RunFolder.open(tmp_path / "run").subwords().size == 500
    assert dict(describe(tmp_path / "run"))["began from"].endswith("another vocabulary")


def test_settings_say_which_vocabulary_was_kept(
    trained_run, small_corpus, tmp_path, stopped_at_once
):
    """The file may go on asking for another size, which is not what `start_from` gives."""
    config = goes_on_from(trained_run, small_corpus, subwords={"vocabulary_size": 500})
    for _ in range(2):  # made, then resumed
        with pytest.raises(stopped_at_once):
            fit(config, tmp_path / "run", Silent())
        assert RunFolder.open(tmp_path / "run").config().subwords.vocabulary_size == 900


def test_another_architecture_takes_what_fits_and_says_what_not(
    trained_run, small_corpus, tmp_path, stopped_at_once, caplog
):
    config = goes_on_from(trained_run, small_corpus, model={"units": 64, "attention": "general"})
    with caplog.at_level("WARNING"), pytest.raises(stopped_at_once):
        fit(config, tmp_path / "run", Silent())
    said = [record.getMessage() for record in caplog.records]
    anew = f"decoder_0/lstm_cell/kernel (64 x 256) begins anew: {trained_run} has 64 x 512"
    assert anew in said
    assert f"attention/query_kernel of {trained_run} is left out: this network has none" in said
    assert not any("embedding" in line for line in said)
    begun, before = (RunFolder.open(run) for run in (tmp_path / "run", trained_run))
    assert same(weights(begun, "best")[:1], weights(before, "best")[:1])


def test_a_translator_built_for_keras_begins_there_too(trained_run):
    translator = build(goes_on_from(trained_run))
    before = weights(RunFolder.open(trained_run), "best")
    assert same(translator.network.training.get_weights(), before)


def test_another_beginning_is_refused(unchanged, trained_run):
    config = RunFolder.open(trained_run).config()
    with pytest.raises(ConfigError, match=r"training.start_from: .* -> None"):
        fit(config, unchanged.path, Silent())


def test_embeddings_begin_from_one_place(trained_run):
    with pytest.raises(ConfigError, match="test settings: training.start_from gives embeddings"):
        goes_on_from(trained_run, model={"source_vectors": "vectors.txt"})


def test_a_run_saved_by_hand_is_not_begun_again(trained_run, tmp_path):
    config = goes_on_from(trained_run)
    build(config).save(tmp_path / "run")
    with pytest.raises(RunError, match="holds no weights to go on from"):
        fit(config, tmp_path / "run", Silent())
