"""Workers that come together: each is seen at its address, and missed where it is not.

While TensorFlow connects them it waits without end, without a message, deaf to signals and with
every thread held. So it begins when all were seen; and a process of its own ends this one if a
worker has gone again by then.
"""

import ctypes
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from seq2seq.config.workers import Workers
from seq2seq.errors import RestartNeeded, RunError

logger = logging.getLogger(__name__)

ANSWERS_IN = 2.0  # seconds in which a machine that is there takes a connection
LOOKED_EVERY, SAID_AFTER = 0.3, 10.0  # seconds, while others are waited for
CONNECTED_IN = 30.0  # seconds in which TensorFlow connects workers that are there, at least
STUCK = signal.SIGALRM  # 14, and so the exit status
AGAIN = "start all workers again with the same command, and the run goes on from its last save"


def wait_for_others(workers: Workers) -> None:
    """Listens at this worker's address until every other one has been seen at its own.

    Raises:
        RestartNeeded: one has not come in time.
        RunError: something else listens at this one's port.
    """
    began, said = time.monotonic(), False
    away = {index for index in range(len(workers.addresses)) if index != workers.index}
    with _listening(workers):
        while away := {each for each in away if not _answers(workers.addresses[each])}:
            names = ", ".join(map(workers.named, sorted(away)))
            waited = time.monotonic() - began
            if waited > workers.wait:
                raise RestartNeeded(f"{names} did not come within {workers.wait:g} s; {AGAIN}")
            if waited > SAID_AFTER and not said:
                logger.info("waiting for %s", names)
                said = True
            time.sleep(LOOKED_EVERY)


def _listening(workers: Workers) -> socket.socket:
    port = int(workers.addresses[workers.index].rpartition(":")[2])
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        return socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise RunError(
            f"{workers.named(workers.index)} cannot listen at its port here ({error.strerror}); "
            "give it another one, the same in the addresses of all workers"
        ) from error


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWERS_IN):
            return True
    except (OSError, UnicodeError):  # the latter of a host that can be no name
        return False


def silent_among(workers: Workers) -> list[int]:
    """The other workers that take no connection."""
    return [
        index
        for index, address in enumerate(workers.addresses)
        if index != workers.index and not _answers(address)
    ]


@contextmanager
def ended_if_stuck(workers: Workers) -> Iterator[None]:
    """Ends this process, with status `STUCK`, if what is inside takes too long, and says why.

    No Python runs in this process then, so C's `_exit` itself is the handler of the signal; a
    container's first process would ignore one without a handler.
    """
    libc = ctypes.CDLL(None)
    libc.signal.argtypes, libc.signal.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
    before = libc.signal(STUCK, ctypes.cast(libc._exit, ctypes.c_void_p))
    command = [sys.executable, "-m", __name__, str(os.getpid()), json.dumps(asdict(workers))]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as watcher:
        try:
            yield
        finally:
            watcher.kill()
            libc.signal(STUCK, before)


def main() -> None:
    """The process that watches another."""
    watched, workers = int(sys.argv[1]), Workers(**json.loads(sys.argv[2]))
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # sent to both; the other decides what follows
    ends = time.monotonic() + max(workers.wait, CONNECTED_IN)
    while time.monotonic() < ends:
        if os.getppid() != watched:
            return
        time.sleep(LOOKED_EVERY)
    names = ", ".join(map(workers.named, silent_among(workers))) or "another worker"
    print(f"error: lost {names} before all were connected; {AGAIN}", file=sys.stderr, flush=True)
    os.kill(watched, STUCK)


if __name__ == "__main__":
    main()
