"""Log lines are written by a thread of their own, so that one who reads them late holds nobody up.

Who starts a server with a pipe for its standard error and stops reading would otherwise stop it:
the pipe is full after some hundred lines of its access log.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType

MOST = 10_000  # records that wait; further ones are lost, and counted
PATIENCE = 2.0  # seconds at the end for what waits


class LogThread:
    """For a `with` block, in which the root logger's handlers are called by the thread.

    Attributes:
        drained: whether, when the block ended, all was written. If not, the thread still holds a
            handler's stream, and the interpreter's own clean-up would wait for it.
    """

    def __init__(self, most: int = MOST, patience: float = PATIENCE) -> None:
        self.drained = True
        self._records: queue.Queue[logging.LogRecord] = queue.Queue(most)
        self._patience = patience
        self._handlers: list[logging.Handler] = []
        self._lost = 0

    def __enter__(self) -> "LogThread":
        """Takes the handlers."""
        root = logging.getLogger()
        self._handlers, root.handlers = root.handlers, [_Enqueue(self._put)]
        threading.Thread(target=self._write, daemon=True, name="log").start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Gives them back when all is written, or after a while."""
        end = time.monotonic() + self._patience
        while self._records.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.005)
        self.drained = not self._records.unfinished_tasks
        logging.getLogger().handlers = self._handlers

    def _put(self, record: logging.LogRecord) -> None:
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self._lost += 1

    def _write(self) -> None:
        while True:
            self._handle(self._records.get())
            if lost := self._lost:
                self._lost -= lost
                message = "%d lines of the log were lost: nobody read them in time"
                self._handle(
                    logging.LogRecord(__name__, logging.WARNING, "", 0, message, (lost,), None)
                )
            self._records.task_done()

    def _handle(self, record: logging.LogRecord) -> None:
        for handler in self._handlers:
            if record.levelno >= handler.level:
                handler.handle(record)


class _Enqueue(logging.Handler):
    def __init__(self, put: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._put = put

    def emit(self, record: logging.LogRecord) -> None:
        self._put(record)
