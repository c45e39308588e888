"""Kinds of findings, which `check` reports in parallel text and `clean` leaves out or mends."""

from collections.abc import Set
from dataclasses import dataclass
from enum import Enum


class Remedy(Enum):
    """The action of `clean` on a finding; the value heads a table of the report."""

    LEFT_OUT = "pairs that clean leaves out"
    MENDED = "lines that clean mends"
    REPORTED = "pairs worth a look, which clean keeps"


class Finding(Enum):
    """A fault of a pair; a pair may have several, and the first one is why it is left out."""

    INVALID = "bytes that are not UTF-8"
    BLANK_BOTH = "blank on both sides"
    BLANK = "blank on one side"
    IDENTICAL = "the same text on both sides"
    LONG = "very long line"
    RATIO = "one side much longer"
    TAGS = "HTML tags"
    MOJIBAKE = "letters garbled by a wrong encoding"
    DUPLICATE = "repeats an earlier pair"
    LEAK = "also in another split"
    SCRIPT = "letters of another script"

    LINE_END = "Windows line end"
    BYTE_ORDER_MARK = "byte order mark"
    ENTITIES = "HTML entities"
    SEPARATORS = "line separator inside a line"
    CONTROLS = "tabs or control characters"
    UNNORMALISED = "Unicode not in form NFC"
    SPACE = "space around the line"

    TRANSLATIONS = "source seen before with another target"

    @property
    def remedy(self) -> Remedy:
        """The action of `clean`."""
        if self is Finding.TRANSLATIONS:
            return Remedy.REPORTED
        return Remedy.MENDED if self in _MENDED else Remedy.LEFT_OUT

    @property
    def option(self) -> str:
        """Its name on the command line."""
        return self.name.lower()


_MENDED = {
    Finding.LINE_END,
    Finding.BYTE_ORDER_MARK,
    Finding.ENTITIES,
    Finding.SEPARATORS,
    Finding.CONTROLS,
    Finding.UNNORMALISED,
    Finding.SPACE,
}
KEEPABLE = (
    Finding.IDENTICAL,
    Finding.LONG,
    Finding.RATIO,
    Finding.TAGS,
    Finding.MOJIBAKE,
    Finding.DUPLICATE,
    Finding.SCRIPT,
    Finding.ENTITIES,
    Finding.UNNORMALISED,
)


@dataclass(frozen=True)
class Rules:
    """Bounds of what counts as a finding."""

    longest: int = 100  # words in a line; and 20 times as many characters
    ratio: float = 3.0  # longer side to shorter side, in words or in characters
    kept: Set[Finding] = frozenset()  # findings to overlook, of KEEPABLE
    symbols: Set[str] = frozenset()  # of the vocabulary; no tags, though they look so
