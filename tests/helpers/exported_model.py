"""Exported models for all tests that look at one: a SavedModel, and an ONNX model."""

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import run_command
from made_once import made_once

from seq2seq.exported_folder import FURTHER
from seq2seq.files import file_sha256
from seq2seq.serving.verify.report import Report
from seq2seq.workflows import export as exporting
from seq2seq.workflows.export_portable import PortableJob, export_portable

N_BEST, LONGEST = 3, 100
# Rules that want operations of their own: attention kept, repeats blocked, ends forbidden.
RULES = {"n_best": 2, "coverage_penalty": 0.2, "blocked_ngram": 2, "shortest": 3}


@dataclass(frozen=True)
class Exported:
    """Not to be changed."""

    run: Path  # a trained run folder
    model: Path  # what `seq2seq export` made of a copy of it that is gone, moved to another place

    @property
    def version(self):
        """The directory of its one version."""
        return self.model / "1"


@contextmanager
def hashed_files():
    """Names of the files of run folders that are compared with their hashes, in order."""
    names = []

    def hear(path):
        names.append(path.name)
        return file_sha256(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seq2seq.manifest.file_sha256", hear)
        yield names
    names.sort()


def exported_model(request):
    """For fixtures: the model, which the first that asks exports."""

    run = request.getfixturevalue("trained_run")

    def make(folder):
        shutil.copytree(run, folder / "gone")
        written = folder / "written" / "miniature"
        with pytest.MonkeyPatch.context() as patch:
            # What was moved is verified by test_export_directory.py, and that is enough.
            patch.setattr(exporting, "verify", lambda directory: Report(directory, ()))
            printed = run_command("export", folder / "gone", written, "--n-best", N_BEST)
        assert printed == f"{written / '1'}\n"
        shutil.rmtree(folder / "gone")
        shutil.move(written, folder / "miniature")

    folder = made_once(request.getfixturevalue("tmp_path_factory"), "exported", make)
    return Exported(run, folder / "miniature")


def _need_onnx():
    for package in ("tf2onnx", "onnxruntime"):
        pytest.importorskip(package, reason="seq2seq-keras[onnx] is not installed")


def exported_onnx(request):
    """For fixtures: a directory of the trained run and `RULES`, moved since it was written."""
    _need_onnx()
    run = request.getfixturevalue("trained_run")

    def make(folder):
        written = folder / "deep" / "model"
        assert export_portable(PortableJob(run, written, "onnx", RULES)) == written
        shutil.move(written, folder / "moved")

    return made_once(request.getfixturevalue("tmp_path_factory"), "onnx", make) / "moved"


def exported_with_more(request):
    """For fixtures: a directory of the trained run with all that can stand beside a model."""
    _need_onnx()
    run = request.getfixturevalue("trained_run")

    def make(folder):
        export_portable(PortableJob(run, folder / "model", "onnx", {"n_best": 2}, further=FURTHER))

    return made_once(request.getfixturevalue("tmp_path_factory"), "onnx_with_more", make) / "model"
