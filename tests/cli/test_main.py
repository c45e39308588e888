"""How every verb ends: exit codes, and mistakes in one line."""

import os
import subprocess
import sys

import pytest

from seq2seq.cli.main import main
from seq2seq.errors import ConfigError, RestartNeeded

COMMAND = [sys.executable, "-m", "seq2seq"]


@pytest.fixture
def ends(monkeypatch, capfd):
    """The exit code and what standard error says, when a verb raises."""
    monkeypatch.setattr(os, "_exit", sys.exit)

    def end(error):
        def run(_):
            raise error

        monkeypatch.setattr("seq2seq.cli.settings.run", run)
        with pytest.raises(SystemExit) as stopped:
            main(["settings"])
        return stopped.value.code, capfd.readouterr().err

    return end


def test_each_way_to_end_has_its_exit_code_and_a_line(ends):
    assert ends(ConfigError("no such setting")) == (1, "error: no such setting\n")
    assert ends(RestartNeeded("worker 1 is gone")) == (75, "error: worker 1 is gone\n")
    denied = PermissionError(13, "Permission denied", "runs/a")
    assert ends(denied) == (1, "error: [Errno 13] Permission denied: 'runs/a'\n")
    assert ends(KeyboardInterrupt()) == (130, "")


def test_a_fault_of_the_program_is_not_passed_off_as_a_mistake(monkeypatch):
    monkeypatch.setattr("seq2seq.cli.settings.run", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["settings"])


def test_output_that_nobody_takes_is_no_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*COMMAND, "settings"], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")
    with open("/dev/full", "w") as full:  # what fits into a buffer fails at the end
        command = [*COMMAND, "settings", "subwords"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "error: [Errno 28] No space left on device\n")


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-", "2>&-"])
def test_a_closed_stream_is_an_empty_one(closed):
    command = f'"$@" {closed}'
    done = subprocess.run(
        ["bash", "-c", command, "-", *COMMAND, "settings", "subwords"], capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"subwords.kind" in done.stdout) == (closed == "2>&-")
    done = subprocess.run(
        ["bash", "-c", command, "-", *COMMAND, "settings", "none"], capture_output=True
    )
    assert (done.returncode, done.stdout) == (1, b"")


def test_of_what_is_logged_only_this_package_tells_more_than_warnings():
    script = """
import logging
from seq2seq.cli import main, settings
def run(_):
    for name in ("seq2seq.data", "other"):
        logging.getLogger(name).info("%s tells", name)
        logging.getLogger(name).warning("%s warns", name)
settings.run = run
main.main(["settings"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    said = ["seq2seq.data tells", "seq2seq.data warns", "other warns"]
    assert done.stderr.splitlines() == said
