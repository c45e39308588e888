"""The directory of a portable model: whole, or not there."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from seq2seq.errors import ExportError
from seq2seq.files import flush, make_directories, new_folder, remove_empty


@contextmanager
def new_directory(directory: Path) -> Iterator[Path]:
    """`new_folder` in a directory that holds nothing; its parents are made, and go if it fails.

    Raises:
        ExportError: `directory` holds something or is a file, cannot be made, or is being written
            by another process.
    """
    directory = Path(os.path.abspath(directory))
    _refuse_occupied(directory)
    with ExitStack() as cleanup:
        try:
            made = make_directories(directory.parent)
            cleanup.callback(remove_empty, made)
            writing = cleanup.enter_context(new_folder(directory))
        except BlockingIOError:
            raise ExportError(
                f"{directory} is being written by another process; wait for it, or give another "
                "directory"
            ) from None
        except OSError as error:
            raise ExportError(f"{directory} cannot be made: {error.strerror}") from None
        yield writing
        _refuse_occupied(directory)
    for each in made:
        flush(each.parent)


def _refuse_occupied(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise ExportError(f"{directory} is a file; give a new or empty directory")
    if directory.is_dir() and (entries := sorted(directory.iterdir())):
        raise ExportError(f"{directory} holds {entries[0].name}; give a new or empty directory")
