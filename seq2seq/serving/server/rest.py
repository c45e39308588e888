"""The REST interface: TensorFlow Serving's paths, and others for health and metrics."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from seq2seq.config.serving import RequestLimits
from seq2seq.serving.server.batching import Batcher
from seq2seq.serving.server.descriptions import write_metadata, write_statuses
from seq2seq.serving.server.errors import Code, RequestError, invalid
from seq2seq.serving.server.http_requests import HttpError, allow_methods, read_body, unless_gone
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.rest_json import parse_predict, write_error, write_predictions
from seq2seq.serving.server.versions import ModelVersions

logger = logging.getLogger(__name__)

# As in TensorFlow Serving's http_rest_api_util.cc.
MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
PREDICTION = re.compile(rf"{MODEL}:(?P<method>classify|regress|predict)", re.IGNORECASE)
DESCRIPTION = re.compile(rf"{MODEL}(?P<metadata>/metadata)?", re.IGNORECASE)
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]  # HEAD comes with GET
LARGE = 50_000  # values of an answer from which it is written on a thread
LARGEST_VERSION = 2**63 - 1


@dataclass(frozen=True)
class RestInterface:
    """What the routes work with."""

    versions: ModelVersions
    batcher: Batcher
    metrics: Metrics
    limits: RequestLimits

    def application(self) -> Starlette:
        """The routes."""
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
        asked = parse_predict(body, model)
        request.state.signature = asked.signature
        outputs = await unless_gone(
            request, self.batcher.predict(model, asked.signature, asked.inputs)
        )
        if sum(array.size for array in outputs.values()) < LARGE:
            written = write_predictions(outputs, asked.by_row)
        else:
            written = await asyncio.to_thread(write_predictions, outputs, asked.by_row)
        return _json(written)

    def _describe(self, match: re.Match[str]) -> Response:
        name, version = match["name"], _version(match)
        if match["metadata"]:
            found = self.versions.find(name, version, match["label"])
            return _json(write_metadata(name, found.version, found.model))
        if match["label"]:
            self.versions.find(name, None, match["label"])  # refuses it: there are no labels
        return _json(write_statuses(self.versions.statuses(name, version)))

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
