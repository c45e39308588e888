"""Ctrl-C while training: the step under way ends, what was learned is saved, then the run stops."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


@contextmanager
def interrupts_between_steps() -> Iterator[threading.Event]:
    """Ctrl-C sets an event that the loop looks at between steps; a second Ctrl-C stops at once."""
    interrupted = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    ours = threading.current_thread() is threading.main_thread()
    if not ours or before in (signal.SIG_IGN, None):  # in the background, Ctrl-C is for others
        yield interrupted
        return

    def note(*_: object) -> None:
        logger.warning("interrupted: saving after this step (Ctrl-C again to stop without saving)")
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
