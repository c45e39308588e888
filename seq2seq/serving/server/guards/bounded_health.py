"""gRPC's health service, with a bound on who watches: that is a call without an end or a token."""

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health

MOST_WATCHERS = 32
LAST_WORD = 0.1  # seconds


class BoundedHealth(health.aio.HealthServicer):
    """A health service whose watchers are few, and leave when the server stops."""

    def __init__(self) -> None:
        super().__init__()
        self._watching: set[asyncio.Task[Any]] = set()

    async def Watch(self, request: Any, context: Any) -> None:
        """Tells a service's status, and each other one that follows."""
        if len(self._watching) >= MOST_WATCHERS:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"{MOST_WATCHERS} calls watch already"
            )
        watching = asyncio.ensure_future(super().Watch(request, context))
        self._watching.add(watching)
        try:
            await asyncio.wait({watching})
            if not watching.cancelled():
                watching.result()
        finally:
            watching.cancel()
            self._watching.discard(watching)

    async def end(self) -> None:
        """Ends every watching call, after a moment in which it is told the last status."""
        if self._watching:
            await asyncio.sleep(LAST_WORD)
        for watching in self._watching:
            watching.cancel()
