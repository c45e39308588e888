"""Commands run in this process."""

import contextlib
import io

import pytest

from seq2seq.cli.main import main


def run_command(*arguments):
    """Standard output of a command that succeeds."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        main([str(each) for each in arguments])
    return printed.getvalue()


def fails(*arguments):
    """The line that a command fails with."""
    with contextlib.redirect_stderr(io.StringIO()) as printed, pytest.raises(SystemExit) as stopped:
        main([str(each) for each in arguments])
    assert stopped.value.code == 1
    *_, line = printed.getvalue().splitlines()
    return line
