"""A log that nobody reads: a pipe takes some lines, and then holds whoever writes to it."""

import logging
import os
import threading

import pytest

from seq2seq.serving.server.guards.log_thread import LogThread

LINE, FILLING = "x" * 2000, 32  # so many lines fill a pipe


@pytest.fixture
def pipe(monkeypatch):
    """The root logger writes into it; gives the end that nobody reads."""
    reading, writing = os.pipe()
    with open(reading, "rb") as reader, open(writing, "w", buffering=1) as writer:
        monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(writer)])
        yield reader
        os.set_blocking(reading, False)
        reader.read()


def write(count):
    for _ in range(count):
        logging.warning(LINE)


def test_lines_that_nobody_reads_hold_nobody_up(pipe):
    handlers = logging.getLogger().handlers
    write(FILLING)
    with LogThread(most=10, patience=0.1) as log:
        write(500)
    assert not log.drained
    assert logging.getLogger().handlers is handlers
    assert pipe.readline() == f"{LINE}\n".encode()  # who reads late gets what was kept
    lines = iter(pipe.readline, b"")
    assert any(b"lines of the log were lost: nobody read them in time" in line for line in lines)


def test_the_control_without_it_the_writer_waits(pipe):
    writer = threading.Thread(target=write, args=(500,), daemon=True)
    writer.start()
    writer.join(0.5)
    assert writer.is_alive()
    for _ in range(500):
        pipe.readline()
    writer.join(10)
    assert not writer.is_alive()


def test_what_is_read_is_whole_and_in_order(pipe):
    with LogThread() as log:
        for number in range(100):
            logging.warning("%d", number)
    assert log.drained
    assert [int(pipe.readline()) for _ in range(100)] == list(range(100))
