"""Threads that run blocking functions for an event loop."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

Result = TypeVar("Result")


class _Job(NamedTuple):
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    answer: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop


class WorkerThreads:
    """A fixed number of threads that take functions in order.

    They are daemons, unlike those of `concurrent.futures`: one that is stuck in a model does not
    keep the process from ending.

    Args:
        count: how many functions may run at once.
        name: what the threads are called.
    """

    def __init__(self, count: int, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._count = count
        self._unfinished = 0
        for number in range(count):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    @property
    def idle(self) -> bool:
        """Whether every function given to the threads has ended."""
        return self._unfinished == 0

    async def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Result of the function, once a thread has run it; its exception is raised here.

        One that is cancelled before a thread takes it is not run.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._unfinished += 1
        self._jobs.put(_Job(function, arguments, answer, loop))
        return await answer

    def stop(self) -> None:
        """Ends each thread after the functions that were given before."""
        for _ in range(self._count):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            result, error = None, None
            try:
                if not job.answer.cancelled():
                    result = job.function(*job.arguments)
            except BaseException as caught:
                error = caught
            try:
                job.loop.call_soon_threadsafe(self._deliver, job.answer, result, error)
            except RuntimeError:  # the loop has closed; nobody waits any more
                return
            del job, result, error  # a model that was swapped out is freed without a next job

    def _deliver(
        self, answer: "asyncio.Future[Any]", result: Any, error: BaseException | None
    ) -> None:
        self._unfinished -= 1
        if answer.cancelled():
            return
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)
