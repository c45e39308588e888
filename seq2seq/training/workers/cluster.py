"""The other workers of a training: waited for, summed with, told what the chief decides, missed.

`tf.distribute.MultiWorkerMirroredStrategy` connects the processes and notices when one is gone. All
that goes between them is sums: of gradients; and of bytes to which all but the chief add zeros, by
which they learn what the chief knows. A process that lost another cannot go on: all are started
again, and the chief's last save is where they do.
"""

import logging
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import tensorflow as tf

from seq2seq.config.workers import Workers
from seq2seq.errors import RestartNeeded, RunError, Seq2SeqError
from seq2seq.training.workers.arrival import (
    AGAIN,
    ended_if_stuck,
    silent_among,
    wait_for_others,
)

logger = logging.getLogger(__name__)

LOST = (  # what TensorFlow raises where another process is gone or silent
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
SHOWN = 200  # characters of what TensorFlow says
GRAPH = "Graph execution error"  # what it says before the reason
TO_CHIEF = "CoordinationService"  # runs on the first worker; named where calls of it fail
NAMED_TASK = re.compile(r"/(?:replica:\d+/)?task:(\d+)")
PART = 1 << 24  # int32 numbers of the chief's that go in one sum: 64 MiB
SIGNALS = (signal.SIGINT, signal.SIGTERM)
DONE, FAILED = b"+", b"-"  # first byte of what the chief tells
T = TypeVar("T")


class Cluster:
    """This process among the workers of a training. The first worker is the chief.

    Args:
        workers: all of them, which are there.

    Raises:
        RunError: this one would take several accelerators.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._asked: set[int] = set()
        self._strategy = self._connected()
        if self._strategy.num_replicas_in_sync != self.size:  # its sums would count batches twice
            raise RunError(
                f"{workers.named(workers.index)} sees several accelerators; set "
                "CUDA_VISIBLE_DEVICES to one of them, and start a worker for each"
            )

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32)], autograph=False)
        def add(numbers: tf.Tensor) -> tf.Tensor:
            return self.sums([numbers])[0]

        self._add = add

    @property
    def size(self) -> int:
        """Number of workers."""
        return len(self._workers.addresses)

    @property
    def index(self) -> int:
        """Of this process; 0 is the chief."""
        return self._workers.index

    @property
    def is_chief(self) -> bool:
        """Whether this process owns the run folder and decides."""
        return self.index == 0

    def sums(self, own: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Sums over all workers of tensors of one type, in one exchange; inside a `tf.function`."""

        def summed(*tensors: tf.Tensor) -> list[tf.Tensor]:
            replica = tf.distribute.get_replica_context()
            return replica.all_reduce(tf.distribute.ReduceOp.SUM, list(map(tf.identity, tensors)))

        return self._strategy.run(summed, args=tuple(own))

    def lead(self, work: Callable[[], T], tell: Callable[[T], bytes] = lambda _: b"") -> T:
        """Does on the chief what the others wait for; they get what `tell` makes of it, or its end.

        Raises:
            Seq2SeqError: the work failed, which ends the others too; likewise OSError.
        """
        try:
            done = work()
            told = DONE + tell(done)
        except (Seq2SeqError, OSError) as error:
            self._broadcast(FAILED + str(error).encode())
            raise
        self._broadcast(told)
        return done

    def follow(self) -> bytes:
        """Waits, on a worker that is not the chief, for the end of `lead`; returns what it tells.

        Raises:
            RunError: it failed, with the chief's message.
        """
        told = self._broadcast(b"")
        if told.startswith(FAILED):
            message = told.removeprefix(FAILED).decode()
            raise RunError(f"{self._workers.named(0)}, the chief, stopped: {message}")
        return told.removeprefix(DONE)

    def agree(self, work: Callable[[], T]) -> T:
        """Does what every worker does for itself, and ends them all if it fails on one.

        Raises:
            Seq2SeqError: it failed here, likewise OSError; or on other workers, which are named.
        """
        failure: Seq2SeqError | OSError | None = None
        try:
            done = work()
        except (Seq2SeqError, OSError) as error:
            failure = error
        flags = np.zeros(self.size, np.int32)
        flags[self.index] = failure is not None
        failed = np.flatnonzero(self._add(tf.constant(flags)).numpy())
        if failure:
            raise failure
        if len(failed):
            names = ", ".join(self._workers.named(int(each)) for each in failed)
            raise RunError(f"{names} cannot train with the others, and says why")
        return done

    def _broadcast(self, data: bytes) -> bytes:
        """The chief's bytes."""
        chiefs = np.array([*divmod(len(data), PART)] if self.is_chief else [0, 0], np.int32)
        parts, rest = self._add(tf.constant(chiefs)).numpy().tolist()
        size = parts * PART + rest
        numbers = np.zeros(-(-size // 4), np.int32)
        if self.is_chief:
            numbers.view(np.uint8)[:size] = np.frombuffer(data, np.uint8)
        for first in range(0, len(numbers), PART):
            own = tf.constant(numbers[first : first + PART])
            numbers[first : first + PART] = self._add(own).numpy()
        return numbers.tobytes()[:size]

    def asked(self) -> tf.Tensor:
        """(2,) whether this process was sent SIGINT and SIGTERM; its sums tell whether any was."""
        return tf.constant([float(each in self._asked) for each in SIGNALS])

    @contextmanager
    def signals_between_steps(self) -> Iterator[None]:
        """Keeps SIGINT and SIGTERM for `asked`; a second one of a kind acts at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.getsignal(each) for each in SIGNALS}

        def note(number: int, _: object) -> None:
            logger.warning(
                "%s: all workers save and stop after this step", signal.strsignal(number)
            )
            self._asked.add(number)
            signal.signal(number, signal.default_int_handler)

        for each in SIGNALS:
            if before[each] != signal.SIG_IGN:
                signal.signal(each, note)
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler or signal.SIG_DFL)

    def _connected(self) -> tf.distribute.Strategy:
        """A strategy over all workers."""
        cluster = tf.train.ClusterSpec({"worker": list(self._workers.addresses)})
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            cluster, task_type="worker", task_id=self.index, rpc_layer="grpc"
        )
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


@contextmanager
def joined(workers: Workers) -> Iterator[Cluster]:
    """This process as one of several workers.

    Raises:
        RestartNeeded: another one has not come in time, or is lost.
        RunError: something else listens at this one's port.
    """
    wait_for_others(workers)
    try:
        with ended_if_stuck(workers):
            cluster = Cluster(workers)
    except tf.errors.OpError as error:  # one that was seen is gone, or was about to go
        raise _lost(workers, error) from error
    try:
        yield cluster
    except LOST as error:
        raise _lost(workers, error) from error


def _lost(workers: Workers, error: tf.errors.OpError) -> RestartNeeded:
    """Names the workers that take no connection, or else those that TensorFlow names."""
    named = {int(each) for each in NAMED_TASK.findall(str(error))} - {workers.index}
    if not named and workers.index != 0 and TO_CHIEF in str(error):
        named = {0}
    lost = silent_among(workers) or sorted(named)
    if not lost:  # TensorFlow may have failed here, for a port or a device
        said = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in said if not line.startswith(GRAPH)), type(error).__name__)
        return RestartNeeded(
            f"lost the connection to the other workers ({reason[:SHOWN]}); {AGAIN}"
        )
    return RestartNeeded(f"lost {', '.join(map(workers.named, lost))}; {AGAIN}")
