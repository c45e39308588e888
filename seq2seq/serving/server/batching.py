"""Request batching: rows of several requests share one run of the model.

While every worker is busy, requests gather; a free worker takes what has gathered as soon as a
batch is full or its oldest request has waited `max_delay`.

A run that has begun cannot be stopped, so nobody's request may take the model for long: a run has
at most `run_bytes`, and there is a worker for the requests of several runs, which let each other go
between these, and another for rows that are larger than a run by themselves.
"""

import asyncio
import bisect
import logging
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import partial

from seq2seq.config.serving import BatchingConfig
from seq2seq.serving.saved_model.tensors import Arrays
from seq2seq.serving.server.errors import Code, RequestError, invalid
from seq2seq.serving.server.guards.access_log import note_rows
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.row_blocks import (
    Block,
    Lane,
    Outcome,
    cut_request,
    join_rows,
    run_together,
)
from seq2seq.serving.server.servable import ServedModel, check_inputs, find_signature
from seq2seq.serving.server.threads import WorkerThreads

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Group:
    """One signature of one loaded model, with inputs that can be joined."""

    model: ServedModel
    signature: str
    lane: Lane
    waiting: "list[Waiting]" = field(default_factory=list)  # by turn
    places: int = 0  # of all that wait
    size: int = 0


@dataclass(eq=False)
class Waiting:
    """A block that waits for the model."""

    group: Group
    block: Block
    arrived: float  # seconds, by the loop's clock
    outputs: "asyncio.Future[Arrays]"

    @property
    def turn(self) -> float:
        """The lower, the earlier it runs."""
        return self.arrived + self.block.deferral


class WaitingRows:
    """The queue of a server."""

    def __init__(self, config: BatchingConfig) -> None:
        self._config = config
        self._groups: dict[Hashable, Group] = {}
        self.places = dict.fromkeys(Lane, 0)  # of the groups of each lane

    def add(self, model: ServedModel, signature: str, block: Block, now: float) -> Waiting:
        """Puts a block among those of the same group.

        Args:
            model: that is to run.
            signature: one of the model's.
            block: of a request.
            now: seconds, by the loop's clock.
        """
        shapes = tuple(
            (name, array.dtype.str, array.shape[1:]) for name, array in sorted(block.inputs.items())
        )
        # The group keeps the model, so its id stays its own.
        key = (id(model), signature, block.lane, shapes)
        group = self._groups.setdefault(key, Group(model, signature, block.lane))
        waiting = Waiting(group, block, now, asyncio.get_running_loop().create_future())
        bisect.insort(group.waiting, waiting, key=lambda each: each.turn)
        self._count(waiting, 1)
        return waiting

    def withdraw(self, waiting: Waiting) -> None:
        """Takes a block away that nobody waits for any more."""
        if waiting in waiting.group.waiting:
            waiting.group.waiting.remove(waiting)
            self._count(waiting, -1)

    def next_ready(self, lane: Lane, now: float) -> tuple[float, Group] | None:
        """The group of a lane that should run next, and when."""
        groups = [each for each in self._groups.values() if each.lane is lane]
        if not groups:
            return None
        if ready := [each for each in groups if self._ready_at(each) <= now]:
            return now, min(ready, key=lambda group: group.waiting[0].turn)
        first = min(groups, key=self._ready_at)
        return self._ready_at(first), first

    def take_batch(self, group: Group) -> list[Waiting]:
        """The first blocks of a group, as many as fit in a run."""
        batch: list[Waiting] = []
        rows = size = 0
        while group.waiting:
            block = group.waiting[0].block
            rows, size = rows + block.rows, size + block.size
            if batch and (rows > self._config.max_batch or size > self._config.run_bytes):
                break
            batch.append(group.waiting.pop(0))
            self._count(batch[-1], -1)
        return batch

    def _ready_at(self, group: Group) -> float:
        full = group.places >= self._config.max_batch or group.size >= self._config.run_bytes
        return group.waiting[0].arrived + (0 if full else self._config.max_delay / 1000)

    def _count(self, waiting: Waiting, sign: int) -> None:
        group, block = waiting.group, waiting.block
        group.places += sign * block.places
        group.size += sign * block.size
        self.places[block.lane] += sign * block.places
        if not group.waiting:
            self._groups = {key: each for key, each in self._groups.items() if each is not group}


class Batcher:
    """Runs requests on worker threads, together where they can be; used from one event loop."""

    def __init__(self, config: BatchingConfig, metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self._queue = WaitingRows(config)
        self._free = {Lane.SHORT: config.threads, Lane.LARGE: 1, Lane.LONG: 1}
        self._workers = WorkerThreads(sum(self._free.values()), "inference")
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
            inputs: arrays with the rows first; more than a run takes are run in pieces.
            timeout: seconds, if less than the configured time.

        Raises:
            RequestError: INVALID_ARGUMENT for inputs that do not fit the signature, UNAVAILABLE
                at once if too many rows wait already, DEADLINE_EXCEEDED after the timeout, and
                what the model raised for these rows.
        """
        rows = check_inputs(find_signature(model, signature), inputs)
        if rows > self._config.max_rows:
            raise invalid(f"{rows} rows in one request; at most {self._config.max_rows}")
        now = asyncio.get_running_loop().time()
        blocks = cut_request(inputs, rows, self._config)
        for lane in {each.lane for each in blocks}:
            self.refuse_overload(lane, sum(each.places for each in blocks if each.lane is lane))
        note_rows(model, signature, rows, sum(each.size for each in blocks))
        pieces = [self._queue.add(model, signature, block, now) for block in blocks]
        self._dispatch()
        limit = self._config.timeout if timeout is None else min(timeout, self._config.timeout)
        try:
            return join_rows(await _outputs(pieces, limit))
        finally:
            for piece in pieces:  # no effect but on a timeout, a lost client, or a failed piece
                piece.outputs.cancel()
                self._queue.withdraw(piece)
            self._tell_waiting()

    def refuse_overload(self, lane: Lane = Lane.SHORT, rows: int = 1) -> None:
        """Checks that `rows` more may wait in a lane; each has a queue of its own.

        Raises:
            RequestError: UNAVAILABLE.
        """
        waiting = self._queue.places[lane]
        if waiting and waiting + rows > self._config.queue:
            raise RequestError(
                Code.UNAVAILABLE,
                f"{waiting} rows are waiting for the model and {self._config.queue} may; "
                "try again later",
            )

    def _tell_waiting(self) -> None:
        self._metrics.queued_rows.set(sum(self._queue.places.values()))

    def _dispatch(self) -> None:
        """Gives free workers what is ready, and sets the clock for what is ready next."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        later = []
        for lane in Lane:
            while self._free[lane] and (ready := self._queue.next_ready(lane, loop.time())):
                when, group = ready
                if when > loop.time():
                    later.append(when)
                    break
                self._start(group)
        if later:
            self._timer = loop.call_at(min(later), self._dispatch)
        self._tell_waiting()

    def _start(self, group: Group) -> None:
        batch = self._queue.take_batch(group)
        self._metrics.batch_rows.observe(sum(each.block.rows for each in batch))
        self._free[group.lane] -= 1
        run = asyncio.get_running_loop().create_task(self._run(group, batch))
        self._runs.add(run)  # a loop holds its tasks by weak references alone
        run.add_done_callback(self._runs.discard)

    async def _run(self, group: Group, batch: list[Waiting]) -> None:
        outcomes: list[Outcome] = [RequestError(Code.INTERNAL, "the model stopped")] * len(batch)
        try:
            outcomes = await self._workers.run(
                run_together,
                partial(group.model.predict, group.signature),
                [each.block.inputs for each in batch],
                [each.block.rows for each in batch],
            )
        finally:
            self._free[group.lane] += 1
            for waiting, outcome in zip(batch, outcomes, strict=True):
                _deliver(waiting, outcome)
            self._dispatch()


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
