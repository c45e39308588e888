"""What is measured on several processors."""

import os
import sys

import pytest

from benchmarks.portable import threads
from seq2seq.errors import DataError


def test_more_processors_than_there_are_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5})
    monkeypatch.setattr(sys, "argv", ["threads", "run", "source", "--processors", "3"])
    with pytest.raises(SystemExit):
        threads.main()
    assert "--processors 3: this process may use 2" in capsys.readouterr().err
    sys.argv[-1] = "2"  # control: then the source is looked for
    with pytest.raises(DataError, match="source does not exist"):
        threads.main()
