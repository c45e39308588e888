"""Requests to a model server, over connections that stay open, tried again while that may help."""

import email.utils
import http.client
import json
import logging
import random
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

from seq2seq.errors import ServerError
from seq2seq.serving.client_endpoint import Endpoint
from seq2seq.serving.client_json import decode, encode, text_of

logger = logging.getLogger(__name__)

TRY_AGAIN = {429, 502, 503, 504}
FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0  # seconds; doubled from try to try
LONGEST_RETRY_AFTER = 60.0  # seconds, whatever the server asks for
LONGEST_MESSAGE = 500  # characters of a server's error


@dataclass(frozen=True)
class Patience:
    """How long to bear with a server."""

    timeout: float  # seconds for a connection, and for each wait for an answer
    retries: int  # further tries after one that failed


class RequestSender:
    """Sends requests from any number of threads, each over a connection of its own."""

    def __init__(self, endpoint: Endpoint, patience: Patience) -> None:
        self._endpoint = endpoint
        self._patience = patience
        self._of_thread = threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._closed = threading.Event()

    def send(self, method: str, suffix: str, content: Any, subject: str) -> Any:
        """The JSON of the answer.

        Args:
            method: of HTTP.
            suffix: what follows the model's path, such as ":predict".
            content: becomes the JSON of the request; none: no body.
            subject: what the request is about, for errors: "lines 1 to 32".

        Raises:
            ServerError: the server cannot be reached, or refused the request.
        """
        body = None if content is None else encode(content)
        for tried in range(1 + self._patience.retries):
            retry_after = 0.0
            try:
                response, answer = self._exchange(method, suffix, body)
            except (OSError, http.client.HTTPException) as error:
                reason = str(error) or type(error).__name__
                if isinstance(error, socket.gaierror):
                    break
            else:
                if response.status == 200:
                    return self._decode(answer)
                reason = f"{response.status} {response.reason}: {_error_message(answer)}"
                if response.status not in TRY_AGAIN:
                    raise self._refused(response.status, reason, subject)
                retry_after = _seconds(response.headers.get("Retry-After"))
            if tried == self._patience.retries:
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
        """Ends the connections, and requests on them with a ServerError."""
        self._closed.set()
        for connection in list(self._connections):
            waiting = connection.sock
            if waiting:
                try:
                    waiting.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
                except OSError:  # the server has closed it
                    pass
            connection.close()

    def _exchange(
        self, method: str, suffix: str, body: bytes | None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._endpoint.connection(self._patience.timeout)
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
        if self._closed.is_set():
            raise ConnectionAbortedError("the client was closed")
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, self._endpoint.path + suffix, body, headers)
            response = connection.getresponse()
            return response, response.read()
        except BaseException:
            connection.close()  # the next request opens it again
            raise

    def _decode(self, answer: bytes) -> Any:
        try:
            return decode(answer)
        except ValueError as error:
            raise ServerError(
                f"{self._endpoint.url} answered with something other than JSON ({error}); "
                "is it a model server?"
            ) from None

    def _refused(self, status: int, reason: str, subject: str) -> ServerError:
        url = self._endpoint.url
        if status == 404:
            return ServerError(
                f"{url} is not served there ({reason}); give http://HOST:PORT/v1/models/NAME"
            )
        verb = "refused" if 400 <= status < 500 else "failed on"
        return ServerError(f"{url} {verb} {subject}: {reason}")


def _error_message(answer: bytes) -> str:
    try:
        message = json.loads(answer)["error"]
    except (ValueError, KeyError, TypeError):
        message = text_of(answer)
    return " ".join(str(message).split())[:LONGEST_MESSAGE]


def _backoff(tried: int) -> float:
    """Seconds before the next try; up to half is left to chance, so that clients spread out."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2**tried) * random.uniform(0.5, 1)


def _seconds(retry_after: str | None) -> float:
    """What a Retry-After header asks for: seconds, or a date."""
    if not retry_after:
        return 0.0
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return 0.0
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER)
