"""Work in several processes, in order, and how long it will take."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from seq2seq.errors import RunError

logger = logging.getLogger(__name__)

SECONDS = 10.0  # between two lines
Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    executor: Executor | None, work: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """What `work` gives for each item, in their order.

    Args:
        executor: its processes; None: this one.
        work: a function that processes can be sent.
        items: taken when they are needed.
        ahead: items that are worked on at once, which bounds memory.

    Raises:
        RunError: a process was killed.
    """
    if executor is None:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(executor.submit(work, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise RunError(
            "a process was killed, perhaps for want of memory; the same command goes on, with "
            "fewer --processes in less memory"
        ) from None


class Progress:
    """A line every ten seconds: what is done, and how long the rest will take.

    Args:
        what: is done.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._began: float | None = None  # share that was done when it was first said
        self._start = self._last = time.monotonic()

    def reached(self, done: float) -> None:
        """Says where the work stands, if it was not said of late.

        Args:
            done: share of the work, of 1.
        """
        now = time.monotonic()
        if self._began is None:
            self._began, self._start = done, now
        if now - self._last < SECONDS or done <= self._began:
            return
        self._last = now
        left = (now - self._start) * (1 - done) / (done - self._began)
        logger.info("%s: %.0f %%, about %s left", self._what, 100 * done, duration(left))


def duration(seconds: float) -> str:
    """A time as one reads it.

    >>> duration(42), duration(600), duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
