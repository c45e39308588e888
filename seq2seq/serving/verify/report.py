"""The report of a verification: each check by name, and each problem with its remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seq2seq.errors import ExportError

MOST_MESSAGES = 5  # of one check; more of a kind say no more


@dataclass(frozen=True)
class Problem:
    """A reason why a server would fail; the message says what, where, and what to do."""

    check: str
    message: str


@dataclass(frozen=True)
class Check:
    """One check; `detail` is what holds, or the first of the messages, or why it was not made."""

    name: str
    ok: bool
    detail: str
    messages: tuple[str, ...] = ()

    @classmethod
    def make(cls, name: str, detail: str, messages: Iterable[str]) -> "Check":
        """Makes a check that passes with `detail` unless there are messages.

        Args:
            name: of the check.
            detail: what holds if it passes.
            messages: the problems; the first few are kept.
        """
        found = tuple(islice(messages, MOST_MESSAGES))
        return cls(name, not found, found[0] if found else detail, found)


@dataclass(frozen=True)
class Report:
    """All checks of one version directory."""

    directory: Path
    checks: tuple[Check, ...]

    @property
    def problems(self) -> list[Problem]:
        """The problems, check by check."""
        return [Problem(check.name, message) for check in self.checks for message in check.messages]

    @property
    def ok(self) -> bool:
        """Whether every check was made and passed."""
        return all(check.ok for check in self.checks)

    def require_ok(self) -> None:
        """Checks that the model may be served.

        Raises:
            ExportError: it may not; the message is that of the first problem.
        """
        if not self.ok:
            first = self.problems[0]
            more = len(self.problems) - 1
            rest = f" (and {more} more problems)" if more else ""
            raise ExportError(f"a server could not serve it: {first.check}: {first.message}{rest}")
