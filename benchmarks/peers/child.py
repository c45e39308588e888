"""Runs a command of a peer toolkit and turns its failure into one clear exception."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile

REPOSITORY = Path(__file__).resolve().parents[2]
TAIL_LINES = 20


class PeerError(RuntimeError):
    """A peer toolkit could not be installed, did not run, or printed no result."""


def run_child(
    command: Sequence[str | Path],
    purpose: str,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> str:
    """Runs `command` from the repository root on the CPUs of this process.

    Args:
        command: The program and its arguments.
        purpose: What the command does, for the error message, such as "installing torch".
        environment: Variables added to those of this process.
        log: File to which its standard error is added as it is written.

    Returns:
        What the command wrote to its standard output.

    Raises:
        PeerError: The command could not be started or failed.
    """
    with log.open("a+b") if log else TemporaryFile() as errors:
        try:
            done = subprocess.run(
                [str(part) for part in command],
                cwd=REPOSITORY,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise PeerError(f"{purpose} could not start: {error}") from error
        errors.seek(0)
        messages = errors.read().decode("utf-8", errors="replace")
    if done.returncode != 0:
        tail = "\n".join((messages or done.stdout).splitlines()[-TAIL_LINES:])
        raise PeerError(f"{purpose} failed with exit status {done.returncode}:\n{tail}")
    return done.stdout
