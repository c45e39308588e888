"""LibreTranslate's API beside TensorFlow Serving's: https://docs.libretranslate.com/api.

Paths, fields, answers and errors are LibreTranslate's, so that its clients work unchanged.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from seq2seq.config.serving import ServerConfig
from seq2seq.serving.server.batching import Batcher
from seq2seq.serving.server.errors import Code, RequestError, invalid
from seq2seq.serving.server.http_requests import (
    LARGE_BODY,
    Endpoint,
    HttpError,
    answered,
    json_response,
    read_beside,
    unless_gone,
)
from seq2seq.serving.server.libretranslate.fields import (
    TranslationFields,
    parse_texts,
    parse_translation,
    read_fields,
    unsupported,
)
from seq2seq.serving.server.libretranslate.languages import detect, language_name
from seq2seq.serving.server.libretranslate.openapi import describe
from seq2seq.serving.server.libretranslate.search import SentenceSearch
from seq2seq.serving.server.libretranslate.texts import (
    Layout,
    join,
    lay_out_texts,
    sentences,
)
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.rest_json import encode
from seq2seq.serving.server.servable import ServedModel
from seq2seq.serving.server.served_models import ServedModels

AUTO = "auto"
SURE = 100.0  # confidence in a language that the client named
TYPING = 500  # milliseconds that LibreTranslate's page waits for more to be typed


@dataclass(frozen=True)
class LibreTranslateInterface:
    """The routes, and the parts of the server that they use.

    Attributes:
        models: of two for the same languages, the first answers.
        batcher: runs them.
        metrics: count answers.
        config: its bounds.
    """

    models: ServedModels
    batcher: Batcher
    metrics: Metrics
    config: ServerConfig

    def routes(self) -> list[Route]:
        """For the server's application."""

        def route(path: str, endpoint: Endpoint, method: str) -> Route:
            return Route(path, answered(endpoint, "libretranslate", self.metrics), methods=[method])

        return [
            route("/translate", self._translate, "POST"),
            route("/detect", self._detect, "POST"),
            route("/languages", self._languages, "GET"),
            route("/frontend/settings", self._settings, "GET"),
            route("/health", self._health, "GET"),
            route("/spec", self._spec, "GET"),
            route("/suggest", _refusal("Suggestions are disabled on this server."), "POST"),
            route(
                "/translate_file",
                _refusal("Files translation are disabled on this server."),
                "POST",
            ),
        ]

    async def _translate(self, request: Request) -> Response:
        fields = parse_translation(await read_fields(request, self.config.limits))
        return json_response(encode(await unless_gone(request, self._answer(fields))))

    async def _answer(self, fields: TranslationFields) -> dict[str, Any]:
        self.batcher.refuse_overload()  # before time is spent on reading it
        if not self._served():
            raise RequestError(Code.UNAVAILABLE, "no model is loaded yet; try again later")
        source: dict[str, Any] = {"confidence": SURE, "language": fields.source}
        if fields.source == AUTO:
            source = await self._detected(fields)
        model = self._model(source["language"], fields.target)
        search = SentenceSearch(model, self.batcher, self.config.batching)
        versions = await self._translated(fields, search)
        best = [each[0] for each in versions]
        answer: dict[str, Any] = {"translatedText": best if fields.several else best[0]}
        if fields.source == AUTO:
            answer["detectedLanguage"] = [source] * len(best) if fields.several else source
        if fields.alternatives:
            others = [_others(each) for each in versions]
            answer["alternatives"] = others if fields.several else others[0]
        return answer

    async def _translated(
        self, fields: TranslationFields, search: SentenceSearch
    ) -> list[list[str]]:
        """Each text's translations, best first; of markup there is one, as in LibreTranslate."""
        read = partial(lay_out_texts, fields.texts, fields.markup, self.config.limits.max_values)
        size = LARGE_BODY if fields.markup else sum(map(len, fields.texts))
        layouts = await read_beside(read, size)
        asked = [each for layout in layouts for each in sentences(layout)]
        if fields.markup:
            found = [[each] for each in await search.markup(asked)]
        else:
            found = await search.translations(asked, 1 + fields.alternatives)
        following = iter(found)
        return [
            _ranked(layout, list(islice(following, len(sentences(layout))))) for layout in layouts
        ]

    async def _detected(self, fields: TranslationFields) -> dict[str, Any]:
        """The likeliest of the languages from which the target can be had."""
        sources = {
            model.languages.source
            for model in self._served()
            if model.languages.source and _same(model.languages.target, fields.target)
        }
        if not sources:
            raise unsupported(fields.target)
        return (await asyncio.to_thread(detect, fields.texts, sources))[0]

    def _served(self) -> list[ServedModel]:
        return [each.model for each in self.models.served]

    def _model(self, source: str, target: str) -> ServedModel:
        """The model of two languages.

        Raises:
            RequestError: INVALID_ARGUMENT, in LibreTranslate's words.
        """
        for model in self._served():
            if _same(model.languages.source, source) and _same(model.languages.target, target):
                return model
        known = self._known()
        for tag in (source, target):
            if not any(_same(each, tag) for each in known):
                raise unsupported(tag)
        raise invalid(
            f"{language_name(target)} ({target}) is not available as a target language from "
            f"{language_name(source)} ({source})"
        )

    def _known(self) -> dict[str, set[str]]:
        """The languages that models know, with those that can be had from each."""
        known: dict[str, set[str]] = {}
        for model in self._served():
            source, target = model.languages.source, model.languages.target
            if source and target:
                known.setdefault(source, set()).add(target)
                known.setdefault(target, set())
        return known

    async def _detect(self, request: Request) -> Response:
        texts, _ = parse_texts(await read_fields(request, self.config.limits))
        return json_response(encode(await asyncio.to_thread(detect, texts, self._known())))

    async def _languages(self, _: Request) -> Response:
        known = [
            {"code": tag, "name": language_name(tag), "targets": sorted(targets)}
            for tag, targets in sorted(self._known().items())
        ]
        return json_response(encode(known))

    async def _settings(self, _: Request) -> Response:
        pairs = [(source, min(targets)) for source, targets in self._known().items() if targets]
        source, target = pairs[0] if pairs else (AUTO, "")
        written = {
            "charLimit": -1,
            "frontendTimeout": TYPING,
            "apiKeys": self.config.token_file is not None,
            "keyRequired": self.config.token_file is not None,
            "suggestions": False,
            "filesTranslation": False,
            "supportedFilesFormat": [],
            "language": {
                "source": {"code": source, "name": language_name(source)},
                "target": {"code": target, "name": language_name(target)},
            },
        }
        return json_response(encode(written))

    async def _health(self, _: Request) -> Response:
        return json_response(encode({"status": "ok"}))

    async def _spec(self, _: Request) -> Response:
        return json_response(encode(describe()))


def _ranked(layout: Layout, found: Sequence[Sequence[str]]) -> list[str]:
    """Versions of a text, best first; the last of a sentence that has fewer stands for the rest."""
    count = max((len(each) for each in found), default=1)
    return [
        join(layout, [each[min(rank, len(each) - 1)] for each in found]) for rank in range(count)
    ]


def _others(versions: Sequence[str]) -> list[str]:
    """Different versions beside the best, without empty ones."""
    return [each for each in dict.fromkeys(versions) if each and each != versions[0]]


def _same(known: str | None, asked: str) -> bool:
    """Whether two tags are the same language, as BCP 47 has it: whatever their case."""
    return known is not None and known.lower() == asked.lower()


def _refusal(message: str) -> Endpoint:
    async def refuse(_: Request) -> Response:
        raise HttpError(403, message)

    return refuse
