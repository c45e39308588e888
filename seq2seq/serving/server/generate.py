"""Texts a sentence at a time, as Triton's generate extension has it, and other servers after it.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_generate.md
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from seq2seq.config.serving import RequestLimits
from seq2seq.serving.saved_model.tensors import DEFAULT_SIGNATURE, STRING, as_array
from seq2seq.serving.server.batching import Batcher
from seq2seq.serving.server.errors import RequestError, invalid, quoted
from seq2seq.serving.server.http_requests import (
    LARGE_BODY,
    answered,
    json_response,
    read_body,
    unless_gone,
)
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.rest import MODEL_PATH, parse_version
from seq2seq.serving.server.rest_json import encode, parse_object
from seq2seq.serving.server.served_models import ServedModels
from seq2seq.serving.server.versions import LoadedVersion

EVENTS = "text/event-stream"
PATH = re.compile(rf"/v2/models/{MODEL_PATH}/generate(?P<stream>_stream)?")
_END = re.compile(r"""[.!?…]["'»”’)\]]*(?=\s)|[。！？]["」』）]*|\n""")
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True)
class _Asked:
    """A text that is asked for, and the model that it is asked of."""

    name: str
    loaded: LoadedVersion
    text: str
    id: str | None

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
        if len(body) < LARGE_BODY:
            document = parse_object(body, most)
        else:
            document = await asyncio.to_thread(parse_object, body, most)
        asked = _parse(document, match["name"], loaded)
        request.state.signature = DEFAULT_SIGNATURE
        parts = self._parts(asked)
        first = await unless_gone(request, _next(parts))  # a refusal has a status of its own
        if match["stream"]:
            events = _events(asked, first, parts)
            return StreamingResponse(
                events, headers={"cache-control": "no-store"}, media_type=EVENTS
            )
        rest = [first, *await unless_gone(request, _all(parts))]
        return json_response(asked.answer("".join(rest)))

    async def _parts(self, asked: _Asked) -> AsyncIterator[str]:
        """Each sentence's translation, with the space that follows it in the text."""
        model = asked.loaded.model
        for sentence, space in cut_sentences(asked.text):
            if not sentence:
                yield space
                continue
            inputs = {"text": as_array([sentence], STRING)}
            outputs = await self.batcher.predict(model, DEFAULT_SIGNATURE, inputs)
            (translation,) = next(iter(outputs.values()))
            yield translation.decode(errors="replace") + space


def cut_sentences(text: str) -> Iterator[tuple[str, str]]:
    r"""A text's sentences, each with the space that follows it; lines end one too.

    >>> list(cut_sentences("One. e.g. two!\n\nThree"))
    [('One. e.g. two!', '\n\n'), ('Three', '')]
    """
    start = _end_of_space(text, 0)
    if start or not text:
        yield "", text[:start]
    for found in _END.finditer(text):
        end = found.start() if found[0] == "\n" else found.end()
        after = _end_of_space(text, end)
        goes_on = found[0] != "\n" and text[after : after + 1].islower()
        if end > start and not goes_on:
            yield text[start:end], text[end:after]
            start = after
    if start < len(text):
        yield text[start:], ""


def _end_of_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _parse(document: dict[str, Any], name: str, loaded: LoadedVersion) -> _Asked:
    """Reads a request; parameters and further fields are other models'."""
    text, identifier = document.get("text_input"), document.get("id")
    if not isinstance(text, str):
        raise invalid(f"text_input is {quoted(text)}, and no text")
    if identifier is not None and not isinstance(identifier, str):
        raise invalid(f"id is {quoted(identifier)}, and no text")
    if not isinstance(document.get("parameters", {}), dict):
        raise invalid("parameters is no object")
    for each in (text, identifier or ""):
        try:
            each.encode()
        except UnicodeEncodeError:
            raise invalid("half of a surrogate pair is no text") from None
    return _Asked(name, loaded, text, identifier)


async def _next(parts: AsyncIterator[str]) -> str:
    return await anext(parts)


async def _all(parts: AsyncIterator[str]) -> list[str]:
    return [each async for each in parts]


async def _events(asked: _Asked, first: str, parts: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """Server-sent events; an error after the first part can only be one of them."""
    yield _event(asked.answer(first))
    try:
        async for part in parts:
            yield _event(asked.answer(part))
    except RequestError as error:
        yield _event(encode({"error": str(error)}))


def _event(data: bytes) -> bytes:
    return b"data: %s\n\n" % data
