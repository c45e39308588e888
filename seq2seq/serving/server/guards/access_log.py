"""A line for each request that was answered: who asked what of which model, and how long it took.

What a request had the model do is noted where models are run, so that every interface tells it.
"""

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seq2seq.serving.server.http_requests import HEALTH_PATHS
from seq2seq.serving.server.servable import ServedModel

logger = logging.getLogger("seq2seq.access")

LONGEST_PATH = 200  # characters
QUIET = HEALTH_PATHS | {"/monitoring/prometheus/metrics"}
USUAL = (200, 503)  # answers to probes that nobody need read, the latter of a server that loads
GONE = 499  # the status of a request whose client went away before an answer
NameOf = Callable[[ServedModel], str]

_CURRENT: "ContextVar[Exchange | None]" = ContextVar("exchange", default=None)


@dataclass(eq=False)
class Exchange:
    """A request while it is answered."""

    client: str
    method: str  # of HTTP; or GRPC
    path: str
    started: float = field(default_factory=time.monotonic)
    model: ServedModel | None = None
    signature: str = ""
    rows: int = 0
    size: int = 0  # bytes of the rows
    status: int | None = None  # of what came of it, where its answer began before that was known

    def log(self, status: int | str, name_of: NameOf) -> None:
        """Writes the line; a record's `fields` have the same, for other forms."""
        fields: dict[str, Any] = {
            "client": self.client,
            "method": self.method,
            "path": _quoted(self.path),
            "status": status,
            "ms": round(1000 * (time.monotonic() - self.started), 1),
            "model": name_of(self.model) if self.model else "",
            "signature": self.signature,
            "rows": self.rows,
            "bytes": self.size,
        }
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        written = " ".join(f"{name}={value}" for name, value in fields.items() if value != "")
        logger.info("%s %s", now, written, extra={"fields": fields})


def begin(client: str, method: str, path: str) -> Exchange:
    """The exchange of a request, which `note_rows` finds from then on in this task and its own.

    Args:
        client: its address.
        method: of HTTP; or GRPC.
        path: as it came.
    """
    exchange = Exchange(client, method, path)
    _CURRENT.set(exchange)
    return exchange


def note_rows(model: ServedModel, signature: str, rows: int, size: int) -> None:
    """Notes what a model was asked for the request that is being answered.

    Args:
        model: that was asked.
        signature: one of the model's.
        rows: of the inputs.
        size: of the inputs, in bytes.
    """
    exchange = _CURRENT.get()
    if exchange:
        exchange.model, exchange.signature = model, signature
        exchange.rows += rows
        exchange.size += size


def note_status(status: int) -> None:
    """Notes what came of the request that is being answered, after its answer has begun."""
    exchange = _CURRENT.get()
    if exchange:
        exchange.status = status


class AccessLog:
    """An ASGI application that logs what another answers; of health and metrics only refusals."""

    def __init__(self, application: ASGIApp, name_of: NameOf) -> None:
        self._application = application
        self._name_of = name_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        client = (scope.get("client") or ("",))[0]
        exchange = begin(client, scope["method"], scope["raw_path"].decode("latin-1"))
        status = GONE

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._application(scope, receive, noted)
        finally:
            status = exchange.status or status
            if status not in USUAL or scope["path"] not in QUIET:
                exchange.log(status, self._name_of)


def _quoted(path: str) -> str:
    """A path without its query, and without what could pass for another field or line."""
    shown = path.partition("?")[0][:LONGEST_PATH]
    return "".join(each if "!" <= each <= "~" else f"%{ord(each):02X}" for each in shown)
