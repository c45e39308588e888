"""What a request to LibreTranslate's paths holds, in JSON, in a form, or in its query."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from seq2seq.config.serving import RequestLimits
from seq2seq.serving.server.errors import LONGEST_QUOTE, RequestError, invalid, quoted
from seq2seq.serving.server.guards.tokens import Tokens
from seq2seq.serving.server.http_requests import LARGE_BODY, read_beside, read_body
from seq2seq.serving.server.rest_json import is_encodable, parse_object

MOST_FIELDS = 100  # of a form
MOST_ALTERNATIVES = 1000


@dataclass(frozen=True)
class TranslationFields:
    """The fields of a request for a translation."""

    texts: tuple[str, ...]
    several: bool  # whether they came as a list
    source: str  # a language, or "auto"
    target: str
    markup: bool
    alternatives: int


async def read_fields(request: Request, limits: RequestLimits) -> Mapping[str, Any]:
    """The fields of a request; those of a form come after those of the query, as in Flask.

    Raises:
        RequestError: INVALID_ARGUMENT; PERMISSION_DENIED without the token that is still wanted.
        HttpError: see `read_body`.
        ClientDisconnect: the client went away.
    """
    fields = await _read_fields(request, await read_body(request, limits), limits)
    tokens: Tokens | None = getattr(request.state, "tokens", None)
    if tokens:
        tokens.check_fields(fields)
    return fields


async def _read_fields(request: Request, body: bytes, limits: RequestLimits) -> Mapping[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    parts = kind == "multipart/form-data"
    reader: Callable[[], dict[str, Any]]
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        reader, query = partial(parse_object, body, limits.max_values), {}
    else:
        query = _read_form(request.scope["query_string"])
        reader = partial(_read_parts, request.headers, body) if parts else partial(_read_form, body)
    # A form in parts has an event loop of its own, for which there is none on this thread.
    return await read_beside(reader, LARGE_BODY if parts else len(body)) | query


def parse_texts(fields: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
    """The texts of the field q, and whether they came as a list.

    Raises:
        RequestError: INVALID_ARGUMENT.
    """
    q = fields.get("q")
    if not q:
        raise _missing("q")
    several = isinstance(q, list)
    texts = tuple(q) if several else (q,)
    for text in texts:
        if not isinstance(text, str):
            raise invalid(f"Invalid request: q is {quoted(text)}, and no text")
        if not is_encodable(text):
            raise invalid("Invalid request: q has half of a surrogate pair")
    return texts, several


def parse_translation(fields: Mapping[str, Any]) -> TranslationFields:
    """The fields of a request for a translation; those that have no meaning here may be there.

    Raises:
        RequestError: INVALID_ARGUMENT, in LibreTranslate's words.
    """
    texts, several = parse_texts(fields)
    names = {}
    for name in ("source", "target"):
        if not fields.get(name):
            raise _missing(name)
        if not isinstance(fields[name], str):
            raise unsupported(quoted(fields[name]))
        names[name] = fields[name]
    style = fields.get("format") or "text"
    if style not in ("text", "html"):
        raise unsupported(f"{style if isinstance(style, str) else quoted(style)} format")
    return TranslationFields(
        texts=texts,
        several=several,
        markup=style == "html",
        alternatives=_parse_count(fields.get("alternatives") or 0, "alternatives"),
        **names,
    )


def unsupported(what: str) -> RequestError:
    """The error of a language or a format that is not known, in LibreTranslate's words."""
    return invalid(f"{what[:LONGEST_QUOTE]} is not supported")


def _parse_count(value: Any, name: str) -> int:
    try:
        return max(0, min(int(str(value)[:20]), MOST_ALTERNATIVES))
    except ValueError:
        raise invalid(f"Invalid request: {name} parameter is not a number") from None


def _missing(name: str) -> RequestError:
    return invalid(f"Invalid request: missing {name} parameter")


def _read_form(body: bytes) -> dict[str, Any]:
    try:
        return dict(
            parse_qsl(body.decode(), True, errors="strict", max_num_fields=MOST_FIELDS)[::-1]
        )
    except ValueError as error:  # also bytes that are not UTF-8
        raise invalid(f"Invalid request: {error}") from None


def _read_parts(headers: Headers, body: bytes) -> dict[str, Any]:
    """The fields of a form in parts; not for the thread of an event loop."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        headers, stream(), max_files=0, max_fields=MOST_FIELDS, max_part_size=len(body)
    )
    try:
        form = asyncio.run(parser.parse())
    except (MultiPartException, ValueError, KeyError, LookupError) as error:
        raise invalid(f"Invalid request: {error}") from None
    return dict(reversed(form.multi_items()))
