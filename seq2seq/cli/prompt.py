"""A prompt at a terminal: one line in, one answer out, until Ctrl-D."""

import contextlib
import io
import sys
from collections.abc import Callable

PROMPT = "> "


def is_terminal() -> bool:
    """Whether a person types the input and reads the output."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def converse(answer: Callable[[bytes], None]) -> None:
    """Calls `answer` with each line that is typed, without its end.

    The arrow keys bring earlier lines back. Ctrl-C drops the line, or stops an answer; Ctrl-D ends.
    """
    with contextlib.suppress(ImportError):  # some builds of Python have none
        import readline  # noqa: F401 (`input` edits lines once it is imported)
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # any bytes are a line
    while True:
        try:
            line = input(PROMPT)
            answer(line.encode(errors="surrogateescape"))
        except KeyboardInterrupt:
            print()
        except EOFError:
            print()
            return
