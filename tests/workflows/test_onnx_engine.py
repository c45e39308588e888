"""A run's own ONNX models: one for its weights and settings, whoever asks for it and when."""

import io
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest
from exported_model import RULES
from loaded import loaded

from seq2seq.data.resumable_output import PartialOutput
from seq2seq.data.source_words import SourceWords
from seq2seq.errors import RunError
from seq2seq.files import file_sha256
from seq2seq.run_folder import RunFolder
from seq2seq.workflows import export_portable
from seq2seq.workflows.onnx_engine import keep_model, kept_model
from seq2seq.workflows.translate import FileJob, translate


@pytest.fixture
def own_run(trained_run, tmp_path):
    """A copy of a run, whose models are empty directories; and what was exported."""
    shutil.copytree(trained_run, run := tmp_path / "run")
    exports = []

    def export(job):
        exports.append(job)
        time.sleep(0.3)
        job.directory.mkdir()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seq2seq.workflows.export_portable.export_portable", export)
        yield run, exports


def save_other_weights(run, step):
    """What a training does meanwhile: the files of its former weights go."""
    folder = RunFolder.open(run)
    best, last = (folder.weights(role).read_bytes() for role in ("best", "last"))
    writers = {"best": best + b"more", "last": last + b"more"}
    folder.save_weights(
        step, {role: lambda stream, data=data: stream.write(data) for role, data in writers.items()}
    )


def test_who_wants_a_model_that_is_being_exported_waits_for_it(own_run):
    """As the processes of a job array do, each with a part of the text."""
    run, exports = own_run
    with ThreadPoolExecutor(3) as threads:
        found = set(threads.map(lambda _: keep_model(run, RULES, "int8"), range(3)))
    assert len(exports) == len(found) == 1 and found.pop().is_dir()


def test_a_model_is_named_by_the_weights_that_it_holds(own_run, monkeypatch):
    """Though training saves others while it is exported; what a killed export left goes."""
    run, exports = own_run
    (run / "onnx" / f".{'0' * 16}-{'1' * 16}.made").mkdir(parents=True)
    export = export_portable.export_portable

    def and_save(job):
        export(job)
        if len(exports) == 1:
            save_other_weights(run, 10**6)

    monkeypatch.setattr(export_portable, "export_portable", and_save)
    found = keep_model(run, RULES, "float32")
    assert len(exports) == 2 and found == kept_model(run, RULES, "float32")
    assert list(found.parent.iterdir()) == [found]


def test_a_kept_model_needs_no_weights_of_the_run_and_has_its_words(own_run):
    """Those of a run in training come and go, and its words come at the end."""
    run, _ = own_run
    found = keep_model(run, RULES, "float32")
    folder = RunFolder.open(run)
    folder.weights("state").unlink()
    assert kept_model(run, RULES, "float32") == found
    (run / "config.yaml").write_text("decoding: {}\n")
    with pytest.raises(RunError, match="config.yaml is not the file this run wrote"):
        kept_model(run, RULES, "float32")


def test_other_words_are_another_model(own_run):
    run, _ = own_run
    before = kept_model(run, RULES, "float32")
    RunFolder.open(run).save_source_words(SourceWords({"another": 1}))
    assert kept_model(run, RULES, "float32") != before


def test_a_translation_says_which_weights_it_has(own_run, trained_run, tmp_path, monkeypatch):
    """Though training saves others while they are loaded: else it would go on by others."""
    run, _ = own_run
    loads, identities = [], []

    def load(job):
        loads.append(job)
        if len(loads) == 1:
            save_other_weights(run, 10**6)
        return loaded(trained_run)

    class Output(PartialOutput):
        def __init__(self, path, identity, resume):
            identities.append(identity["run"])
            super().__init__(path, identity, resume)

    monkeypatch.setattr("seq2seq.workflows.translate._load", load)
    monkeypatch.setattr("seq2seq.workflows.translate.PartialOutput", Output)
    (tmp_path / "in.txt").write_bytes(b"The dog sleeps.\n")
    job = FileJob(run, tmp_path / "in.txt", tmp_path / "out.txt")
    translate(job, io.BytesIO(), io.BytesIO(), Mock())
    assert len(loads) == 2
    assert identities == [file_sha256(run / "manifest.json")]


def test_what_the_folder_of_models_has_beside_them_stays(own_run):
    run, exports = own_run
    directory = kept_model(run, {}, "float32")
    for name in ("mobile", "0" * 33, f".{'0' * 16}-{'1' * 16}.made", f"{'0' * 16}-{'1' * 16}"):
        (directory.parent / name).mkdir(parents=True)
    assert keep_model(run, {}, "float32") == directory and len(exports) == 1
    assert {each.name for each in directory.parent.iterdir()} == {
        directory.name, "mobile", "0" * 33,
    }  # fmt: skip
