"""What a process of a pool does first."""

import multiprocessing
import os
import signal
import threading


def begin_child() -> None:
    """Leaves Ctrl-C to the parent, and ends this process when the parent has ended.

    Ctrl-C reaches every process of a terminal, and the parent decides what follows. A parent that
    was killed closes nothing: what waits for its work would wait for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent, "not a child"
    parent.join()
    os._exit(1)
