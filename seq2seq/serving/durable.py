"""Directories that are whole or absent, also after a loss of power."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def flush_file(path: Path) -> None:
    """Returns once a file's or a directory's own contents would survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(directory: Path) -> None:
    """The same for everything in a directory."""
    for folder, _, files in os.walk(directory):
        for name in files:
            flush_file(Path(folder) / name)
        flush_file(Path(folder))


def remove_empty(directories: Iterable[Path]) -> None:
    """Removes those that hold nothing."""
    for directory in directories:
        with suppress(OSError):  # there is something in it, as there should be
            directory.rmdir()
