"""Request batching: rows of several requests share one run of the model.

While every worker is busy, requests gather; a free worker takes what has gathered as soon as a
batch is full or its oldest request has waited `max_delay`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from seq2seq.config.serving import BatchingConfig
from seq2seq.serving.saved_model.tensors import Arrays
from seq2seq.serving.server.errors import Code, RequestError, invalid
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.servable import ServedModel, check_inputs, find_signature
from seq2seq.serving.server.threads import WorkerThreads

logger = logging.getLogger(__name__)
Outcome = Arrays | Exception


@dataclass(eq=False)
class Group:
    """One signature of one loaded model, with inputs that can be joined."""

    model: ServedModel
    signature: str
    waiting: "deque[Waiting]" = field(default_factory=deque)  # the oldest first
    places: int = 0  # of all that wait


@dataclass(eq=False)
class Waiting:
    """A block of rows of a request that waits for the model."""

    group: Group
    inputs: Arrays
    rows: int
    arrived: float  # seconds, by the loop's clock
    outputs: "asyncio.Future[Arrays]"

    @property
    def places(self) -> int:
        """Places it takes in the queue: a request without rows takes one too."""
        return max(1, self.rows)


class WaitingRows:
    """The queue of a server.

    Args:
        max_batch: rows a run of the model.
        delay: seconds that rows wait for others to fill a batch.
    """

    def __init__(self, max_batch: int, delay: float) -> None:
        self._max_batch = max_batch
        self._delay = delay
        self._groups: dict[Hashable, Group] = {}
        self.places = 0  # of all groups

    def add(
        self, model: ServedModel, signature: str, inputs: Arrays, rows: int, now: float
    ) -> Waiting:
        """Puts rows behind those of the same group.

        Args:
            model: that is to run.
            signature: one of the model's.
            inputs: arrays of the rows.
            rows: their number.
            now: seconds, by the loop's clock.
        """
        shapes = tuple(
            (name, array.dtype.str, array.shape[1:]) for name, array in sorted(inputs.items())
        )
        key = (id(model), signature, shapes)  # the group keeps the model, so its id stays its own
        group = self._groups.setdefault(key, Group(model, signature))
        outputs: asyncio.Future[Arrays] = asyncio.get_running_loop().create_future()
        waiting = Waiting(group, inputs, rows, now, outputs)
        group.waiting.append(waiting)
        self._count(group, waiting.places)
        return waiting

    def withdraw(self, waiting: Waiting) -> None:
        """Takes rows away that nobody waits for any more."""
        if waiting in waiting.group.waiting:
            waiting.group.waiting.remove(waiting)
            self._count(waiting.group, -waiting.places)

    def next_ready(self) -> tuple[float, Group] | None:
        """The group that should run next, and when: a full one since its oldest rows came."""
        if not self._groups:
            return None
        group = min(self._groups.values(), key=self._ready_at)
        return self._ready_at(group), group

    def take_batch(self, group: Group) -> list[Waiting]:
        """The oldest rows of a group, as many as fit in a batch."""
        batch = [group.waiting.popleft()]
        rows = batch[0].rows
        while group.waiting and rows + group.waiting[0].rows <= self._max_batch:
            batch.append(group.waiting.popleft())
            rows += batch[-1].rows
        self._count(group, -sum(each.places for each in batch))
        return batch

    def _ready_at(self, group: Group) -> float:
        full = group.places >= self._max_batch
        return group.waiting[0].arrived + (0 if full else self._delay)

    def _count(self, group: Group, places: int) -> None:
        group.places += places
        self.places += places
        if not group.waiting:
            self._groups = {key: each for key, each in self._groups.items() if each is not group}


class Batcher:
    """Runs requests on worker threads, together where they can be; used from one event loop."""

    def __init__(self, config: BatchingConfig, metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self._queue = WaitingRows(config.max_batch, config.max_delay / 1000)
        self._workers = WorkerThreads(config.threads, "inference")
        self._free = config.threads
        self._timer: asyncio.TimerHandle | None = None
        self._runs: set[asyncio.Task[None]] = set()

    @property
    def idle(self) -> bool:
        """Whether no worker is inside a model."""
        return self._workers.idle

    def stop(self) -> None:
        """Ends the threads once they have nothing left to run."""
        self._workers.stop()

    async def predict(
        self, model: ServedModel, signature: str, inputs: Arrays, timeout: float | None = None
    ) -> Arrays:
        """The outputs for one request.

        Args:
            model: stays in use until the answer is there, whatever version is served by then.
            signature: one of the model's.
            inputs: arrays with the rows first; above `max_batch` rows they are run in pieces.
            timeout: seconds, if less than the configured time.

        Raises:
            RequestError: INVALID_ARGUMENT for inputs that do not fit the signature, UNAVAILABLE
                at once if too many rows wait already, DEADLINE_EXCEEDED after the timeout, and
                what the model raised for these rows.
        """
        rows = check_inputs(find_signature(model, signature), inputs)
        if rows > self._config.max_rows:
            raise invalid(f"{rows} rows in one request; at most {self._config.max_rows}")
        self.refuse_overload(rows)
        most, now = self._config.max_batch, asyncio.get_running_loop().time()
        sizes = [min(most, rows - start) for start in range(0, rows, most)] or [0]
        pieces = [
            self._queue.add(model, signature, piece, size, now)
            for piece, size in zip(cut_rows(inputs, sizes), sizes, strict=True)
        ]
        self._dispatch()
        limit = self._config.timeout if timeout is None else min(timeout, self._config.timeout)
        try:
            return join_rows(await _outputs(pieces, limit))
        finally:
            for piece in pieces:  # no effect but on a timeout, a lost client, or a failed piece
                piece.outputs.cancel()
                self._queue.withdraw(piece)
            self._metrics.queued_rows.set(self._queue.places)

    def refuse_overload(self, rows: int = 1) -> None:
        """Checks that `rows` more may wait.

        Raises:
            RequestError: UNAVAILABLE.
        """
        waiting = self._queue.places
        if waiting and waiting + rows > self._config.queue:
            raise RequestError(
                Code.UNAVAILABLE,
                f"{waiting} rows are waiting for the model and {self._config.queue} may; "
                "try again later",
            )

    def _dispatch(self) -> None:
        """Gives free workers what is ready, and sets the clock for what is ready next."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._free and (ready := self._queue.next_ready()):
            when, group = ready
            if when > loop.time():
                self._timer = loop.call_at(when, self._dispatch)
                break
            self._start(group)
        self._metrics.queued_rows.set(self._queue.places)

    def _start(self, group: Group) -> None:
        batch = self._queue.take_batch(group)
        self._metrics.batch_rows.observe(sum(each.rows for each in batch))
        self._free -= 1
        run = asyncio.get_running_loop().create_task(self._run(group, batch))
        self._runs.add(run)  # a loop holds its tasks by weak references alone
        run.add_done_callback(self._runs.discard)

    async def _run(self, group: Group, batch: list[Waiting]) -> None:
        outcomes: list[Outcome] = [RequestError(Code.INTERNAL, "the model stopped")] * len(batch)
        try:
            outcomes = await self._workers.run(
                run_together,
                partial(group.model.predict, group.signature),
                [each.inputs for each in batch],
                [each.rows for each in batch],
            )
        finally:
            self._free += 1
            for waiting, outcome in zip(batch, outcomes, strict=True):
                _deliver(waiting, outcome)
            self._dispatch()


def cut_rows(arrays: Arrays, sizes: Sequence[int]) -> list[Arrays]:
    """Blocks of `sizes` rows, in order.

    Raises:
        RequestError: an array has another number of rows than the sizes add up to.
    """
    rows = sum(sizes)
    for name, array in arrays.items():
        if array.ndim == 0 or len(array) != rows:
            raise RequestError(
                Code.INTERNAL, f"the model's {name} has shape {list(array.shape)} for {rows} rows"
            )
    blocks: list[Arrays] = []
    start = 0
    for size in sizes:
        blocks.append({name: array[start : start + size] for name, array in arrays.items()})
        start += size
    return blocks


def join_rows(blocks: Sequence[Arrays]) -> Arrays:
    """One block of all the rows, in order.

    Outputs of separate runs may differ in their other axes, which models pad to the longest row;
    the shorter are padded on with zeros, strings with b"".
    """
    if len(blocks) == 1:
        return blocks[0]
    return {name: _concatenate([block[name] for block in blocks]) for name in blocks[0]}


def run_together(
    run: Callable[[Arrays], Arrays], blocks: Sequence[Arrays], sizes: Sequence[int]
) -> list[Outcome]:
    """The outputs of each block, from one run of the model if that succeeds.

    If it fails, the halves are run apart, and their halves, until the blocks that fail stand
    alone: they get the error, all others their outputs.

    Args:
        run: the model.
        blocks: inputs.
        sizes: rows of each block.
    """
    try:
        return list(cut_rows(run(join_rows(blocks)), sizes))
    except Exception as error:
        if len(blocks) == 1:
            return [error]
    half = len(blocks) // 2
    return [
        *run_together(run, blocks[:half], sizes[:half]),
        *run_together(run, blocks[half:], sizes[half:]),
    ]


async def _outputs(pieces: list[Waiting], limit: float) -> list[Arrays]:
    """The outputs of each piece; the error of the first that fails; or, `limit` seconds passed."""
    done, pending = await asyncio.wait(
        [piece.outputs for piece in pieces], timeout=limit, return_when=asyncio.FIRST_EXCEPTION
    )
    errors = [error for each in done if (error := each.exception())]
    if errors:
        raise errors[0]
    if pending:
        raise RequestError(Code.DEADLINE_EXCEEDED, f"no answer within {limit:g} seconds")
    return [piece.outputs.result() for piece in pieces]


def _deliver(waiting: Waiting, outcome: Outcome) -> None:
    if waiting.outputs.done():  # nobody waits any more
        return
    if not isinstance(outcome, Exception):
        waiting.outputs.set_result(outcome)
        return
    if not isinstance(outcome, RequestError):
        logger.error("the model failed", exc_info=outcome)
        outcome = RequestError(Code.INTERNAL, f"the model failed: {outcome}")
    waiting.outputs.set_exception(outcome)


def _concatenate(arrays: Sequence[np.ndarray]) -> np.ndarray:
    widest = [max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays), strict=True)]
    if all(list(array.shape[1:]) == widest for array in arrays):
        return np.concatenate(arrays)
    empty: object = b"" if arrays[0].dtype == object else 0
    rows = sum(len(array) for array in arrays)
    joined = np.full((rows, *widest), empty, dtype=arrays[0].dtype)
    start = 0
    for array in arrays:
        inside = tuple(slice(size) for size in array.shape[1:])
        joined[(slice(start, start + len(array)), *inside)] = array
        start += len(array)
    return joined
