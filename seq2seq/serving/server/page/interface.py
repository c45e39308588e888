"""The page at `/`: its files, and the answers that its scripts ask for.

Every sentence is answered by the signature `translate_prefix`. What only a run in memory knows (its
inspector: runners-up, the search's tree, the layers' memory) is answered where there is one.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from seq2seq.config.serving import RequestLimits
from seq2seq.errors import Seq2SeqError
from seq2seq.serving.saved_model.tensors import as_array
from seq2seq.serving.server.batching import Batcher
from seq2seq.serving.server.errors import Code, RequestError, invalid
from seq2seq.serving.server.http_requests import (
    answered,
    json_response,
    read_beside,
    read_body,
    unless_gone,
)
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.page.answers import drawn, sentence
from seq2seq.serving.server.rest_json import encode, is_encodable, parse_object
from seq2seq.serving.server.servable import ServedModel
from seq2seq.serving.server.served_models import ServedModels
from seq2seq.serving.server.threads import WorkerThreads

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
SIGNATURE = "translate_prefix"
MOST_SENTENCES = 64  # of a request
MOST_TOKENS = 1000


class Inspector(Protocol):
    """What a run in memory knows of a sentence beside its translation."""

    def continued(self, text: str, tokens: Sequence[str]) -> dict[str, Any]:
        """The best outputs that begin with these subwords."""

    def details(self, text: str, tokens: Sequence[str]) -> dict[str, Any]:
        """Runners-up of an output, and what the layers remembered."""

    def tree(self, text: str, tokens: Sequence[str]) -> dict[str, Any]:
        """The tree of the search for outputs that begin with these subwords."""


@dataclass(frozen=True)
class PageInterface:
    """The routes, and the parts of the server that they use."""

    models: ServedModels
    batcher: Batcher
    metrics: Metrics
    limits: RequestLimits
    # One question to an inspector at a time.
    looking: WorkerThreads = field(default_factory=lambda: WorkerThreads(1, "inspection"))

    def routes(self) -> list[Route]:
        """Of the files, and of what they ask for."""
        files = {
            path.relative_to(STATIC).as_posix(): (path.read_bytes(), TYPES[path.suffix])
            for path in STATIC.rglob("*")
            if path.suffix in TYPES
        }

        async def file(request: Request) -> Response:
            name = request.path_params.get("name", "index.html")
            if name not in files:
                raise RequestError(Code.NOT_FOUND, "the page has no such file")
            content, kind = files[name]
            return Response(content, headers={**HEADERS, "content-type": kind})

        def route(path: str, endpoint: Any, method: str) -> Route:
            return Route(path, answered(endpoint, "page", self.metrics), methods=[method])

        return [
            route("/", file, "GET"),
            route("/page/api/models", self._models, "GET"),
            route("/page/api/translate", self._translate, "POST"),
            route("/page/api/continue", self._continue, "POST"),
            route("/page/api/inspect", self._inspect, "POST"),
            route("/page/api/tree", self._tree, "POST"),
            route("/page/{name:path}", file, "GET"),
        ]

    async def _models(self, _: Request) -> Response:
        return json_response(
            encode(
                {
                    "models": [
                        {
                            "name": name,
                            "source": each.model.languages.source,
                            "target": each.model.languages.target,
                            "inspected": inspector_of(each.model) is not None,
                            "searched": SIGNATURE in each.model.signatures,
                        }
                        for name, each in self.models.by_name.items()
                    ]
                }
            )
        )

    async def _translate(self, request: Request) -> Response:
        asked = await self._asked(request)
        texts = _strings(asked, "texts", MOST_SENTENCES)
        prefixes = _strings(asked, "prefixes", MOST_SENTENCES)
        if len(texts) != len(prefixes):
            raise invalid("texts and prefixes have to be equally many")
        model = self._model(asked)
        if SIGNATURE not in model.signatures:
            raise RequestError(
                Code.FAILED_PRECONDITION,
                f"this model has no signature {SIGNATURE}; export its run again",
            )
        inputs = {"text": as_array(texts, "string"), "prefix": as_array(prefixes, "string")}
        found = await unless_gone(request, self.batcher.predict(model, SIGNATURE, inputs))

        def write() -> bytes:
            sentences = [sentence(found, row, text) for row, text in enumerate(texts)]
            return encode({"sentences": sentences})

        return json_response(await asyncio.to_thread(write))

    async def _continue(self, request: Request) -> Response:
        found = await self._look(request, "continued")
        return json_response(encode(drawn(found["source_tokens"], found["outputs"])))

    async def _inspect(self, request: Request) -> Response:
        return json_response(encode(await self._look(request, "details")))

    async def _tree(self, request: Request) -> Response:
        return json_response(encode(await self._look(request, "tree")))

    async def _look(self, request: Request, question: str) -> dict[str, Any]:
        """What an inspector says of a sentence and some subwords, beside the event loop.

        Whoever goes on typing gives a question up, and one that has not begun is never asked.

        Raises:
            RequestError: what is wrong with the request.
            ClientDisconnect: the client went away.
        """
        asked = await self._asked(request)
        text, tokens = _string(asked, "text"), _strings(asked, "tokens", MOST_TOKENS)
        answer = getattr(self._inspector(asked), question)
        try:
            return await unless_gone(request, self.looking.run(answer, text, tokens))
        except Seq2SeqError as error:
            raise invalid(str(error)) from None

    async def _asked(self, request: Request) -> Mapping[str, Any]:
        body = await read_body(request, self.limits)
        self.batcher.refuse_overload()
        return await read_beside(partial(parse_object, body, self.limits.max_values), len(body))

    def _model(self, asked: Mapping[str, Any]) -> ServedModel:
        return self.models.find(_string(asked, "model")).model

    def _inspector(self, asked: Mapping[str, Any]) -> Inspector:
        found = inspector_of(self._model(asked))
        if found is None:
            raise RequestError(
                Code.UNIMPLEMENTED, "an exported model cannot be looked into; serve its run"
            )
        return found


def inspector_of(model: ServedModel) -> Inspector | None:
    """That of a run in memory."""
    return getattr(model, "inspector", None)


def _string(asked: Mapping[str, Any], name: str) -> str:
    if not _is_text(asked.get(name)):
        raise invalid(f"{name} has to be text")
    return asked[name]


def _strings(asked: Mapping[str, Any], name: str, most: int) -> list[str]:
    found = asked.get(name)
    if not isinstance(found, list) or not all(map(_is_text, found)):
        raise invalid(f"{name} has to be a list of texts")
    if len(found) > most:
        raise invalid(f"{name} has {len(found)} entries, more than {most}")
    return found


def _is_text(value: Any) -> bool:
    """Whether it is a string, and not with half of a surrogate pair, which JSON can hold."""
    return isinstance(value, str) and is_encodable(value)
