"""Requests that are refused by their heads: too long, for a foreign host, or from a foreign page.

A page in a browser can send requests to any address that the browser reaches. By a name of its own
that it has changed to the server's address (DNS rebinding) it could read the answers, but the Host
header then has that name. And without any such trick it could make the server work, but browsers
tell the page's Origin.
"""

import ipaddress
from collections.abc import Iterable

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from seq2seq.config.serving import ServerConfig
from seq2seq.serving.server.errors import quoted
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.rest_json import write_error

LARGEST_HEAD = 32 * 1024  # bytes of a request's line and headers
LOOPBACK_NAME = "localhost"
ANY = "*"  # as an allowed host or origin


class RequestHeads:
    """An ASGI application that hands on the requests whose heads are acceptable.

    Args:
        application: gets them.
        bound: host names and addresses at which the server listens.
        config: what else is allowed.
        metrics: count the refused ones.
    """

    def __init__(
        self, application: ASGIApp, bound: Iterable[str], config: ServerConfig, metrics: Metrics
    ) -> None:
        self._application = application
        self._hosts = {_host_name(each) for each in (*bound, *config.allow_host)}
        self._origins = {each.lower() for each in config.allow_origin}
        self._metrics = metrics
        if self._origins:  # for scripts of those pages to read the answers
            self._application = CORSMiddleware(
                application,
                tuple(self._origins),
                ("GET", "POST"),
                ("content-type", "authorization"),
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._application(scope, receive, send)
            return
        status, message = refusal
        self._metrics.refused(status)
        response = Response(write_error(message), status, media_type="application/json")
        await response(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason; none for an acceptable head."""
        headers = [(name, value.decode("latin-1")) for name, value in scope["headers"]]
        size = len(scope["raw_path"]) + len(scope["query_string"])
        if size + sum(len(name) + len(value) for name, value in headers) > LARGEST_HEAD:
            return 431, f"the line and the headers of a request have {LARGEST_HEAD} bytes at most"
        host = next((value for name, value in headers if name == b"host"), None)  # one at most
        if host is not None and not self._allows_host(_host_name(host)):
            return 403, f"this server is not called {quoted(host)}; --allow-host would allow it"
        for name, origin in headers:
            if name == b"origin" and not self._allows_origin(origin.lower(), host):
                return 403, (
                    f"pages of {quoted(origin)} may not ask this server; --allow-origin would "
                    "allow it"
                )
        return None

    def _allows_host(self, name: str) -> bool:
        """Whether a host name is this machine's, or was allowed."""
        if ANY in self._hosts or name in self._hosts:
            return True
        if name == LOOPBACK_NAME or name.endswith(f".{LOOPBACK_NAME}"):
            return True
        address = _address(name)
        if address is None:
            return False
        # A server that listens at every address does not know them all; none is a page's name.
        bound = [_address(each) for each in self._hosts]
        return address.is_loopback or any(each and each.is_unspecified for each in bound)

    def _allows_origin(self, origin: str, host: str | None) -> bool:
        """Whether a page is one of this server itself, or was allowed."""
        own = bool(host) and origin.partition("://")[2] == host
        return own or ANY in self._origins or origin in self._origins


def _host_name(host: str) -> str:
    """The name or address in a Host header, without port and brackets."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.rpartition(":")
    return (host if ":" in name or not name else name).rstrip(".")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
