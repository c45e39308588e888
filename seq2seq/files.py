"""Atomic and durable files and directories, and the hashes of files.

What is written here gets its name when it is whole and on disk: a reader, or a run after a crash or
a loss of power, finds the old file or the whole new one.
"""

import errno
import fcntl
import gzip
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from seq2seq.errors import Seq2SeqError

LONGEST_NAME = 255  # bytes in the name of a file, on nearly every file system
# Errors of the disk and of paths; libraries in C and C++ report them in messages that end so.
FILE_ERRORS = {
    os.strerror(number): number
    for number in (
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS),
        *(errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG),
    )
}
TEMPORARY = re.compile(r"\.[0-9]+\.tmp")  # after the name of a file that is written


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's contents, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def hidden_sibling(path: Path, suffix: str) -> Path:
    """The path of a work file beside `path`: its name between a dot and `suffix`.

    A name that would get too long is cut, and a hash of the whole name keeps it unique.

    >>> hidden_sibling(Path("out/lines.de"), ".partial")
    PosixPath('out/.lines.de.partial')
    >>> len(hidden_sibling(Path("ü" * 120), ".partial").name.encode()) <= LONGEST_NAME
    True
    """
    name = os.fsencode(path.name)
    room = LONGEST_NAME - 1 - len(os.fsencode(suffix))
    if len(name) > room:
        mark = b"-" + hashlib.sha256(name).hexdigest()[:16].encode()
        name = name[: room - len(mark)].decode("utf-8", "ignore").encode() + mark
    return path.with_name(f".{os.fsdecode(name)}{suffix}")


@contextmanager
def write_atomically(path: Path, durable: bool = True) -> Iterator[BinaryIO]:
    """Opens a temporary file beside `path` that takes its name when the block ends well.

    A name ending in .gz is written compressed. A device or a pipe is written to directly.

    Args:
        path: the file; a link stays a link, and an existing file's permissions stay.
        durable: whether to wait until the disk has the file. Without, the file is still the old or
            the new one after a crash of this process, but not after a loss of power.
    """
    compressed = path.suffix == ".gz"  # of the name that readers will be given, not of a link's end
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        with open(path, "wb") as stream:
            yield stream
        return
    number = secrets.randbits(60)  # process ids are the same in containers that share a disk
    temporary = hidden_sibling(path, f".{number}.tmp")
    try:
        with open(temporary, "wb") as raw:
            _lock(raw.fileno())  # until it is closed, or this process is gone
            if compressed:
                with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream:
                    yield cast(BinaryIO, stream)
            else:
                yield raw
            raw.flush()
            if durable:
                os.fsync(raw.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
        if durable:
            flush(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)  # a failed write names no file
        raise


@contextmanager
def file_errors_of_libraries(path: Path) -> Iterator[None]:
    """Turns a library's own kind of error about a full disk or a wrong path into an `OSError`.

    TensorFlow raises its own classes, and only their messages tell what the disk said.

    Args:
        path: the file or directory that the block writes; the error names it.
    """
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    except Seq2SeqError:  # says more already
        raise
    except Exception as error:
        message = str(error)
        for text, number in FILE_ERRORS.items():
            if text in message:
                raise OSError(number, text, str(path)) from error
        raise


def remove_leftovers(path: Path) -> None:
    """Removes temporary files that killed processes left of writing `path`.

    Those that somebody is writing stay, and all of them on file systems that know no locks.
    """
    path = Path(os.path.realpath(path))
    for entry in path.parent.iterdir():
        suffix = TEMPORARY.search(entry.name)
        if suffix and entry == hidden_sibling(path, suffix[0]):
            with suppress(FileNotFoundError), open(entry, "rb") as stream:
                if _lock(stream.fileno()):
                    entry.unlink()


def _lock(descriptor: int) -> bool:
    """Takes a file for this process alone; False where another has it, or locks are not known."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_among(path: Path, others: Iterable[Path | None]) -> bool:
    """Whether two names are of one file, which need not be there; links may end in themselves."""
    real = os.path.realpath(path)
    return any(real == os.path.realpath(each) for each in others if each)


@contextmanager
def held(directory: Path, wait: bool = False, taken: Exception | None = None) -> Iterator[None]:
    """Holds a directory for this process, on file systems that know locks.

    Args:
        directory: is there.
        wait: until another process that holds it is done.
        taken: what is raised in place of a BlockingIOError.

    Raises:
        BlockingIOError: another process holds it, and `wait` is false.
    """
    handle = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            if taken:
                raise taken from None
            raise
        except OSError:  # some network file systems know none
            pass
        yield
    finally:
        os.close(handle)


def flush(path: Path) -> None:
    """Returns once the disk has a file's contents, or the names in a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems flush no directories
            raise
    finally:
        os.close(descriptor)


def flush_tree(directory: Path) -> None:
    """Flushes everything in a directory, and the directory."""
    for folder, _, files in os.walk(directory):
        for name in files:
            flush(Path(folder) / name)
        flush(Path(folder))


def rename_durably(old: Path, new: Path) -> None:
    """Gives a file or directory, whose contents are flushed, another name in the same directory."""
    os.replace(old, new)
    flush(new.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `path` if the block ends well and else vanishes.

    It stands beside it under the name .NAME.new meanwhile; one that a killed process left is used
    again.

    Raises:
        BlockingIOError: another process is filling it, or made `path` meanwhile.
    """
    making = hidden_sibling(path, ".new")
    making.mkdir(parents=True, exist_ok=True)
    with held(making):
        if not making.is_dir():  # the other process was done between these lines
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))
        try:
            _empty(making)
            yield making
            flush_tree(making)
            _take_name(making, path)
        except (Exception, KeyboardInterrupt):
            shutil.rmtree(making, ignore_errors=True)
            raise


def _empty(directory: Path) -> None:
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _take_name(making: Path, path: Path) -> None:
    try:
        rename_durably(making, path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path)) from None
        raise


def make_directories(directory: Path) -> list[Path]:
    """Makes a directory and its parents; returns those that were not there, innermost first."""
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    return missing


def remove_empty(directories: Iterable[Path]) -> None:
    """Removes those directories that hold nothing."""
    for directory in directories:
        with suppress(OSError):  # there is something in it, as there should be
            directory.rmdir()
