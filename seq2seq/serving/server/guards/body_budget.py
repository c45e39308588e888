"""How much all bodies that are being read or answered may hold together.

A body is bounded, and so are connections, but their product is gigabytes.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seq2seq.serving.server.http_requests import HttpError

BODIES = 16  # of the largest size


class BodyBudget:
    """An ASGI application that hands on requests, and refuses bodies beyond the budget.

    Args:
        application: gets them; it answers the `HttpError` that reading a body may raise.
        most: bytes of all bodies.
    """

    def __init__(self, application: ASGIApp, most: int) -> None:
        self._application = application
        self._most = most
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        own = 0

        async def counted() -> Message:
            nonlocal own
            message = await receive()
            size = len(message.get("body", b""))
            if size and self._held + size > self._most:
                raise HttpError(
                    503,
                    "too many large requests are under way; try again later",
                    **{"retry-after": "1", "connection": "close"},
                )
            own += size
            self._held += size
            return message

        try:
            await self._application(scope, counted, send)
        finally:
            self._held -= own
