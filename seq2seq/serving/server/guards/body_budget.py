"""How much all bodies that are being read or answered may hold together.

A body is bounded, and so are connections, but their product is gigabytes. Small bodies are left
out: as many as there may be connections hold little, and large ones never keep them out.
"""

from collections import Counter
from collections.abc import Hashable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seq2seq.serving.server.guards.client_limits import client_of
from seq2seq.serving.server.http_requests import LARGE_BODY, HttpError

BODIES = 16  # of the largest size
SHARES = 4  # of the budget; one client has one at most
NO_TOKEN = object()  # for all requests whose token is not known yet, as they are one client


class BodyBudget:
    """An ASGI application that hands on requests, and refuses large bodies beyond the budget.

    Args:
        application: gets them; it answers the `HttpError` that reading a body may raise.
        most: bytes of all large bodies.
    """

    def __init__(self, application: ASGIApp, most: int) -> None:
        self._application = application
        self._most = most
        self._held = 0
        self._held_of: Counter[Hashable] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        owners: list[Hashable] = [client_of((scope.get("client") or ("",))[0])]
        if scope.get("state", {}).get("tokens"):
            owners.append(NO_TOKEN)
        read = own = 0

        async def counted() -> Message:
            nonlocal read, own
            message = await receive()
            read += len(message.get("body", b""))
            if read >= LARGE_BODY and read > own:
                self._check(owners, read - own)
                self._hold(owners, read - own)
                own = read
            return message

        try:
            await self._application(scope, counted, send)
        finally:
            self._hold(owners, -own)

    def _check(self, owners: list[Hashable], size: int) -> None:
        """Checks that so many bytes more may be held.

        Raises:
            HttpError: 503.
        """
        share = self._most // SHARES
        if self._held + size > self._most or any(
            self._held_of[each] + size > share for each in owners
        ):
            raise HttpError(
                503,
                "too many large requests are under way; try again later",
                **{"retry-after": "1", "connection": "close"},
            )

    def _hold(self, owners: list[Hashable], size: int) -> None:
        self._held += size
        for each in owners:
            self._held_of[each] += size
            if not self._held_of[each]:
                del self._held_of[each]
