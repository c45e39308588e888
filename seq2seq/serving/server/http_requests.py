"""HTTP requests and answers, whatever interface they are of.

Requests are read within bounds, and dropped when their client goes away; errors are answers.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from seq2seq.config.serving import RequestLimits
from seq2seq.serving.server.errors import Code, RequestError
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.rest_json import write_error

logger = logging.getLogger(__name__)
LARGE_BODY = 64 * 1024  # bytes from which requests are read on a thread, beside the event loop
# Their number bounds what reading takes from the rest of the server; threads of answers are others.
_READERS = ThreadPoolExecutor(2, "reading")
HEALTH_PATHS = frozenset(("/healthz", "/readyz", "/health"))
_PAGE_FILE = re.compile(r"/|/page/(?!api/).*")
Result = TypeVar("Result")
Endpoint = Callable[[Request], Awaitable[Response]]


def is_anybodys(path: str) -> bool:
    """Whether anybody may ask it, as often as they like: health, and files of the page.

    What the page itself asks is not.
    """
    return path in HEALTH_PATHS or _PAGE_FILE.fullmatch(path) is not None


class HttpError(Exception):
    """A refusal for which HTTP itself has a status; the message is for the client."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


def allow_methods(request: Request, *methods: str) -> None:
    """Checks the method of a request.

    Raises:
        HttpError: 405 for other methods.
    """
    if request.method not in methods:
        raise HttpError(405, f"{request.method} is not for this path", allow=", ".join(methods))


async def read_body(request: Request, limits: RequestLimits) -> bytes:
    """The whole body of a request.

    Raises:
        HttpError: 413 if it is too large, 408 if it takes too long, 415 if it is compressed.
        ClientDisconnect: the client went away.
    """
    most, seconds = limits.max_body, limits.read_timeout
    too_large = HttpError(413, f"the body is larger than {most} bytes")
    encodings = request.headers.get("content-encoding", "").lower().split(",")
    if any(each.strip() not in ("", "identity") for each in encodings):
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


async def read_beside(read: Callable[[], Result], size: int) -> Result:
    """What `read` makes of so many bytes; of many, on a thread beside the event loop.

    If it is cancelled before a thread is free, nothing is read.
    """
    if size < LARGE_BODY:
        return read()
    return await asyncio.get_running_loop().run_in_executor(_READERS, read)


async def in_time(request: Request, work: Awaitable[Result]) -> Result:
    """The result of `work`, within what is left of the request's time.

    Raises:
        RequestError: DEADLINE_EXCEEDED; `work` is cancelled.
    """
    left = request.state.deadline - asyncio.get_running_loop().time()
    try:
        return await asyncio.wait_for(work, max(left, 0))
    except asyncio.TimeoutError:  # noqa: UP041 (in Python 3.10 not yet the built-in one)
        seconds = f"{request.app.state.timeout:g} seconds"
        raise RequestError(Code.DEADLINE_EXCEEDED, f"no answer within {seconds}") from None


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`, for a request whose body has been read.

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


class LateResponse(StreamingResponse):
    """An answer that begins before its outcome is known.

    Attributes:
        ended: is called at its end, with the status of what came of it.
    """

    ended: Callable[[int], None]


def failure(request: Request, error: BaseException) -> HttpError:
    """What is told of an error that ended a request; what should not have happened is logged."""
    if isinstance(error, HttpError):
        return error
    if isinstance(error, RequestError):
        headers = {"retry-after": "1"} if error.code is Code.UNAVAILABLE else {}
        return HttpError(error.code.http_status, str(error), **headers)
    if isinstance(error, ClientDisconnect):
        return HttpError(Code.CANCELLED.http_status, "the client went away")  # nobody reads it
    if isinstance(error, asyncio.CancelledError):  # the time for what is under way has run out
        return HttpError(503, "the server is stopping", **{"retry-after": "1"})
    logger.error("%s %s failed", request.method, request.scope["path"], exc_info=error)
    return HttpError(500, f"internal error: {error}")


def answered(endpoint: Endpoint, api: str, metrics: Metrics) -> Endpoint:
    """An endpoint with errors as answers, counted, and ended after the application's `timeout`.

    Args:
        endpoint: may raise `RequestError` and `HttpError`, and say in `request.state.signature`
            which signature of a model it asks.
        api: its interface, for the metrics.
        metrics: count the answers.
    """

    async def answer(request: Request) -> Response:
        started = time.monotonic()
        request.state.signature = ""
        request.state.deadline = asyncio.get_running_loop().time() + request.app.state.timeout

        def count(status: int) -> None:
            metrics.answered(api, request.state.signature, str(status), started)

        try:
            response = await in_time(request, endpoint(request))
        except (Exception, asyncio.CancelledError) as error:
            told = failure(request, error)
            response = json_response(write_error(str(told)), told.status, told.headers)
        if isinstance(response, LateResponse):
            response.ended = count
        else:
            count(response.status_code)
        return response

    return answer


def json_response(
    body: bytes, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """An answer in JSON."""
    return Response(body, status, headers, media_type="application/json")
