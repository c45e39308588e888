"""Windows hold all lines in order, never more than the bounds; from a pipe they come in time."""

import io
import os
import queue
import subprocess
import sys
import threading
from itertools import count, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.data.read_ahead import arriving_windows, own_reader, windows
from seq2seq.errors import DataError

LINES = st.lists(st.text(max_size=6), max_size=30)
BOUND = st.integers(1, 8)
EVER = 3600.0  # seconds
SOON = 20.0  # seconds; a test that waits so long has failed

PATIENT = [windows, lambda *bounds: arriving_windows(*bounds, patience=EVER)]
patient = pytest.mark.parametrize("cut", PATIENT, ids=["file", "pipe"])


class Pipe:
    """Lines that come when a test sends them; waiting for one too long is an error."""

    def __init__(self, timeout=SOON):
        self.timeout = timeout
        self.sent = queue.Queue()

    def __iter__(self):
        while (line := self.sent.get(timeout=self.timeout)) is not None:
            yield line


def new_thread(before):
    (thread,) = set(threading.enumerate()) - before
    return thread


@patient
@settings(deadline=None)
@given(lines=LINES, most_lines=BOUND, most_characters=BOUND)
def test_windows_hold_all_lines_in_order_within_the_bounds(cut, lines, most_lines, most_characters):
    found = list(cut(iter(lines), most_lines, most_characters))
    assert [line for window in found for line in window] == lines
    for window in found:
        assert 1 <= len(window) <= most_lines
        assert sum(map(len, window[:-1])) < most_characters


@settings(deadline=None)
@given(LINES, BOUND, BOUND)
def test_windows_of_a_file_are_full_but_for_the_last(lines, most_lines, most_characters):
    for window in list(windows(lines, most_lines, most_characters))[:-1]:
        assert len(window) == most_lines or sum(map(len, window)) >= most_characters


def test_windows_of_a_pipe_are_those_of_a_file_where_patience_lasts():
    lines = [str(number) for number in range(500)]
    for bounds in ((7, 1000), (1000, 20)):
        patient = arriving_windows(lines, *bounds, patience=EVER)
        assert list(patient) == list(windows(lines, *bounds))


def test_each_line_is_answered_before_the_next_is_sent():
    pipe = Pipe()
    found = arriving_windows(pipe, 100, 100, patience=0.01)
    for line in ("one", "", "three"):
        pipe.sent.put(line)
        assert next(found) == [line]
    pipe.sent.put(None)
    assert list(found) == []


def test_windows_of_a_file_wait_for_more():
    pipe = Pipe(timeout=0.05)
    pipe.sent.put("one")
    with pytest.raises(queue.Empty):
        next(windows(pipe, 100, 100))


@pytest.mark.parametrize("bounds", [(2, 100), (100, 6)], ids=["lines", "characters"])
def test_a_full_window_waits_for_nothing(bounds):
    pipe = Pipe()
    pipe.sent.put("one")
    pipe.sent.put("two")
    assert next(arriving_windows(pipe, *bounds, patience=EVER)) == ["one", "two"]
    pipe.sent.put(None)


def test_lines_that_have_waited_long_enough_wait_no_longer():
    answered, arrived = threading.Event(), threading.Event()

    def lines():
        yield "one"
        answered.wait(SOON)
        yield "two"
        yield "three"
        arrived.set()
        answered.clear()
        answered.wait(SOON)

    found = arriving_windows(lines(), 100, 100, patience=0)
    assert next(found) == ["one"]
    answered.set()
    assert arrived.wait(SOON)  # while the consumer is busy
    assert next(found) == ["two", "three"]
    found.close()
    answered.set()


def test_patience_begins_anew_with_each_line(monkeypatch):
    now, looked = 0.0, threading.Event()

    def monotonic():
        if threading.current_thread() is threading.main_thread():
            looked.set()
        return now

    def lines():
        nonlocal now
        for number in range(4):
            yield str(number)
            assert looked.wait(SOON)  # while nothing further had come
            looked.clear()
            now += 0.6 * EVER

    monkeypatch.setattr("seq2seq.data.read_ahead.monotonic", monotonic)
    assert list(arriving_windows(lines(), 100, 100, patience=EVER)) == [["0", "1", "2", "3"]]


def test_reading_ahead_stops_at_one_window():
    given_out, ahead = 0, []
    read_ahead = threading.Event()

    def lines():
        for number in count():
            ahead.append(number - given_out)
            if ahead[-1] >= 3:
                read_ahead.set()
            yield "line"

    found = arriving_windows(lines(), 3, 1000, patience=EVER)
    for window in islice(found, 200):
        given_out += len(window)
    assert read_ahead.wait(SOON)
    found.close()
    # A window whose lines are not counted yet, the next one, and a line without room.
    assert max(ahead) <= 6


@pytest.mark.parametrize("error", [DataError, KeyboardInterrupt])
def test_an_error_comes_after_the_lines_before_it(error):
    def lines():
        yield from ("one", "two", "three")
        raise error("at line 4")

    found = arriving_windows(lines(), 2, 100, patience=EVER)
    assert next(found) == ["one", "two"]
    assert next(found) == ["three"]
    with pytest.raises(error, match="at line 4"):
        next(found)


def test_an_input_without_lines_gives_no_window():
    assert list(windows([], 1, 1)) == list(arriving_windows([], 1, 1, patience=EVER)) == []


def test_stopping_early_ends_the_thread_and_lets_go_of_the_input():
    before = set(threading.enumerate())
    full, closed = threading.Event(), threading.Event()

    def lines():
        try:
            for number in count(1):
                if number == 11:  # two windows are read, and there is no room for this line
                    full.set()
                yield "line"
        finally:
            closed.set()

    found = arriving_windows(lines(), 5, 100, patience=EVER)
    next(found)
    thread = new_thread(before)
    assert full.wait(SOON)
    assert thread.is_alive()
    found.close()
    thread.join(SOON)
    assert not thread.is_alive()
    assert closed.is_set()


def test_a_thread_that_waits_for_a_line_ends_with_that_line():
    before = set(threading.enumerate())
    pipe = Pipe()
    pipe.sent.put("one")
    found = arriving_windows(pipe, 1, 1, patience=EVER)
    next(found)
    thread = new_thread(before)
    found.close()
    assert thread.is_alive()
    assert thread.daemon
    pipe.sent.put("two")
    thread.join(SOON)
    assert not thread.is_alive()


PROGRAM = """
import sys
from seq2seq.data.read_ahead import arriving_windows, own_reader
for window in arriving_windows(own_reader(sys.stdin.buffer), 9, 999, patience=0.01):
    print(window, flush=True)
    if window == [b"stop\\n"]:
        raise ValueError("enough")
"""


def test_a_program_can_end_while_its_input_stays_open():
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        process.stdin.write("go on\n")
        assert process.stdout.readline() == "[b'go on\\n']\n"
        assert process.poll() is None
        process.stdin.write("stop\n")
        assert process.wait(timeout=60) == 1  # as a traceback ends it, not an abort
        assert process.stderr.read().endswith("ValueError: enough\n")


def test_another_reader_gets_the_same_bytes_and_leaves_the_file_open():
    reading, writing = os.pipe()
    with open(reading, "rb") as stream, open(writing, "wb") as other_end:
        other_end.write(b"one\ntwo\n")
        other_end.flush()
        own = own_reader(stream)
        assert own is not stream
        assert own.readline() == b"one\n"
        own.close()
        os.fstat(reading)


def test_a_stream_without_a_file_is_its_own_reader():
    stream = io.BytesIO(b"one\n")
    assert own_reader(stream) is stream
