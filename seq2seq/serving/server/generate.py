"""Texts a sentence or some subwords at a time, as Triton's generate extension has it.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_generate.md
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from seq2seq.config.serving import RequestLimits
from seq2seq.serving.saved_model.tensors import (
    DEFAULT_SIGNATURE,
    PARTS_SIGNATURE,
    STRING,
    Arrays,
    as_array,
)
from seq2seq.serving.server.batching import Batcher
from seq2seq.serving.server.errors import invalid, quoted
from seq2seq.serving.server.guards.access_log import note_status
from seq2seq.serving.server.http_requests import (
    LateResponse,
    answered,
    failure,
    in_time,
    json_response,
    read_beside,
    read_body,
    unless_gone,
)
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.rest import MODEL_PATH, parse_version
from seq2seq.serving.server.rest_json import encode, is_encodable, parse_object, write_error
from seq2seq.serving.server.sentences import cut_sentences
from seq2seq.serving.server.served_models import ServedModels
from seq2seq.serving.server.versions import LoadedVersion

EVENTS = "text/event-stream"
REPLACED = "\ufffd"  # what stands for bytes that are no letter
PATH = re.compile(rf"/v2/models/{MODEL_PATH}/generate(?P<stream>_stream)?")


@dataclass(frozen=True)
class _Asked:
    """A text that is asked for, and the model that it is asked of."""

    name: str
    loaded: LoadedVersion
    text: str
    id: str | None
    greedily: bool  # some subwords at a time, with a beam of 1

    def answer(self, text: str) -> bytes:
        """The object that tells a translation, of all or of a part."""
        told = {"id": self.id} if self.id is not None else {}
        version = str(self.loaded.version)
        return encode(
            {**told, "model_name": self.name, "model_version": version, "text_output": text}
        )


@dataclass(frozen=True)
class GenerateInterface:
    """The routes, and the parts of the server that they use."""

    models: ServedModels
    batcher: Batcher
    metrics: Metrics
    limits: RequestLimits

    def routes(self) -> list[Route]:
        """For the server's application."""
        endpoint = answered(self._generate, "generate", self.metrics)
        return [Route("/v2/models/{rest:path}", endpoint, methods=["POST"])]

    async def _generate(self, request: Request) -> Response:
        path = request.scope["path"]
        match = PATH.fullmatch(path)
        if match is None:
            raise invalid(f"Malformed request: {request.method} {path}")
        loaded = self.models.find(match["name"], parse_version(match["version"]), match["label"])
        body = await read_body(request, self.limits)
        self.batcher.refuse_overload()  # before time is spent on reading it
        most = self.limits.max_values
        document = await read_beside(partial(parse_object, body, most), len(body))
        asked = _parse(document, match["name"], loaded)
        request.state.signature = PARTS_SIGNATURE if asked.greedily else DEFAULT_SIGNATURE
        parts = self._parts(asked)
        # A refusal has a status of its own. A translation without words has no part.
        first = await unless_gone(request, _next(parts)) or ""
        if match["stream"]:
            return _EventStream(request, asked, first, parts)
        rest = [first, *await unless_gone(request, _all(parts))]
        return json_response(asked.answer("".join(rest)))

    async def _parts(self, asked: _Asked) -> AsyncIterator[str]:
        """Translations of sentences, or parts of them, and the space that follows each sentence."""
        sentences = cut_sentences(asked.text)
        # Of a long text beside the event loop: where the next sentence ends may be its end.
        while found := await read_beside(partial(next, sentences, None), len(asked.text)):
            sentence, space = found
            if sentence and asked.greedily:
                async for part in self._greedy_parts(asked, sentence):
                    yield part
                if space:
                    yield space
            else:
                yield (await self._best(asked, sentence) if sentence else "") + space

    async def _best(self, asked: _Asked, sentence: str) -> str:
        (translation,) = (await self._ask(asked, DEFAULT_SIGNATURE, sentence)).values()
        best: bytes = translation[0]
        return best.decode(errors="replace")

    async def _greedy_parts(self, asked: _Asked, sentence: str) -> AsyncIterator[str]:
        """The greedy translation as it grows; all at once of a sentence longer than a chunk."""
        written = np.zeros((1, 0), np.int32)
        told = ""
        ended = False
        while not ended:
            found = await self._ask(asked, PARTS_SIGNATURE, sentence, written=written)
            if not found["whole"][0]:
                yield await self._best(asked, sentence)
                return
            written = found["ids"][:, : found["length"][0]]
            text = found["translation"][0].decode(errors="replace")
            ended = bool(found["ended"][0])
            if not ended:
                text = text.rstrip(REPLACED)  # the rest of a letter's bytes may come
            if text[len(told) :]:
                yield text[len(told) :]
                told = text

    async def _ask(
        self, asked: _Asked, signature: str, sentence: str, **inputs: np.ndarray
    ) -> Arrays:
        inputs["text"] = as_array([sentence], STRING)
        return await self.batcher.predict(asked.loaded.model, signature, inputs)


def _parse(document: dict[str, Any], name: str, loaded: LoadedVersion) -> _Asked:
    """Reads a request; parameters beside the beam, and further fields, are other models'."""
    text, identifier = document.get("text_input"), document.get("id")
    if not isinstance(text, str):
        raise invalid(f"text_input is {quoted(text)}, and no text")
    if identifier is not None and not isinstance(identifier, str):
        raise invalid(f"id is {quoted(identifier)}, and no text")
    parameters = document.get("parameters", {})
    if not isinstance(parameters, dict):
        raise invalid("parameters is no object")
    width = parameters.get("beam_width")
    if width not in (None, 1) or isinstance(width, bool):
        raise invalid(f"beam_width is {quoted(width)}; give 1, or leave it out for the model's own")
    if width and PARTS_SIGNATURE not in loaded.model.signatures:
        raise invalid(
            f"{name} searches with its own beam_width alone; a run that is served without "
            "--engine onnx can take 1"
        )
    if not (is_encodable(text) and is_encodable(identifier or "")):
        raise invalid("half of a surrogate pair is no text")
    return _Asked(name, loaded, text, identifier, bool(width))


async def _next(parts: AsyncIterator[str]) -> str | None:
    """The next part; None at the end."""
    return await anext(parts, None)


async def _all(parts: AsyncIterator[str]) -> list[str]:
    return [each async for each in parts]


class _EventStream(LateResponse):
    """Server-sent events; an error after the first part can only be one of them."""

    def __init__(
        self, request: Request, asked: _Asked, first: str, parts: AsyncIterator[str]
    ) -> None:
        super().__init__((), headers={"cache-control": "no-store"}, media_type=EVENTS)
        self._request = request
        self._asked = asked
        self._first = first
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers the request."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        status = 200
        try:
            await self._send_parts(send)
        except (Exception, asyncio.CancelledError) as error:
            told = failure(self._request, error)
            status = told.status
            await _send_event(send, write_error(str(told)))
        finally:
            note_status(status)
            self.ended(status)
        await send({"type": "http.response.body"})

    async def _send_parts(self, send: Send) -> None:
        part: str | None = self._first
        while part is not None:
            await _send_event(send, self._asked.answer(part))
            following = unless_gone(self._request, _next(self._parts))
            part = await in_time(self._request, following)


async def _send_event(send: Send, data: bytes) -> None:
    event = b"data: %s\n\n" % data
    await send({"type": "http.response.body", "body": event, "more_body": True})
