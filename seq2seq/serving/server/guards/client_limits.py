"""How much one client may ask: requests a minute, and requests under way at once.

A client is an IPv4 address, or an IPv6 network of 64 bits, which is what one customer has. Behind a
proxy all clients have the proxy's address, so that it is the proxy that has to limit them.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from seq2seq.serving.server.http_requests import is_anybodys, json_response
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.rest_json import write_error

MINUTE = 60.0  # seconds


class TooMany(Exception):
    """A client asks more than it may; the message is for the client."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds  # until it may ask again


@dataclass(eq=False)
class _Client:
    left: float  # requests it may send now
    seen: float  # seconds, by the clock
    under_way: int = 0


class ClientLimits:
    """The requests of each client, forgotten when they do not count any more.

    Args:
        per_minute: requests, all at once or spread; 0: any number.
        under_way: requests; 0: any number.
        clock: gives seconds.
    """

    def __init__(
        self, per_minute: int, under_way: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_minute = per_minute
        self._under_way = under_way
        self._clock = clock
        self._clients: OrderedDict[str, _Client] = OrderedDict()  # the latest last

    @property
    def clients(self) -> int:
        """How many are remembered."""
        return len(self._clients)

    @contextmanager
    def request(self, address: str) -> Iterator[None]:
        """Counts a request of an address for as long as the block runs.

        Raises:
            TooMany: before the block.
        """
        if not (self._per_minute or self._under_way):
            yield
            return
        client = self._client(address)
        if self._under_way and client.under_way >= self._under_way:
            raise TooMany(f"at most {self._under_way} requests of a client at once", 1)
        if self._per_minute:
            if client.left < 1:
                wait = math.ceil((1 - client.left) * MINUTE / self._per_minute)
                raise TooMany(f"at most {self._per_minute} requests of a client a minute", wait)
            client.left -= 1
        client.under_way += 1
        try:
            yield
        finally:
            client.under_way -= 1

    def _client(self, address: str) -> _Client:
        now, key = self._clock(), client_of(address)
        client = self._clients.setdefault(key, _Client(self._per_minute, now))
        gained = (now - client.seen) * self._per_minute / MINUTE
        client.left, client.seen = min(client.left + gained, self._per_minute), now
        self._clients.move_to_end(key)
        while (oldest := next(iter(self._clients.items())))[1].seen < now - MINUTE:
            if oldest[1].under_way:
                self._clients.move_to_end(oldest[0])
                oldest[1].left, oldest[1].seen = self._per_minute, now
            else:
                del self._clients[oldest[0]]
        return client


class ClientGuard:
    """An ASGI application that hands on the requests within the limits, and counts the others.

    Health and the page's files are outside of the limits.
    """

    def __init__(self, application: ASGIApp, limits: ClientLimits, metrics: Metrics) -> None:
        self._application = application
        self._limits = limits
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if is_anybodys(scope["path"]):
            await self._application(scope, receive, send)
            return
        try:
            with self._limits.request((scope.get("client") or ("",))[0]):
                await self._application(scope, receive, send)
        except TooMany as error:
            self._metrics.refused(429)
            headers = {"retry-after": str(error.seconds)}
            await json_response(write_error(str(error)), 429, headers)(scope, receive, send)


def client_of(address: str) -> str:
    """The client of an address.

    >>> client_of("::ffff:192.0.2.7"), client_of("2001:db8:1:2:3:4:5:6")
    ('192.0.2.7', '2001:db8:1:2::/64')
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
