"""What is compared by fine-tuning: settings of each training, and which text is forgotten."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from conftest import miniature_settings
from test_ablation import RESULT

from benchmarks.quality.fine_tuning import FineTuning, texts_of
from seq2seq.config.loading import as_settings
from seq2seq.errors import DataError
from seq2seq.files import file_sha256


def corpus(folder, *languages):
    folder.mkdir()
    for stem in ("train", "val", "test_2016"):
        for language in languages:
            (folder / f"{stem}.{language}").touch()
    return folder


def begun_run(folder, settings, best="config.yaml"):
    """A run folder whose best weights are said to be one of its files."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    (folder / "subwords.model").touch()
    names = "config.yaml", "subwords.model"
    manifest = {"format": 2, "versions": {}, "vocabulary_size": 700, "trained_on": {}}
    files = {name: file_sha256(folder / name) for name in names}
    (folder / "manifest.json").write_text(
        json.dumps(manifest | {"weights": {"best": best}, "files": files})
    )
    return folder


@pytest.fixture
def asked(monkeypatch):
    """The settings of every training or translation, and its options."""
    found = []

    def run(command, **_):
        settings = yaml.safe_load(Path(command[3]).read_text())
        found.append((Path(command[4]).name, command[5], settings))
        return subprocess.CompletedProcess(command, 0, "a warning\n" + json.dumps(asdict(RESULT)))

    monkeypatch.setattr(subprocess, "run", run)
    return found


def test_rows_differ_in_where_they_begin_and_in_their_text(small_corpus, tmp_path, asked):
    old = as_settings(miniature_settings(small_corpus, training={"epochs": 3}))
    run = begun_run(tmp_path / "old", old)
    corpora = [corpus(tmp_path / "new", "en", "de"), corpus(tmp_path / "czech", "en", "cs")]
    table = FineTuning(run, 70, tmp_path / "out").measure(corpora)

    names = [(name, option) for name, option, _ in asked]
    assert names[:7] == [
        *[("old", "--trained")] * 2,
        *[("tuned", "--steps"), ("tuned", "--trained")],
        *[("mixed", "--steps"), ("mixed", "--trained")],
        ("zero", "--steps"),
    ]
    assert names[7:] == [*names[:4], names[6]]  # another language is not mixed
    begun = {str(run)}
    for name, _, settings in asked:
        training = settings["training"]
        assert ({training["start_from"]} == begun) == (name != "zero")
        assert training["epochs"] == 3
    vocabularies = [settings["training"]["start_vocabulary"] for *_, settings in asked]
    assert vocabularies == ["kept"] * 7 + ["learnt"] * 4 + ["kept"]
    tests = [Path(settings["data"]["test_target"]) for *_, settings in asked]
    mine, theirs = corpora[0] / "test_2016.de", Path(old["data"]["test_target"])
    assert tests[:7] == [mine, theirs, mine, theirs, mine, theirs, mine]
    mixed = asked[4][2]["data"]
    assert mixed["train_source"] is None and len(mixed["train"]) == 2
    assert [each["share"] for each in mixed["train"]] == [1.0, 1.0]

    rows = table.splitlines()[2:]
    assert rows[0].startswith("| new | none: the run as it is | 0 | 38.76 ± 1.23 | 38.76 |")
    assert rows[3].startswith("| new | from zero | 90 | 38.76 ± 1.23 |  |")
    assert [row.split(" | ")[1] for row in rows[4:]] == [
        *("none: the run as it is", "from the run", "from zero")
    ]
    assert FineTuning(run, 70, tmp_path / "out").measure(corpora) == table
    assert len(asked) == 12  # what is known is not measured again
    FineTuning(run, 71, tmp_path / "out").measure(corpora)
    assert len(asked) == 24
    begun_run(run, old, best="subwords.model")  # trained further, with the same settings
    FineTuning(run, 71, tmp_path / "out").measure(corpora)
    assert len(asked) == 36


def test_a_run_with_corpora_and_without_a_test_is_a_beginning_too(small_corpus, tmp_path, asked):
    old = as_settings(miniature_settings(small_corpus))
    data = old["data"]
    parts = [{"source": data["train_source"], "target": data["train_target"], "share": 1.0}] * 2
    none = dict.fromkeys(("train_source", "train_target", "test_source", "test_target"))
    old["data"] = data | none | {"train": parts}
    run = begun_run(tmp_path / "old", old)
    FineTuning(run, 70, tmp_path / "out", 300).measure([corpus(tmp_path / "new", "en", "de")])
    trained = {name: settings["data"] for name, option, settings in asked if option == "--steps"}
    assert trained["tuned"]["train"] == [] and trained["zero"]["train"] == []
    assert [each["share"] for each in trained["mixed"]["train"]] == [1.0, 0.5, 0.5]
    sizes = {name: settings["subwords"]["vocabulary_size"] for name, _, settings in asked}
    assert (sizes["zero"], sizes["tuned"]) == (300, 700)
    before = asked[1][2]["data"]
    assert before["test_source"] == data["validation_source"]


def test_a_corpus_without_a_test_or_with_two_languages_is_named(tmp_path):
    with pytest.raises(DataError, match="needs train.en, val.en, a test"):
        texts_of(corpus(tmp_path / "three", "en", "de", "cs"), "en")
    whole = corpus(tmp_path / "whole", "en", "cs")
    assert texts_of(whole, "en")["test_target"] == str(whole / "test_2016.cs")
    (whole / "test_2016.en").unlink()
    with pytest.raises(DataError, match="needs train.en"):
        texts_of(whole, "en")


def test_languages_are_those_of_compressed_files_too(small_corpus, tmp_path, asked):
    old = as_settings(miniature_settings(small_corpus))
    for side, language in (("source", "en"), ("target", "de")):
        old["data"][f"validation_{side}"] = str(tmp_path / f"val.{language}.gz")
    run = begun_run(tmp_path / "old", old)
    FineTuning(run, 70, tmp_path / "out").measure([corpus(tmp_path / "new", "en.gz", "de.gz")])
    assert {name for name, *_ in asked} == {"old", "tuned", "mixed", "zero"}  # the same languages
    assert asked[0][2]["data"]["test_target"] == str(tmp_path / "new" / "test_2016.de.gz")


def test_files_may_end_in_what_is_no_language(tmp_path):
    found = texts_of(corpus(tmp_path / "words", "letters", "sounds"), "letters")
    assert found["train_target"] == str(tmp_path / "words" / "train.sounds")
