"""Windows of lines that are translated at once: full ones from files, prompt ones from pipes.

Windows are bounded by lines and by characters, so memory is constant whatever the lines hold.
"""

import io
import threading
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import BinaryIO

from seq2seq.data.lines import cut_lines, decode_lines

STANDARD_INPUT = "standard input"  # in messages
MOST_CHARACTERS = 1_000_000  # of a window; long lines make it shorter
PATIENCE = 0.02  # seconds without a further line after which a stream's lines are given out


def windows(lines: Iterable[str], most_lines: int, most_characters: int) -> Iterator[list[str]]:
    """Windows of lines, in order, each as full as the bounds allow.

    >>> list(windows(["a", "bb", "c", "d"], most_lines=3, most_characters=3))
    [['a', 'bb'], ['c', 'd']]

    Args:
        lines: read one at a time.
        most_lines: of a window.
        most_characters: a window ends with the line that reaches them.
    """
    window: list[str] = []
    characters = 0
    for line in lines:
        window.append(line)
        characters += len(line)
        if len(window) >= most_lines or characters >= most_characters:
            yield window
            window, characters = [], 0
    if window:
        yield window


def arriving_windows(
    lines: Iterable[str], most_lines: int, most_characters: int, patience: float
) -> Iterator[list[str]]:
    """Windows of the lines that have arrived, in order, so that output begins before input ends.

    A thread reads ahead, at most one window. It ends when this generator is closed, or, if it is
    then waiting for a line, when that line comes; it never keeps the interpreter from exiting. If
    the lines come from standard input, see `own_reader`.

    Args:
        lines: read one at a time, by the thread.
        most_lines: of a window.
        most_characters: a window ends with the line that reaches them.
        patience: seconds without a further line after which a window is given out as it is.

    Raises:
        BaseException: whatever reading raised, after the lines before it were given out.
    """
    arrivals = _Arrivals(most_lines, most_characters)
    threading.Thread(target=arrivals.fill, args=(lines,), daemon=True).start()
    del lines  # the thread's alone, which then lets go of it
    try:
        while window := arrivals.next_window(patience):
            yield window
    finally:
        arrivals.close()
    if arrivals.failure:
        raise arrivals.failure


def stream_windows(stream: BinaryIO, most_lines: int) -> Iterator[list[str]]:
    """`arriving_windows` of the text that comes through a stream."""
    lines = decode_lines(cut_lines(own_reader(stream), STANDARD_INPUT), STANDARD_INPUT)
    return arriving_windows(lines, most_lines, MOST_CHARACTERS, PATIENCE)


def own_reader(stream: BinaryIO) -> BinaryIO:
    """Another reader of the file behind `stream`, or `stream` itself where there is none.

    The interpreter closes `sys.stdin` at its exit, and aborts if a thread still waits for a line of
    it. What `stream` has buffered already does not come again.
    """
    try:
        descriptor = stream.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return stream
    return open(descriptor, "rb", closefd=False)


class _Arrivals:
    """The window that a thread fills while another one waits for it."""

    def __init__(self, most_lines: int, most_characters: int) -> None:
        self.failure: BaseException | None = None
        self._most_lines, self._most_characters = most_lines, most_characters
        self._changed = threading.Condition()
        self._window: list[str] = []
        self._characters = 0
        self._last_arrival = 0.0
        self._ended = False  # all lines are read
        self._closed = False  # nobody wants more

    def fill(self, lines: Iterable[str]) -> None:
        """Reads all lines, waiting while the window is full."""
        try:
            for line in lines:
                if not self._add(line):
                    break
        except BaseException as failure:
            self.failure = failure
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def next_window(self, patience: float) -> list[str]:
        """The next window, waited for; an empty one means that all lines were given out."""
        with self._changed:
            self._changed.wait_for(lambda: self._window or self._ended)
            while not (self._full() or self._ended):
                left = self._last_arrival + patience - monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            window, self._window, self._characters = self._window, [], 0
            self._changed.notify_all()
            return window

    def close(self) -> None:
        """Lets the thread end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _add(self, line: str) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: not self._full() or self._closed)
            if self._closed:
                return False
            self._window.append(line)
            self._characters += len(line)
            self._last_arrival = monotonic()
            self._changed.notify_all()
            return True

    def _full(self) -> bool:
        return len(self._window) >= self._most_lines or self._characters >= self._most_characters
