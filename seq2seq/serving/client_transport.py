"""Requests to a model server: bodies in JSON, and connections that stay open.

A request that failed is sent again while that may help.
"""

import email.utils
import http.client
import json
import logging
import random
import socket
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from seq2seq.errors import ServerError
from seq2seq.serving.client_endpoint import Endpoint

logger = logging.getLogger(__name__)

TRY_AGAIN = {429, 502, 503, 504}
FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0  # seconds; doubled from try to try
LONGEST_RETRY_AFTER = 60.0  # seconds, whatever the server asks for
TLS_MISTAKES = {"CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}
LONGEST_MESSAGE = 500  # characters of a server's error
LARGEST_ANSWER = 64 * 2**20  # bytes
PIECE = 2**20  # bytes of an answer that are read at once


@dataclass(frozen=True)
class RetryPolicy:
    """The limits at which a request is given up."""

    timeout: float  # seconds for a connection, and for a whole answer
    retries: int  # further tries after one that failed


class RequestSender:
    """Sends requests from any number of threads, each over a connection of its own."""

    def __init__(self, endpoint: Endpoint, retry_policy: RetryPolicy) -> None:
        self._endpoint = endpoint
        self._retry_policy = retry_policy
        self._of_thread = threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._answering: set[socket.socket] = set()
        self._closed = threading.Event()

    def send(self, method: str, suffix: str, content: Any, subject: str) -> Any:
        """Sends a request, again if need be, and returns the JSON of the answer.

        Args:
            method: of HTTP.
            suffix: what follows the model's path, such as ":predict".
            content: becomes the JSON of the request; none: no body.
            subject: what the request is about, for errors: "lines 1 to 32".

        Raises:
            ServerError: the server cannot be reached, or refused the request.
        """
        body = None if content is None else _encode(content)
        for tried in range(1 + self._retry_policy.retries):
            retry_after = 0.0
            try:
                response, answer = self._exchange(method, suffix, body)
            except (OSError, http.client.HTTPException) as error:
                reason = _printable(str(error) or type(error).__name__)
                if _is_final(error):
                    break
            else:
                if response.status == 200:
                    return self._read(answer)
                reason = _reason(response, answer)
                if response.status not in TRY_AGAIN:
                    raise self._refused(response.status, reason, subject)
                retry_after = _seconds(response.headers.get("Retry-After"))
            if tried == self._retry_policy.retries:
                break
            wait = max(retry_after, _backoff(tried))
            logger.log(
                logging.WARNING if tried == 2 else logging.DEBUG,
                "%s: %s; trying on, next in %.1f s",
                *(self._endpoint.url, reason, wait),
            )
            if self._closed.wait(wait):
                break
        raise ServerError(
            f"{self._endpoint.url} gave no answer for {subject} in {tried + 1} tries: {reason}; "
            "is the server running?"
        )

    def close(self) -> None:
        """Closes the connections; requests on them end with a ServerError."""
        self._closed.set()
        for answering in list(self._answering):
            _hang_up(answering)
        for connection in list(self._connections):
            connection.close()

    def _exchange(
        self, method: str, suffix: str, body: bytes | None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._endpoint.connection(self._retry_policy.timeout)
            self._of_thread.connection = connection
            self._connections.append(connection)
        used = connection.sock is not None
        try:
            return self._ask(connection, method, suffix, body)
        except (ConnectionError, http.client.RemoteDisconnected):
            if not used or self._closed.is_set():
                raise
            # The server has closed a connection that was idle; that says nothing of its health.
            return self._ask(connection, method, suffix, body)

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, suffix: str, body: bytes | None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        kind = {} if body is None else {"Content-Type": "application/json"}
        headers = {**kind, **self._endpoint.headers}
        self._require_open()
        try:
            if connection.sock is None:
                connection.connect()
            with self._answer_from(connection.sock):
                connection.request(method, self._endpoint.path + suffix, body, headers)
                response = connection.getresponse()
                return response, self._read_whole(response)
        except BaseException:
            connection.close()  # the next request opens it again
            raise

    @contextmanager
    def _answer_from(self, answering: socket.socket) -> Iterator[None]:
        """Hangs up if the block takes longer than an answer may, or if the client is closed.

        Raises:
            OSError: that has happened.
        """
        seconds, late = self._retry_policy.timeout, threading.Event()

        def hang_up() -> None:
            late.set()
            _hang_up(answering)

        timer = threading.Timer(seconds, hang_up)
        timer.daemon = True
        self._answering.add(answering)
        timer.start()
        try:
            self._require_open()
            yield
            if late.is_set():  # an answer that ends with its connection looks whole
                raise TimeoutError
        except Exception as error:
            if late.is_set():
                raise TimeoutError(f"no whole answer within {seconds:g} seconds") from error
            raise
        finally:
            timer.cancel()
            self._answering.discard(answering)

    def _require_open(self) -> None:
        if self._closed.is_set():
            raise ConnectionAbortedError("the client was closed")

    def _read_whole(self, response: http.client.HTTPResponse) -> bytes:
        answer = bytearray()
        while piece := response.read(PIECE):
            answer += piece
            if len(answer) > LARGEST_ANSWER:
                url = self._endpoint.url
                raise ServerError(f"{url} answered with more than {LARGEST_ANSWER} bytes")
        if response.length:  # of what it has announced
            raise http.client.IncompleteRead(bytes(answer), response.length)
        return bytes(answer)

    def _read(self, answer: bytes) -> Any:
        try:
            return _decode(answer)
        except (ValueError, RecursionError) as error:
            raise ServerError(
                f"{self._endpoint.url} answered with something other than JSON "
                f"({_printable(str(error))}); is it a model server?"
            ) from None

    def _refused(self, status: int, reason: str, subject: str) -> ServerError:
        url = self._endpoint.url
        if status == 404:
            return ServerError(
                f"{url} is not served there ({reason}); give http://HOST:PORT/v1/models/NAME"
            )
        verb = "refused" if 400 <= status < 500 else "failed on"
        return ServerError(f"{url} {verb} {subject}: {reason}")


def _is_final(error: Exception) -> bool:
    """Whether a connection would fail again for the same reason: no such host, or no TLS there."""
    return isinstance(error, socket.gaierror) or getattr(error, "reason", None) in TLS_MISTAKES


def _reason(response: http.client.HTTPResponse, answer: bytes) -> str:
    """Status and message of an answer that is an error."""
    try:
        message = json.loads(answer)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        message = None
    words = _printable(message if isinstance(message, str) else _text_of(answer))
    return f"{response.status} {_printable(response.reason)}: {words}"


def _printable(text: str) -> str:
    """A server's words as one line that does nothing to a terminal, and not a long one."""
    line = " ".join(text[: 2 * LONGEST_MESSAGE].split())[:LONGEST_MESSAGE]
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in line
    )


def _hang_up(answering: socket.socket) -> None:
    """Wakes the thread that waits for an answer."""
    with suppress(OSError):  # the server has closed it
        answering.shutdown(socket.SHUT_RDWR)


def _backoff(tried: int) -> float:
    """Seconds before the next try; up to half is left to chance, so that clients spread out."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2**tried) * random.uniform(0.5, 1)


def _seconds(retry_after: str | None) -> float:
    """Seconds that a Retry-After header asks for, as a number or as a date."""
    if not retry_after:
        return 0.0
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def _encode(content: Any) -> bytes:
    """JSON in UTF-8; text with half a surrogate pair, which has no bytes there, as {"b64": ...}."""
    try:
        return json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(_without_surrogates(content), ensure_ascii=False).encode()


def _decode(answer: bytes) -> Any:
    """The value of JSON, with text for {"b64": ...}; bytes that are no text give U+FFFD."""
    return json.loads(_text_of(answer), object_hook=_from_b64)


def _text_of(raw: bytes) -> str:
    """Text of bytes, lone surrogates too; other bytes that are no UTF-8 give U+FFFD."""
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")


def _without_surrogates(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_surrogates(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_surrogates(each) for each in content]
    if isinstance(content, str):
        try:
            content.encode()
        except UnicodeEncodeError:
            return {"b64": b64encode(content.encode("utf-8", "surrogatepass")).decode()}
    return content


def _from_b64(found: dict[str, Any]) -> Any:
    if found.keys() != {"b64"}:
        return found
    if not isinstance(found["b64"], str):
        raise ValueError("b64 without base64")
    return _text_of(b64decode(found["b64"]))
