"""`seq2seq verify`: a line for each check, every problem, and an exit code that says it."""

from pathlib import Path

import pytest
from command_line import fails, run_command

from seq2seq.cli import verify
from seq2seq.cli.main import main
from seq2seq.serving.verify.report import Check, Report

PASSED = Check("signatures", True, "5 signatures")
FAILED = Check("answers", False, "the first", ("the first", "the second", "the third"))


@pytest.fixture
def found(monkeypatch):
    """Checks that the workflow finds, and directories that it was asked about."""
    checks, asked = [], []

    def check(directory):
        asked.append(directory)
        return Report(directory / "3", tuple(checks))

    monkeypatch.setattr(verify, "load_tensorflow", lambda: None)
    monkeypatch.setattr("seq2seq.workflows.verify.verify", check)
    return checks, asked


def test_what_passed_is_told_with_what_holds(found):
    checks, asked = found
    checks.append(PASSED)
    assert run_command("verify", "model") == "model/3\nok      signatures: 5 signatures\n"
    assert asked == [Path("model")]


def test_every_problem_is_told_once_and_the_command_fails(found, capsys):
    found[0][:] = [PASSED, FAILED]
    with pytest.raises(SystemExit) as stopped:
        main(["verify", "model"])
    assert stopped.value.code == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "model/3",
        "ok      signatures: 5 signatures",
        "FAILED  answers: the first",
        "        the second",
        "        the third",
    ]
    assert told.err == (
        "error: a server could not serve it: answers: the first (and 2 more problems)\n"
    )


def test_a_portable_model_is_no_saved_model(found, tmp_path):
    (tmp_path / "manifest.json").write_text('{"format": 3, "model": {}}')
    told = fails("verify", tmp_path)
    assert told.startswith(f"error: {tmp_path} holds no SavedModel but a portable model, which ")
    assert not found[1]
