import functools
import hashlib
import io
import json
import operator
import os
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from command_line import fails
from conftest import miniature_settings
from disk_calls import assert_durable, noted_disk_calls

from seq2seq import manifest as manifest_module
from seq2seq.data.subwords import Subwords
from seq2seq.errors import RunError, Seq2SeqError
from seq2seq.manifest import read_manifest
from seq2seq.models.weight_files import write_weights
from seq2seq.run_folder import RunFolder
from seq2seq.training.run_lifecycle import open_to_go_on
from seq2seq.training.training_state import TrainingState, load_state, save_state
from seq2seq.translation.loading import load_translator
from seq2seq.workflows.evaluate import score_run


@pytest.fixture
def run(trained_run, tmp_path):
    """A copy that a test may damage."""
    return Path(shutil.copytree(trained_run, tmp_path / "run"))


def change_manifest(run, **fields):
    path = run / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_a_run_copied_elsewhere_opens(run):
    folder = RunFolder.open(run)
    assert folder.config().model.attention == "additive"
    assert folder.subwords().size == folder.manifest["vocabulary_size"]
    assert folder.weights("best").is_file()


@pytest.mark.parametrize("name", ["config.yaml", "subwords.model", "best", "state"])
def test_an_altered_file_is_refused_by_name(run, name):
    path = run / name if "." in name else RunFolder.open(run).weights(name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=f"{path.name} is not the file this run wrote"):
        RunFolder.open(run)


def test_a_missing_file_is_refused_by_name(run):
    (run / "subwords.model").unlink()
    with pytest.raises(RunError, match="subwords.model is missing"):
        RunFolder.open(run)


def test_a_vocabulary_of_another_run_is_refused(run, small_corpus):
    from seq2seq.training.corpus import learn_subwords

    learn_subwords(miniature_settings(small_corpus))  # another vocabulary, itself in order
    other: Subwords = learn_subwords(miniature_settings(small_corpus))
    (run / "subwords.model").write_bytes(other.model)
    with pytest.raises(RunError, match="subwords.model is not the file this run wrote"):
        RunFolder.open(run)


def test_a_newer_format_is_refused_with_both_numbers(run):
    change_manifest(run, format=3)
    with pytest.raises(RunError, match="has run format 3, this version reads up to 2"):
        RunFolder.open(run)


def test_a_damaged_manifest_is_refused(run):
    (run / "manifest.json").write_text("{")
    with pytest.raises(RunError, match="manifest.json is damaged"):
        RunFolder.open(run)


def test_a_folder_without_manifest_is_no_run(tmp_path):
    with pytest.raises(RunError, match="is not a run folder"):
        RunFolder.open(tmp_path)


def test_a_folder_with_other_things_is_not_taken_for_a_new_run(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="is not a run folder and not empty"):
        RunFolder.exists(tmp_path)
    assert not RunFolder.exists(tmp_path / "new")


class Killed(BaseException):
    """Stands in for the end of the process."""


def test_a_kill_at_any_write_leaves_a_run_that_opens(run, monkeypatch):
    """Every rename and removal of a save is, in turn, the last thing that happens."""
    survived = 0
    for last in range(20):
        content = f"weights of save {last}".encode()  # other content, but always the same step
        writers = dict.fromkeys(("best", "state"), operator.methodcaller("write", content))
        before = contents(run)
        calls = iter(range(last))
        with monkeypatch.context() as patch:
            for name in ("replace", "unlink"):
                patch.setattr(os, name, dying(getattr(os, name), calls))
            try:
                RunFolder.open(run).save_weights(1000, writers)
            except Killed:
                survived += 1
            else:
                break
        assert contents(run) in (before, [content, content])
    assert survived >= 3  # two renames of weights and one of the manifest


def contents(run):
    folder = RunFolder.open(run)
    return [folder.weights(role).read_bytes() for role in ("best", "state")]


def test_a_kill_while_settings_are_replaced_leaves_a_run_that_opens(run, monkeypatch):
    survived = 0
    for last in range(20):
        config = RunFolder.open(run).config()
        other = replace(config, training=replace(config.training, epochs=100 + last))
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", dying(os.replace, iter(range(last))))
            try:
                RunFolder.open(run).replace_config(other)
            except Killed:
                survived += 1
            else:
                break
        assert RunFolder.open(run).config() in (config, other)
    assert survived == 3  # renames of the manifest, the settings, and the manifest
    assert RunFolder.open(run).config() == other


def test_weights_are_on_disk_before_the_manifest_names_them(run, monkeypatch):
    calls = noted_disk_calls(monkeypatch)
    folder = RunFolder.open(run)
    folder.save_weights(1000, {"state": operator.methodcaller("write", b"weights" * 9)})
    saved = [folder.weights("state"), run / "manifest.json"]
    for path in saved:
        assert_durable(calls, path)
    assert [call.new_path for call in calls if call.kind == "replace"] == saved


def test_a_new_run_is_on_disk_before_it_has_its_name(run, tmp_path, monkeypatch):
    folder = RunFolder.open(run)
    made = folder.config(), folder.subwords()
    calls = noted_disk_calls(monkeypatch)
    RunFolder.create(tmp_path / "new", *made)
    assert_durable(calls, tmp_path / "new")


def test_files_of_others_among_the_weights_stay(run):
    (run / "weights" / "backup.h5").write_text("mine")
    RunFolder.open(run).save_weights(999, {"last": lambda stream: stream.write(b"weights")})
    assert (run / "weights" / "backup.h5").read_text() == "mine"


def test_a_kill_while_a_run_is_made_leaves_nothing_in_its_place(run, tmp_path, monkeypatch):
    folder = RunFolder.open(run)
    config, subwords = folder.config(), folder.subwords()
    for last in range(4):  # the renames of three files and of the folder
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", dying(os.replace, iter(range(last))))
            with pytest.raises(Killed):
                RunFolder.create(tmp_path / "new", config, subwords)
        assert not RunFolder.exists(tmp_path / "new")
    RunFolder.create(tmp_path / "new", config, subwords)
    assert RunFolder.open(tmp_path / "new").config() == config
    assert sorted(os.listdir(tmp_path)) == ["new", "run"]


def test_a_run_is_made_by_one_process(run, tmp_path):
    folder = RunFolder.open(run)
    made = folder.config(), folder.subwords()
    target = tmp_path / "new"

    def second(_):
        """Another process, as a lock is of an open file."""
        with pytest.raises(RunError, match=r"new is being made or trained by another process; wa"):
            RunFolder.create(target, *made)

    RunFolder.create(target, *made, fill=second)
    before = (target / "manifest.json").read_bytes()
    second(None)  # which looked for the run before it was there
    assert (target / "manifest.json").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["new", "run"]


def test_a_run_opens_while_a_training_saves(run, monkeypatch):
    """Old weights go between a look at the manifest and a look at them."""

    def meanwhile(path, manifest, check=manifest_module.check_files):
        if saves and saves.pop():
            RunFolder(path, read_manifest(path)).save_weights(
                999 - len(saves), {"last": lambda stream: stream.write(b"%d" % len(saves))}
            )
        check(path, manifest)

    saves = [True, True]
    monkeypatch.setattr(manifest_module, "check_files", meanwhile)
    assert RunFolder.open(run).weights("last").read_bytes() == b"0"
    monkeypatch.undo()
    RunFolder.open(run).weights("last").unlink()
    with pytest.raises(RunError, match="is missing; restore it"):  # the control
        RunFolder.open(run)


def dying(function, calls):
    def call(*arguments, **options):
        if next(calls, None) is None:
            raise Killed
        return function(*arguments, **options)

    return call


def test_a_save_removes_what_it_replaces(run):
    folder = RunFolder.open(run)
    old = folder.weights("last")
    folder.save_weights(999, {"last": lambda stream: stream.write(b"weights")})
    assert not old.exists()
    assert RunFolder.open(run).weights("last").read_bytes() == b"weights"
    assert {path.name for path in (run / "weights").iterdir()} == {
        folder.weights(role).name for role in ("best", "last", "state")
    }


def test_a_run_is_made_where_a_link_points(run, tmp_path):
    folder = RunFolder.open(run)
    (tmp_path / "link").symlink_to("elsewhere")
    RunFolder.create(tmp_path / "link", folder.config(), folder.subwords())
    assert (tmp_path / "link").is_symlink()
    assert RunFolder.open(tmp_path / "elsewhere").config() == folder.config()
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "link", "run"]


def test_going_on_with_a_run_removes_what_killed_processes_left(run):
    for name in ("manifest.json", "history.csv", "scores.json", "config.yaml"):
        (run / f".{name}.12345.tmp").touch()
    (run / ".notes.txt.12345.tmp").touch()  # not of this toolkit
    kept = set((run / "weights").iterdir())
    for name in ("last-0000099-1234abcd.weights.h5", ".tmp-best.weights.h5"):
        (run / "weights" / name).touch()
    open_to_go_on(RunFolder.open(run).config(), run, None)
    assert [path.name for path in run.glob(".*")] == [".notes.txt.12345.tmp"]
    assert set((run / "weights").iterdir()) == kept


def fill_the_disk(run, *roles):
    """Writes of the weights of these roles meet a full disk."""
    for role in roles:
        suffix = ".npz" if role == "state" else ".weights.h5"
        (run / "weights" / f".tmp-{role}{suffix}").symlink_to("/dev/full")


@pytest.mark.parametrize("full", [["last"], ["state"], ["best"]])
def test_a_full_disk_is_one_line_and_what_was_saved_stays_in_force(run, full):
    model = keras.Sequential([keras.layers.Dense(64)])
    model.build((None, 64))
    arrays = {"moments": np.zeros(5000)}
    writers = {
        "last": functools.partial(write_weights, model),
        "state": lambda stream: save_state(stream, TrainingState(), arrays),
        "best": functools.partial(write_weights, model),
    }
    before = RunFolder.open(run).manifest
    fill_the_disk(run, *full)
    folder = RunFolder.open(run)
    with pytest.raises(RunError, match="weights of step 1000: No space left on device; make room"):
        folder.save_weights(1000, writers)
    assert folder.manifest == RunFolder.open(run).manifest == before
    folder.save_weights(1000, writers)  # the control: there is room again
    assert load_state(RunFolder.open(run).weights("state"))[1]["moments"].shape == (5000,)
    assert len(list((run / "weights").iterdir())) == 3


def test_weights_written_to_memory_first_are_those_of_a_file(tmp_path):
    model = keras.Sequential([keras.layers.Dense(3)])
    model.build((None, 2))
    weights = model.get_weights()
    with open(tmp_path / "some.weights.h5", "wb") as stream:
        write_weights(model, stream)
    model.set_weights([weight + 1 for weight in weights])
    model.load_weights(tmp_path / "some.weights.h5")
    for weight, loaded in zip(weights, model.get_weights(), strict=True):
        assert (weight == loaded).all()


def forge(run, name, content):
    """Another file of the run, with its right hash in the manifest."""
    manifest = json.loads((run / "manifest.json").read_text())
    path = Path(name) if "." in name else Path(manifest["weights"][name])
    (run / path).write_bytes(content)
    manifest["files"][str(path)] = hashlib.sha256(content).hexdigest()
    (run / "manifest.json").write_text(json.dumps(manifest))
    return path.name


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "fields",
    [
        {"weights": 5},
        {"weights": [1]},
        {"weights": None},
        {"weights": {"best": "../../../../../etc/passwd"}},
        {"weights": {"best": "/etc/passwd"}},
        {"weights": {"best": "weights/../../passwd"}},
        {"weights": {"newest": "weights/best.h5"}},
        {"files": {"../outside": "0"}},
        {"files": {}},
        {"format": float("inf")},
        {"format": "1"},
        {"format": True},
        {"versions": 5},
        {"vocabulary_size": "900"},
        {"trained_on": []},
        {"trained_on": {"another": "0"}},
    ],
    ids=str,
)
def test_a_forged_manifest_is_refused_and_leads_nowhere(run, fields):
    change_manifest(run, **fields)
    with pytest.raises(RunError, match="manifest.json is damaged; restore it"):
        RunFolder.open(run)


@pytest.mark.parametrize("content", [DEEP, b"5", b"null", b"\xff", b"[]", b""], ids=repr)
def test_any_other_manifest_is_refused(run, content):
    (run / "manifest.json").write_bytes(content)
    with pytest.raises(RunError, match="manifest.json is damaged; restore it"):
        RunFolder.open(run)


OTHER_MODEL = keras.Sequential([keras.layers.Dense(3)])
OTHER_MODEL.build((None, 2))


def weights_of_another_network():
    stream = io.BytesIO()
    write_weights(OTHER_MODEL, stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.yaml", b"a: [", "config.yaml is not valid YAML"),
        ("config.yaml", b"\xff: 1", "config.yaml: "),
        ("config.yaml", b"", "config.yaml: "),
        ("subwords.model", b"garbage", "subwords.model is no SentencePiece model"),
        ("best", b"garbage", "holds no weights of this run's network .*; restore it"),
        (
            "best",
            weights_of_another_network(),
            "holds no weights of this run's network .*; restore",
        ),
        ("shortlist.npz", b"garbage", "shortlist.npz: not a vocabulary shortlist.*; restore it"),
        ("source_words.tsv", b"garbage", "words.tsv: not a list of words.*; restore it"),
    ],
)
def test_a_forged_file_is_refused_by_name(run, name, content, message):
    name = forge(run, name, content)
    with pytest.raises(Seq2SeqError, match=message) as caught:
        load_translator(run, {"shortlist": True})
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_vocabulary_of_another_size_is_refused(run):
    change_manifest(run, vocabulary_size=5)
    with pytest.raises(RunError, match="subwords.model has 900 subwords, and manifest.json says 5"):
        RunFolder.open(run).subwords()


def packed(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"garbage",
        packed(),
        packed(progress=np.zeros(3)),
        packed(progress=np.frombuffer(b'{"step":[]}', "u1")),
    ],
)
def test_a_forged_state_is_refused_by_name(run, content):
    name = forge(run, "state", content)
    with pytest.raises(RunError, match=f"{name} holds no state of a training .*; restore it"):
        load_state(RunFolder.open(run).weights("state"))


def test_weights_that_are_no_numbers_are_refused_by_name(run):
    translator = load_translator(run)
    layer = translator.network.training.weights[-1]
    value = np.array(layer)
    for wrong in (np.nan, np.inf):
        value.flat[-1] = wrong
        layer.assign(value)
        stream = io.BytesIO()
        write_weights(translator.network.training, stream)
        name = forge(run, "best", stream.getvalue())
        with pytest.raises(RunError, match=f"{name}: {layer.path} holds values that are infinite"):
            load_translator(run)
    value.flat[-1] = 1e30  # the control: large is no mistake
    layer.assign(value)
    stream = io.BytesIO()
    write_weights(translator.network.training, stream)
    forge(run, "best", stream.getvalue())
    load_translator(run)


@pytest.mark.parametrize(
    "content",
    [
        b"step,best\n1,1\n",
        b"step,best,validation_perplexity\n1,1,many\n",
        b"step,best,validation_perplexity\n1,1,nan\n",
        b"step,best,validation_perplexity\n1,1\n",
        b"step,best,validation_perplexity\n1,1,2,3\n",
        b"step,best,validation_perplexity\n1,1,\xff\n",
        b"step,best,validation_perplexity\n1,1,\0\n",
    ],
)
def test_a_damaged_history_is_refused_by_name(run, content):
    assert RunFolder.open(run).history()[0]["step"].isdigit()  # the control
    (run / "history.csv").write_bytes(content)
    with pytest.raises(RunError, match="history.csv is damaged; restore it from a copy of the run"):
        RunFolder.open(run).history()


def test_commands_name_a_damaged_history(run):
    (run / "history.csv").write_bytes(b"\xff")
    for command in (["show", run, "--training", "-o", run / "out"], ["info", run]):
        assert "history.csv is damaged; restore it from a copy of the run" in fails(*command)
    assert not (run / "out").exists()


@pytest.mark.parametrize(
    "content",
    [b"[]", b"5", b'"text"', b"null", DEEP, b"\xff", b'{"test": {}}', b'{"test": 5}']
    + [b'{"test": {"bleu": "x", "bleu_signature": "s"}}'],
    ids=lambda content: repr(content[:20]),
)
def test_damaged_scores_are_refused_by_name(run, content):
    (run / "scores.json").write_bytes(content)
    folder = RunFolder.open(run)
    for read in (folder.scores, lambda: score_run(folder)):
        with pytest.raises(RunError, match="scores.json is damaged; delete it"):
            read()
