"""Request batching: rows of several requests share one run of the model.

While every worker is busy, requests gather; a free worker takes what has gathered as soon as a
batch is full or its oldest request has waited `max_delay`.
"""

import asyncio
import logging
from functools import partial

from seq2seq.config.serving import BatchingConfig
from seq2seq.serving.server.errors import Code, RequestError, invalid
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.rows import Outcome, cut_rows, join_rows, run_together
from seq2seq.serving.server.servable import Arrays, ServedModel, check_inputs, find_signature
from seq2seq.serving.server.threads import WorkerThreads
from seq2seq.serving.server.waiting import Group, Waiting, WaitingRows

logger = logging.getLogger(__name__)


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
        """Raises RequestError (UNAVAILABLE) if `rows` more may not wait."""
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
