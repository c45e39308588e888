"""A run that is trained on several corpora: made, resumed, begun from another, refused."""

import shutil

import numpy as np
import pytest
from conftest import Silent, miniature_settings

from seq2seq.config.loading import as_settings, check_settings
from seq2seq.errors import ConfigError, DataError, RunError
from seq2seq.run_folder import RunFolder
from seq2seq.training.corpus import check_files
from seq2seq.training.training_state import load_state
from seq2seq.workflows.info import describe
from seq2seq.workflows.train import fit, train

NOISY = {
    "subwords": {"vocabulary_size": 400, "sampling": 0.3},
    "model": {"embedding_size": 8, "units": 8, "dropout": 0.3},
    "training": {"epochs": 2, "save_every": 1000, "warmup_steps": 3, "seed": 3},
}


@pytest.fixture(scope="module")
def corpora(small_corpus, tmp_path_factory):
    """Two texts of one language pair: 60 pairs, and 20 weighted ones with a word of their own."""
    folder = tmp_path_factory.mktemp("corpora")
    for side in ("en", "de"):
        lines = (small_corpus / f"train.{side}").read_text().splitlines()
        (folder / f"first.{side}").write_text("".join(f"{line}\n" for line in lines[:60]))
        word = "quokka " if side == "en" else ""
        (folder / f"second.{side}").write_text("".join(f"{word}{line}\n" for line in lines[60:80]))
    (folder / "second.weights").write_text("".join(f"{1 + n % 3}\n" for n in range(20)))
    return folder


def settings(small_corpus, corpora, shares=(1, 1), start=None, **sections):
    """Of a run on both; `start`: settings in place of the miniature's."""
    values = start or as_settings(miniature_settings(small_corpus))
    values["data"] |= {
        "train_source": None,
        "train_target": None,
        "train": [
            {"source": str(corpora / f"{name}.en"), "target": str(corpora / f"{name}.de")}
            | ({"share": share} if share else {})
            | ({"weights": str(corpora / "second.weights")} if name == "second" else {})
            for name, share in zip(("first", "second"), shares, strict=True)
        ],
        "batch_tokens": 400,
    }
    for name, section in sections.items():
        values[name] |= section
    return check_settings(values, "test settings")


def arrays(run):
    return load_state(RunFolder.open(run).weights("state"))[1]


@pytest.fixture(scope="module")
def whole(small_corpus, corpora, tmp_path_factory):
    run, reporter = tmp_path_factory.mktemp("whole") / "run", Silent()
    train(settings(small_corpus, corpora, **NOISY), run, reporter)
    return run, reporter.losses


@pytest.mark.long
def test_a_run_that_was_stopped_goes_on_in_the_same_mixture(whole, small_corpus, corpora, tmp_path):
    class Interrupted(Silent):
        def stepped(self, state, *rest):
            super().stepped(state, *rest)
            if state.epoch == 1 and state.batch == 1:
                raise KeyboardInterrupt

    config = settings(small_corpus, corpora, **NOISY | {"training": {**NOISY["training"]}})
    with pytest.raises(KeyboardInterrupt):
        fit(config, tmp_path / "run", Interrupted())
    resumed = Silent()
    fit(config, tmp_path / "run", resumed)
    run, losses = whole
    assert 0 < len(resumed.losses) < len(losses)
    assert resumed.losses == losses[-len(resumed.losses) :]
    before, after = arrays(run), arrays(tmp_path / "run")
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_words_of_every_corpus_are_seen(whole):
    words = RunFolder.open(whole[0]).source_words()
    assert words.unseen(["quokka", "the", "Wombat"]) == ["Wombat"]


def test_info_names_the_corpora_and_their_part(whole, corpora):
    rows = dict(describe(whole[0]))
    files = f"{corpora / 'second.en'}, {corpora / 'second.de'}"
    weights = f"weights {corpora / 'second.weights'}"
    assert rows["corpus 2"] == f"{files}, {weights}  50.0% of an epoch"


def test_other_shares_or_a_changed_corpus_are_refused(whole, small_corpus, corpora, tmp_path):
    copied = shutil.copytree(corpora, tmp_path / "corpora")
    config = settings(small_corpus, copied, **NOISY | {"training": {"steps": 0}})
    fit(config, tmp_path / "run", Silent())
    with pytest.raises(ConfigError, match=r"cannot go on with these: data.train: \[.*'share': 2.0"):
        fit(settings(small_corpus, copied, (1, 2), **NOISY), tmp_path / "run", Silent())
    (copied / "second.de").write_text("Ein Satz.\n" * 20)
    with pytest.raises(RunError, match=r"second.de changed since .*run was started on it"):
        fit(config, tmp_path / "run", Silent())
    shutil.copy(corpora / "second.de", copied)
    (copied / "second.weights").write_text("2\n" * 20)
    with pytest.raises(RunError, match=r"second.weights changed since .*run was started on it"):
        fit(config, tmp_path / "run", Silent())


def test_a_corpus_that_is_not_there_is_named_by_its_setting(small_corpus, tmp_path):
    with pytest.raises(DataError, match=r"data.train.1.target: .*second.de"):
        check_files(settings(small_corpus, tmp_path))


def test_training_says_where_a_corpus_has_held_out_sentences(
    small_corpus, corpora, tmp_path, caplog, stopped_at_once
):
    copied = shutil.copytree(corpora, tmp_path / "corpora")
    with pytest.raises(stopped_at_once):
        fit(settings(small_corpus, copied, **NOISY), tmp_path / "run", Silent())
    assert "scores on it flatter" not in caplog.text  # the control
    lines = (small_corpus / "test.en").read_text().splitlines()
    (copied / "second.en").write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(stopped_at_once):
        fit(settings(small_corpus, copied, **NOISY), tmp_path / "another", Silent())
    assert "of the test text, 100.0 % of the sources and 0.0 % of the targets" in caplog.text
    assert "of the validation text" not in caplog.text


def test_where_only_targets_come_again_nothing_is_advised(
    small_corpus, corpora, tmp_path, caplog, stopped_at_once
):
    """Words that sound alike, say."""
    copied = shutil.copytree(corpora, tmp_path / "corpora")
    lines = (small_corpus / "test.de").read_text().splitlines()
    (copied / "second.de").write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(stopped_at_once):
        fit(settings(small_corpus, copied, **NOISY), tmp_path / "run", Silent())
    said = (
        "of the test text, 100.0 % of the targets are in the training text too, beside other sour"
    )
    assert said in caplog.text and "leave these sentences out" not in caplog.text


def test_old_and_new_text_together_go_on_from_a_run(
    trained_run, small_corpus, corpora, tmp_path, stopped_at_once
):
    start = as_settings(RunFolder.open(trained_run).config())
    config = settings(
        small_corpus, corpora, (1, 3), start, training={"start_from": str(trained_run)}
    )
    reporter = Silent()
    with pytest.raises(stopped_at_once):
        fit(config, tmp_path / "run", reporter)
    found = RunFolder.open(tmp_path / "run")
    assert found.subwords().model == RunFolder.open(trained_run).subwords().model
    assert reporter.messages[0].startswith("80 pairs of 80, 900 subwords")
    assert dict(describe(tmp_path / "run"))["corpus 2"].endswith("75.0% of an epoch")
