"""Mistakes in settings or files: one message, and nothing is written."""

import re
import shutil
from dataclasses import replace

import pytest
from conftest import Silent, miniature_settings

from seq2seq.errors import ConfigError, DataError
from seq2seq.run_folder import RunFolder
from seq2seq.training.run_lifecycle import open_to_go_on
from seq2seq.workflows.train import train


def test_missing_files_are_named_with_their_settings_and_nothing_is_written(small_corpus, tmp_path):
    config = miniature_settings(
        small_corpus, data={"train_source": "no/such.en", "test_target": "nor/this.de"}
    )
    with pytest.raises(DataError, match=r"data.train_source: no/such.en; data.test_target: nor/"):
        train(config, tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()


def test_sides_of_unequal_length_are_refused_with_both_counts(small_corpus, tmp_path):
    short = tmp_path / "short.de"
    short.write_text("Ein Satz.\n")
    config = miniature_settings(small_corpus, data={"train_target": str(short)})
    with pytest.raises(DataError, match="train.en has 400 lines but .*short.de has 1"):
        train(config, tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("split", ["train", "validation"])
def test_an_empty_corpus_is_refused(small_corpus, tmp_path, split):
    (tmp_path / "empty.txt").touch()
    empty = str(tmp_path / "empty.txt")
    config = miniature_settings(
        small_corpus, data={f"{split}_source": empty, f"{split}_target": empty}
    )
    with pytest.raises(DataError, match=r"hold no text|empty.txt is empty"):
        train(config, tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()


def test_a_vocabulary_larger_than_the_corpus_allows_is_refused(small_corpus, tmp_path):
    config = miniature_settings(small_corpus, subwords={"vocabulary_size": 50000})
    with pytest.raises(ConfigError, match=r"vocabulary_size: 50000 is more than .* set it to \d+"):
        train(config, tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("rule", "end", "told"),
    [
        (
            "nmt_nfkc",
            "，gut",
            "100 % of the lines of {} cannot be written .* makes ',' of '，', for",
        ),
        ("nmt_nfkc", "", None),  # the controls
        ("identity", "，gut", None),
        ("nmt_nfkc_cf", "，gut", None),  # who folds capitals wants other text
    ],
)
def test_references_that_normalisation_keeps_out_of_reach_are_told(
    small_corpus, tmp_path, caplog, stopped_at_once, rule, end, told
):
    targets = (small_corpus / "val.de").read_text().splitlines()
    path = tmp_path / "val.de"
    path.write_text("".join(f"{line}{end}\n" for line in targets), encoding="utf-8")
    config = miniature_settings(
        small_corpus,
        data={"validation_target": str(path)},
        subwords={"normalization": rule},
    )
    with pytest.raises(stopped_at_once):
        train(config, tmp_path / "run", Silent())
    if told:
        assert re.search(told.format(re.escape(str(path))), caplog.text)
    else:
        assert "cannot be written" not in caplog.text


@pytest.mark.parametrize(("warmup", "told"), [(30, True), (29, False)])
def test_a_training_that_ends_warming_up_is_told(
    small_corpus, tmp_path, caplog, stopped_at_once, warmup, told
):
    settings = {"steps": 30, "warmup_steps": warmup}
    with pytest.raises(stopped_at_once):
        train(miniature_settings(small_corpus, training=settings), tmp_path / "run", Silent())
    assert ("warmup_steps: 30 is as long as this training of 30 steps" in caplog.text) == told
    assert ("its learning rate never falls" in caplog.text) == told


def test_a_place_that_takes_no_curves_is_an_os_error_that_names_it(trained_run, tmp_path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    shutil.rmtree(run / "tensorboard")
    (run / "tensorboard").touch()
    config = RunFolder.open(run).config()
    longer = replace(config, training=replace(config.training, epochs=config.training.epochs + 1))
    with pytest.raises(OSError, match=f"Not a directory: '{run / 'tensorboard'}'"):
        train(longer, run, Silent())


def test_a_language_whose_words_cannot_be_found_is_refused_before_training(
    small_corpus, tmp_path, monkeypatch
):
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
    config = miniature_settings(small_corpus, data={"target_language": "ja"})
    with pytest.raises(ConfigError, match=r"data.target_language: ja.*seq2seq-keras\[ja\]"):
        train(config, tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()


def test_a_run_takes_another_language_unless_its_scores_would_change(trained_run, tmp_path):
    run = shutil.copytree(trained_run, tmp_path / "run")
    config = RunFolder.open(run).config()
    named = replace(config, data=replace(config.data, source_language="nl", target_language="nds"))
    folder, _ = open_to_go_on(named, run)
    assert folder.config().data.languages.target == "nds"
    chinese = replace(config, data=replace(config.data, target_language="zh"))
    with pytest.raises(ConfigError, match="data.target_language: nds -> zh"):
        open_to_go_on(chinese, run)


@pytest.mark.parametrize("asked", [{"steps": 1}, {"epochs": 1}])
def test_a_run_is_not_made_shorter_than_it_is(trained_run, tmp_path, asked):
    run = shutil.copytree(trained_run, tmp_path / "run")
    folder = RunFolder.open(run)
    config, taken = folder.config(), int(folder.history()[-1]["step"])
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
    (name, number), *_ = asked.items()
    told = (
        rf"run has taken {taken} steps \(3 whole epochs\), more than training.{name}: {number}; no"
    )
    with pytest.raises(ConfigError, match=told):
        open_to_go_on(replace(config, training=replace(config.training, **asked)), run)
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before
    as_long = replace(config, training=replace(config.training, steps=taken))
    assert open_to_go_on(as_long, run)[0].config().training.steps == taken
