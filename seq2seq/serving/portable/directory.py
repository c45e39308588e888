"""The directory of a portable model: whole, or not there."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from seq2seq.errors import ExportError
from seq2seq.files import (
    flush,
    flush_tree,
    hidden_sibling,
    make_directories,
    remove_empty,
    rename_durably,
)


@contextmanager
def new_directory(directory: Path) -> Iterator[Path]:
    """A directory to fill, which becomes `directory` if the block ends well and else vanishes.

    It stands beside it under the name .NAME.new meanwhile; one that a killed process left is used
    again.

    Raises:
        ExportError: `directory` holds something or is a file, cannot be made, or is being written
            by another process.
    """
    directory = Path(os.path.abspath(directory))
    _refuse_occupied(directory)
    writing = hidden_sibling(directory, ".new")
    with ExitStack() as cleanup:
        try:
            made = make_directories(directory.parent)
            cleanup.callback(remove_empty, made)
            writing.mkdir(exist_ok=True)
        except OSError as error:
            raise ExportError(f"{directory} cannot be made: {error.strerror}") from None
        descriptor = os.open(writing, os.O_RDONLY)
        cleanup.callback(os.close, descriptor)
        _lock(descriptor, directory)
        cleanup.callback(shutil.rmtree, writing, ignore_errors=True)
        for left in writing.iterdir():
            left.unlink()
        yield writing
        flush_tree(writing)
        _refuse_occupied(directory)
        rename_durably(writing, directory)
        for each in made:
            flush(each.parent)


def _refuse_occupied(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise ExportError(f"{directory} is a file; give a new or empty directory")
    if directory.is_dir() and (entries := sorted(directory.iterdir())):
        raise ExportError(f"{directory} holds {entries[0].name}; give a new or empty directory")


def _lock(descriptor: int, directory: Path) -> None:
    with suppress(OSError):  # some network file systems know no locks
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExportError(
                f"{directory} is being written by another process; wait for it, "
                "or give another directory"
            ) from None
