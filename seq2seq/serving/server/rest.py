"""The REST interface: TensorFlow Serving's paths, and others for health and metrics.

Requests are read within bounds, and dropped when their client goes away.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from seq2seq.config.serving import RequestLimits
from seq2seq.serving.saved_model.tensors import TensorSpec
from seq2seq.serving.server.batching import Batcher
from seq2seq.serving.server.errors import Code, RequestError, invalid
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.rest_json import encode, parse_predict, write_error, write_predictions
from seq2seq.serving.server.servable import LARGE_ANSWER, ServedModel
from seq2seq.serving.server.versions import ModelVersions, VersionStatus

logger = logging.getLogger(__name__)
# As in TensorFlow Serving's http_rest_api_util.cc.
MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
PREDICTION = re.compile(rf"{MODEL}:(?P<method>classify|regress|predict)", re.IGNORECASE)
DESCRIPTION = re.compile(rf"{MODEL}(?P<metadata>/metadata)?", re.IGNORECASE)
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]  # HEAD comes with GET
LARGE_BODY = 64 * 1024  # bytes from which requests are read on a thread, beside the event loop
LARGEST_VERSION = 2**63 - 1
# In protos most types have their own name in capitals.
PROTO_DTYPES = {"float32": "DT_FLOAT", "float64": "DT_DOUBLE", "float16": "DT_HALF"}
Result = TypeVar("Result")


@dataclass(frozen=True)
class RestInterface:
    """The routes, and the parts of the server that they use."""

    versions: ModelVersions
    batcher: Batcher
    metrics: Metrics
    limits: RequestLimits

    def application(self) -> Starlette:
        """The application for an ASGI server."""
        routes = [
            Route("/v1/{rest:path}", self._answered(self._models), methods=METHODS),
            Route("/healthz", self._live),
            Route("/readyz", self._ready),
            Route("/monitoring/prometheus/metrics", self._measured),
        ]
        handlers = {HTTPException: _no_such_route}
        return Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]

    async def _models(self, request: Request) -> Response:
        path = request.scope["path"]
        if match := PREDICTION.fullmatch(path):
            allow_methods(request, "POST")
            return await self._predict(request, match)
        if match := DESCRIPTION.fullmatch(path):
            allow_methods(request, "GET", "HEAD")
            return self._describe(match)
        raise invalid(f"Malformed request: {request.method} {path}")

    async def _predict(self, request: Request, match: re.Match[str]) -> Response:
        if match["method"].lower() != "predict":
            raise RequestError(Code.UNIMPLEMENTED, "only :predict is served here")
        model = self.versions.find(match["name"], _version(match), match["label"]).model
        body = await read_body(request, self.limits)
        self.batcher.refuse_overload()  # before time is spent on reading it
        most = self.limits.max_values
        if len(body) < LARGE_BODY:
            asked = parse_predict(body, model, most)
        else:
            asked = await asyncio.to_thread(parse_predict, body, model, most)
        request.state.signature = asked.signature
        outputs = await unless_gone(
            request, self.batcher.predict(model, asked.signature, asked.inputs)
        )
        if sum(array.size for array in outputs.values()) < LARGE_ANSWER:
            written = write_predictions(outputs, asked.by_row)
        else:
            written = await asyncio.to_thread(write_predictions, outputs, asked.by_row)
        return _json(written)

    def _describe(self, match: re.Match[str]) -> Response:
        name, version = match["name"], _version(match)
        if match["metadata"]:
            found = self.versions.find(name, version, match["label"])
            return _json(_write_metadata(name, found.version, found.model))
        if match["label"]:
            self.versions.find(name, None, match["label"])  # refuses it: there are no labels
        return _json(_write_statuses(self.versions.statuses(name, version)))

    async def _live(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, _: Request) -> Response:
        if self.versions.served:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("loading\n", status_code=503)

    async def _measured(self, _: Request) -> Response:
        return Response(self.metrics.text(), headers={"content-type": self.metrics.content_type})

    def _answered(
        self, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint with errors as answers, counted."""

        async def answer(request: Request) -> Response:
            started = time.monotonic()
            request.state.signature = ""
            try:
                response = await endpoint(request)
            except RequestError as error:
                headers = {"retry-after": "1"} if error.code is Code.UNAVAILABLE else None
                response = _json(write_error(str(error)), error.code.http_status, headers)
            except HttpError as error:
                response = _json(write_error(str(error)), error.status, error.headers)
            except ClientDisconnect:
                response = Response(status_code=Code.CANCELLED.http_status)  # nobody reads it
            except asyncio.CancelledError:  # the time for what is under way has run out
                response = _json(write_error("the server is stopping"), 503, {"retry-after": "1"})
            except Exception as error:
                logger.exception("%s %s failed", request.method, request.scope["path"])
                response = _json(write_error(f"internal error: {error}"), 500)
            signature = request.state.signature
            self.metrics.answered("rest", signature, str(response.status_code), started)
            return response

        return answer


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


def _write_statuses(statuses: Iterable[VersionStatus]) -> bytes:
    """The body of a model status."""
    written = [
        {
            "version": str(each.version),
            "state": each.state,
            "status": {
                "error_code": each.code.name if each.code else "OK",
                "error_message": each.message,
            },
        }
        for each in statuses
    ]
    return encode({"model_version_status": written})


def _write_metadata(name: str, version: int, model: ServedModel) -> bytes:
    """The body of a model's metadata: its signatures."""
    signatures = {
        signature_name: {
            "inputs": {key: _tensor_info(spec) for key, spec in signature.inputs.items()},
            "outputs": {key: _tensor_info(spec) for key, spec in signature.outputs.items()},
            "method_name": signature.method,
        }
        for signature_name, signature in sorted(model.signatures.items())
    }
    return encode(
        {
            "model_spec": {"name": name, "signature_name": "", "version": str(version)},
            "metadata": {"signature_def": {"signature_def": signatures}},
        }
    )


def _version(match: re.Match[str]) -> int | None:
    if match["version"] is None:
        return None
    digits = match["version"].lstrip("0") or "0"
    if len(digits) > len(str(LARGEST_VERSION)) or int(digits) > LARGEST_VERSION:
        raise invalid(f"Failed to convert version: {digits[:40]} to numeric.")
    return int(digits)


async def _no_such_route(request: Request, error: HTTPException) -> Response:
    message = f"{error.detail}: {request.method} {request.scope['path']}"
    return _json(write_error(message), error.status_code, dict(error.headers or {}))


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")


def _tensor_info(spec: TensorSpec) -> dict[str, Any]:
    sizes = ["-1" if size is None else str(size) for size in spec.shape or ()]
    return {
        "dtype": PROTO_DTYPES.get(spec.dtype, f"DT_{spec.dtype.upper()}"),
        "tensor_shape": {
            "dim": [{"size": size, "name": ""} for size in sizes],
            "unknown_rank": spec.shape is None,
        },
        "name": spec.tensor,
    }
