"""Tokens by which a server knows its clients, one a line of a file."""

import re
from pathlib import Path

from seq2seq.errors import ServerError

TOKEN = re.compile(r"[!-~]{1,4096}")  # what a header can carry


def read_tokens(path: Path) -> tuple[str, ...]:
    """The tokens of a file; blank lines are passed over.

    Raises:
        ServerError: it cannot be read, has no token, or one that a header cannot carry.
    """
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ServerError(f"the token file {path} cannot be read: {reason}") from None
    tokens = tuple(line.strip() for line in lines if line.strip())
    if not tokens:
        raise ServerError(f"the token file {path} is empty; write a token into it, one a line")
    for number, token in enumerate(tokens, 1):
        if not TOKEN.fullmatch(token):
            raise ServerError(
                f"token {number} of {path} has spaces, or characters that are not ASCII, or is "
                "too long; `openssl rand -hex 32` makes a good one"
            )
    return tokens
