"""The REST interface: TensorFlow Serving's paths, and others for health and metrics."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from seq2seq.config.serving import RequestLimits
from seq2seq.serving.saved_model.tensors import TensorSpec
from seq2seq.serving.saved_model.version_directory import HIGHEST
from seq2seq.serving.server.batching import Batcher
from seq2seq.serving.server.errors import Code, RequestError, invalid
from seq2seq.serving.server.http_requests import (
    allow_methods,
    answered,
    json_response,
    read_beside,
    read_body,
    unless_gone,
)
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.rest_json import encode, parse_predict, write_error, write_predictions
from seq2seq.serving.server.servable import LARGE_ANSWER, ServedModel
from seq2seq.serving.server.served_models import ServedModels
from seq2seq.serving.server.versions import VersionStatus

# As in TensorFlow Serving's http_rest_api_util.cc.
MODEL_PATH = r"(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
MODEL = rf"/v1/models/{MODEL_PATH}"
PREDICTION = re.compile(rf"{MODEL}:(?P<method>classify|regress|predict)", re.IGNORECASE)
DESCRIPTION = re.compile(rf"{MODEL}(?P<metadata>/metadata)?", re.IGNORECASE)
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]  # HEAD comes with GET
# In protos most types have their own name in capitals.
PROTO_DTYPES = {"float32": "DT_FLOAT", "float64": "DT_DOUBLE", "float16": "DT_HALF"}


@dataclass(frozen=True)
class RestInterface:
    """The routes, and the parts of the server that they use.

    Attributes:
        models: answer.
        batcher: runs them.
        metrics: count answers.
        limits: of requests.
        timeout: seconds from a request's arrival to its answer, by any interface.
    """

    models: ServedModels
    batcher: Batcher
    metrics: Metrics
    limits: RequestLimits
    timeout: float

    def application(self, further: Iterable[Route] = ()) -> Starlette:
        """The application for an ASGI server, with the routes of further interfaces."""
        routes = [
            Route("/v1/{rest:path}", answered(self._models, "rest", self.metrics), methods=METHODS),
            Route("/healthz", self._live),
            Route("/readyz", self._ready),
            Route("/monitoring/prometheus/metrics", self._measured),
            *further,
        ]
        handlers = {HTTPException: self._no_such_route}
        application = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]
        application.router.redirect_slashes = False  # to http, whatever a proxy was asked by
        application.state.timeout = self.timeout
        return application

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
        model = self.models.find(
            match["name"], parse_version(match["version"]), match["label"]
        ).model
        body = await read_body(request, self.limits)
        self.batcher.refuse_overload()  # before time is spent on reading it
        most = self.limits.max_values
        asked = await read_beside(partial(parse_predict, body, model, most), len(body))
        request.state.signature = asked.signature
        outputs = await unless_gone(
            request, self.batcher.predict(model, asked.signature, asked.inputs)
        )
        if sum(array.size for array in outputs.values()) < LARGE_ANSWER:
            written = write_predictions(outputs, asked.by_row)
        else:
            written = await asyncio.to_thread(write_predictions, outputs, asked.by_row)
        return json_response(written)

    def _describe(self, match: re.Match[str]) -> Response:
        name, version = match["name"], parse_version(match["version"])
        if match["metadata"]:
            found = self.models.find(name, version, match["label"])
            return json_response(_write_metadata(name, found.version, found.model))
        if match["label"]:
            self.models.find(name, None, match["label"])  # refuses it: there are no labels
        return json_response(_write_statuses(self.models.statuses(name, version)))

    async def _no_such_route(self, request: Request, error: HTTPException) -> Response:
        self.metrics.refused(error.status_code)
        message = f"{error.detail}: {request.method} {request.scope['path']}"
        return json_response(write_error(message), error.status_code, dict(error.headers or {}))

    async def _live(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, _: Request) -> Response:
        if self.models.ready:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("loading\n", status_code=503)

    async def _measured(self, _: Request) -> Response:
        return Response(self.metrics.text(), headers={"content-type": self.metrics.content_type})


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


def parse_version(written: str | None) -> int | None:
    """The number of a version in a path, if there is one.

    Raises:
        RequestError: INVALID_ARGUMENT for more than a version may be.
    """
    if written is None:
        return None
    digits = written.lstrip("0") or "0"
    if len(digits) > len(str(HIGHEST)) or int(digits) > HIGHEST:
        raise invalid(f"Failed to convert version: {digits[:40]} to numeric.")
    return int(digits)


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
