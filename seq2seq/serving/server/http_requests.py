"""HTTP requests, read within bounds and dropped when their client goes away."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from seq2seq.config.serving import RequestLimits

Result = TypeVar("Result")


class HttpError(Exception):
    """A request that HTTP itself has a status for; the message is for the client."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


def allow_methods(request: Request, *methods: str) -> None:
    """Raises HttpError 405 for other methods."""
    if request.method not in methods:
        raise HttpError(405, f"{request.method} is not for this path", allow=", ".join(methods))


async def read_body(request: Request, limits: RequestLimits) -> bytes:
    """The whole body.

    Raises:
        HttpError: 413 if it is too large, 408 if it takes too long, 415 if it is compressed.
        ClientDisconnect: the client went away.
    """
    most, seconds = limits.max_body, limits.read_timeout
    too_large = HttpError(413, f"the body is larger than {most} bytes")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise HttpError(415, "send the body without Content-Encoding")
    if int(request.headers.get("content-length", "0")) > most:
        raise too_large
    body = bytearray()

    async def read() -> None:
        async for part in request.stream():
            body.extend(part)
            if len(body) > most:
                raise too_large

    try:
        await asyncio.wait_for(read(), seconds)
    except asyncio.TimeoutError:  # noqa: UP041 (in Python 3.10 not yet the built-in one)
        raise HttpError(
            408, f"no whole body within {seconds:g} seconds", connection="close"
        ) from None
    return bytes(body)


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` returns; only for a request whose body has been read.

    Raises:
        ClientDisconnect: the client went away; `work` is cancelled.
    """

    async def wait_for_disconnect() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(wait_for_disconnect())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
