"""Requests without one of the server's tokens are refused, whatever they ask.

A token comes as `Authorization: Bearer TOKEN`, or in LibreTranslate's field `api_key`.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from seq2seq.serving.server.errors import Code, RequestError
from seq2seq.serving.server.http_requests import is_anybodys, json_response
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.rest_json import write_error

# What a client of LibreTranslate may ask before it has a token.
FREE = frozenset(("/languages", "/frontend/settings", "/spec"))
WITH_KEY = frozenset(("/translate", "/detect"))  # whose fields may have the token
SCHEME = "bearer"
REFUSAL = "this server wants a token: send the header Authorization: Bearer TOKEN"
WRONG = "the token is not one of this server's"


class Tokens:
    """The tokens of a server.

    Args:
        tokens: at least one, in ASCII.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = [each.encode() for each in tokens]

    def holds(self, given: str) -> bool:
        """Whether it is one of them; how long that takes does not tell how much of it is right."""
        found = [
            hmac.compare_digest(each, given.encode("utf-8", "replace")) for each in self._tokens
        ]
        return any(found)

    def check_header(self, authorization: str) -> None:
        """Checks an Authorization header.

        Raises:
            RequestError: UNAUTHENTICATED.
        """
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() != SCHEME:
            raise RequestError(Code.UNAUTHENTICATED, REFUSAL)
        if not self.holds(given.strip()):
            raise RequestError(Code.UNAUTHENTICATED, WRONG)

    def check_fields(self, fields: Mapping[str, Any]) -> None:
        """Checks the fields of a request to LibreTranslate's paths.

        Raises:
            RequestError: PERMISSION_DENIED, as LibreTranslate has it.
        """
        given = fields.get("api_key")
        if not isinstance(given, str) or not given:
            raise RequestError(
                Code.PERMISSION_DENIED, "this server wants a token, as api_key or in the header"
            )
        if not self.holds(given):
            raise RequestError(Code.PERMISSION_DENIED, "Invalid API key")


class TokenGuard:
    """An ASGI application that hands on the requests with a token.

    Args:
        application: gets them; of those to `WITH_KEY` without a header it has to check the fields,
            by the `tokens` in their state.
        tokens: of the server.
        metrics: count the refused ones.
    """

    def __init__(self, application: ASGIApp, tokens: Tokens, metrics: Metrics) -> None:
        self._application = application
        self._tokens = tokens
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        header = Headers(scope=scope).get("authorization")
        try:
            if header is not None:
                self._tokens.check_header(header)
            elif scope["path"] in WITH_KEY:
                scope.setdefault("state", {})["tokens"] = self._tokens
            elif not is_anybodys(scope["path"]) and scope["path"] not in FREE:
                raise RequestError(Code.UNAUTHENTICATED, REFUSAL)
        except RequestError as error:
            self._metrics.refused(error.code.http_status)
            headers = {"www-authenticate": "Bearer"}
            refusal = json_response(write_error(str(error)), error.code.http_status, headers)
            await refusal(scope, receive, send)
            return
        await self._application(scope, receive, send)
