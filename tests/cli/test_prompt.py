"""The prompt of `seq2seq translate RUN`, typed at through a pseudo-terminal."""

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from loaded import loaded

from seq2seq.cli.main import main
from seq2seq.cli.prompt import is_terminal

# Without TensorFlow, so that the child starts at once; it answers in capitals, and slowly if asked.
CHILD = """
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
os.close(os.open(os.ttyname(0), os.O_RDWR))  # the first terminal that a session opens is its own
from seq2seq.cli.prompt import converse
def answer(line):
    if line == b"slow":
        time.sleep(60)
    print("answer", line.decode(errors="replace").upper() + ";", flush=True)
converse(answer)
print("ended")
"""
UP = b"\x1b[A"
LONGEST_WAIT = 30  # seconds


class Terminal:
    """The person's end of a terminal on which the child runs."""

    def __enter__(self):
        self._shown = b""
        self._end, child_end = pty.openpty()
        self._child = subprocess.Popen(
            [sys.executable, "-c", CHILD],
            stdin=child_end,
            stdout=child_end,
            stderr=child_end,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm", "INPUTRC": os.devnull},
        )
        os.close(child_end)
        return self

    def __exit__(self, *_):
        os.close(self._end)  # hangs up, which ends a child that is still there
        self._child.wait()

    def type(self, keys):
        os.write(self._end, keys)

    def wait_for(self, text):
        """What is shown until `text` is; what follows it is left for the next call."""
        until = time.monotonic() + LONGEST_WAIT
        while text not in self._shown:
            ready, _, _ = select.select([self._end], [], [], max(0, until - time.monotonic()))
            assert ready, f"{text!r} did not come; there was {self._shown!r}"
            with contextlib.suppress(OSError):  # how the end of the child shows
                self._shown += os.read(self._end, 4096)
        before, self._shown = self._shown.split(text, 1)
        return before

    def interrupt_after(self, text):
        """Ctrl-C once the child waits again: a signal just before would show at the next key."""
        self.wait_for(text)
        time.sleep(0.3)
        self.type(b"\x03")


def test_lines_are_answered_brought_back_dropped_and_ended():
    with Terminal() as terminal:
        terminal.wait_for(b"> ")
        terminal.type(b"one\r")
        terminal.wait_for(b"answer ONE;")
        terminal.wait_for(b"> ")
        terminal.type(UP + b" more\r")  # the line before, and more
        terminal.wait_for(b"answer ONE MORE;")
        terminal.wait_for(b"> ")
        terminal.type(b"dropped")
        terminal.interrupt_after(b"dropped")
        terminal.wait_for(b"> ")
        terminal.type("grün \udcff\r".encode(errors="surrogateescape"))
        assert b"DROPPED" not in terminal.wait_for(b"answer GR")
        terminal.wait_for(b"> ")
        terminal.type(b"slow\r")
        terminal.interrupt_after(b"slow\r\n")  # which stops the answer
        terminal.wait_for(b"> ")
        terminal.type(b"\x04")  # Ctrl-D
        assert b"SLOW" not in terminal.wait_for(b"ended")


@pytest.fixture
def typed(monkeypatch, trained_run):
    """What a person types, and whether it is a terminal; the run is one that is loaded already."""
    lines = ["Today she reads the book.", "", "The dog sleeps."]

    def type_next(_):
        if not lines:
            raise EOFError
        return lines.pop(0)

    monkeypatch.setattr("builtins.input", type_next)
    monkeypatch.setattr("seq2seq.cli.translate.is_terminal", lambda: True)
    translator = loaded(trained_run)
    monkeypatch.setattr("seq2seq.translation.loading.load_translator", lambda *_: translator)


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("typed", [True, False])
def test_a_conversation_is_typed_and_read_by_a_person(monkeypatch, typed, written):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: typed))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: written))
    assert is_terminal() == (typed and written)


def test_translate_at_a_terminal_answers_each_line(trained_run, typed, capfdbinary):
    main(["translate", str(trained_run)])
    first, blank, last, end = capfdbinary.readouterr().out.decode().split("\n")[:4]
    translator = loaded(trained_run)
    assert [first, last] == translator.translate(["Today she reads the book.", "The dog sleeps."])
    assert (blank, end) == ("", "")


def test_a_file_is_no_conversation(trained_run, typed, tmp_path, capfd):
    (tmp_path / "in.txt").write_text("The dog sleeps.\n")
    main(["translate", str(trained_run), str(tmp_path / "in.txt")])
    assert "Ctrl-D" not in capfd.readouterr().err
