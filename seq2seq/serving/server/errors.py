"""Reasons to refuse a request: gRPC's canonical codes and the HTTP status of each.

The pairs are those of TensorFlow Serving (`ToHTTPStatusCode` in its http_server.cc).
"""

import reprlib
from collections.abc import Iterable
from enum import Enum
from typing import Any

LONGEST_QUOTE = 80  # characters
LONGEST_MESSAGE = 1000  # characters: gRPC's travel in headers, TensorFlow's may quote the graph
MOST_NAMES = 10

_REPR = reprlib.Repr()  # stops at any depth and length
_REPR.maxlevel = 3
_REPR.maxstring = _REPR.maxlong = _REPR.maxother = LONGEST_QUOTE


class Code(Enum):
    """A canonical code: (its number in gRPC and TensorFlow, its HTTP status)."""

    CANCELLED = (1, 499)
    UNKNOWN = (2, 500)
    INVALID_ARGUMENT = (3, 400)
    DEADLINE_EXCEEDED = (4, 504)
    NOT_FOUND = (5, 404)
    ALREADY_EXISTS = (6, 409)
    PERMISSION_DENIED = (7, 403)
    RESOURCE_EXHAUSTED = (8, 429)
    FAILED_PRECONDITION = (9, 400)
    ABORTED = (10, 409)
    OUT_OF_RANGE = (11, 400)
    UNIMPLEMENTED = (12, 501)
    INTERNAL = (13, 500)
    UNAVAILABLE = (14, 503)
    DATA_LOSS = (15, 500)
    UNAUTHENTICATED = (16, 401)

    @property
    def number(self) -> int:
        """The number in gRPC and in `tf.errors`."""
        return self.value[0]

    @property
    def http_status(self) -> int:
        """The HTTP status TensorFlow Serving answers with."""
        return self.value[1]

    @classmethod
    def of(cls, number: int) -> "Code":
        """The code of a number; UNKNOWN for a number that has none."""
        return next((code for code in cls if code.number == number), cls.UNKNOWN)


class RequestError(Exception):
    """A request that gets an error for an answer; the message is for the client."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


def invalid(message: str) -> RequestError:
    """The error of a request that is wrong in itself and would fail again."""
    return RequestError(Code.INVALID_ARGUMENT, message)


def quoted(value: Any) -> str:
    """A client's value for a message: short, however large or deep it is."""
    text = _REPR.repr(value)
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 3]}..."


def listed(names: Iterable[str]) -> str:
    """Names for a message, sorted; of many or long ones the first."""
    ordered = sorted(names)
    shown = [name[:LONGEST_QUOTE] for name in ordered[:MOST_NAMES]]
    return ", ".join([*shown, "..."] if len(ordered) > MOST_NAMES else shown) or "none"
