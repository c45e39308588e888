"""An output file that a later run can resume.

Until NAME is whole, two files stand beside it: `.NAME.partial`, its bytes so far, never compressed,
and `.NAME.partial.json`, a note of the job and of how many input lines and bytes are done. A kill
at any moment leaves bytes that the note does not count, never the reverse.
"""

import fcntl
import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, BinaryIO, cast

from seq2seq.errors import DataError
from seq2seq.files import (
    hidden_sibling,
    is_among,
    remove_leftovers,
    rename_durably,
    write_atomically,
)

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_SYNCS = 5.0  # of work that a power failure may cost
CHUNK = 1 << 20  # bytes read at once
STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")  # even with a file behind them
START_OVER = "run without --resume to start over"


@dataclass
class _Note:
    """The contents of the note beside a partial file."""

    job: dict[str, Any]
    lines: int = 0
    bytes: int = 0
    checksum: int = 0  # CRC-32 of these bytes


class PartialOutput:
    """A writer of a file whose run can be stopped and resumed; for a `with` block.

    The file takes its name when the block ends well. Otherwise what was written is kept for a run
    with `resume`. A name that ends in .gz is compressed at the end. A device or a pipe is written
    to directly.

    Args:
        path: the output; a link stays a link.
        job: what must be equal in a run that goes on: JSON values by name.
        resume: go on after the lines that are done, if there are any.

    Raises:
        DataError: from `with`, before anything is changed: the partial output is of another job,
            damaged, or being written by another process, or `path` cannot be resumed.
        OSError: the folder or the disk does not take the file.
    """

    def __init__(self, path: Path, job: dict[str, Any], resume: bool) -> None:
        self._given, self._resume = path, resume
        self._direct = _is_stream(path)
        self._path = Path(os.path.realpath(path))
        self._partial = hidden_sibling(self._path, ".partial")
        self._sidecar = hidden_sibling(self._path, ".partial.json")
        self._note = _Note(json.loads(json.dumps(job)))
        self._synced = monotonic()
        self._stream: BinaryIO

    @property
    def lines_done(self) -> int:
        """Input lines whose output is written."""
        return self._note.lines

    def __enter__(self) -> "PartialOutput":
        """Opens the output, or the partial one that exists."""
        if self._direct:
            if self._resume:
                raise DataError(f"{self._given} is no regular file; run without --resume")
            # Opened by `open`, a file behind /dev/stdout would lose what is in it.
            descriptor = os.open(self._given, os.O_WRONLY | os.O_APPEND)
            self._stream = cast(BinaryIO, os.fdopen(descriptor, "wb"))
            return self
        begun = self._partial.exists()
        self._stream = self._open_locked()
        try:
            for path in (self._path, self._sidecar):
                remove_leftovers(path)
            if begun and self._resume:
                self._note = self._found_note()
            elif begun:
                self._warn_of_loss()
            # The note goes first: after a kill between the two the next run cuts off more.
            self._save_note()
            self._stream.truncate(self._note.bytes)
            self._stream.seek(self._note.bytes)
        except BaseException:
            self._stream.close()
            raise
        return self

    def write(self, lines_done: int, data: bytes) -> None:
        """Adds the output of further input lines.

        Args:
            lines_done: input lines, from the first one of the input, that are then done.
            data: uncompressed.
        """
        if lines_done < self._note.lines:
            raise ValueError(f"{lines_done} lines done after {self._note.lines}")
        try:
            self._stream.write(data)
            self._stream.flush()
            self._note.lines = lines_done
            if not self._direct:
                self._note.bytes += len(data)
                self._note.checksum = zlib.crc32(data, self._note.checksum)
                self._save_note()
        except OSError as error:
            error.filename = error.filename or str(self._given)  # a failed write names no file
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Gives the output its name, unless the block failed."""
        with ExitStack() as stack:  # locked until all is done
            if error:  # closing would fail once more where the disk is full, and hide the error
                stack.enter_context(suppress(OSError))
            stack.enter_context(self._stream)
            if not (self._direct or error):
                self._finish()
        if isinstance(error, KeyboardInterrupt | OSError) and self._note.lines and not self._direct:
            logger.warning(
                "%s: %d lines are done; --resume goes on from there", self._given, self._note.lines
            )

    def _finish(self) -> None:
        if self._given.suffix == ".gz":
            self._stream.seek(0)
            with write_atomically(self._given) as stream:
                shutil.copyfileobj(self._stream, stream, CHUNK)
            self._partial.unlink()
        else:
            os.fsync(self._stream.fileno())
            if self._path.exists():
                shutil.copymode(self._path, self._partial)
            rename_durably(self._partial, self._path)
        self._sidecar.unlink(missing_ok=True)

    def _open_locked(self) -> BinaryIO:
        """The partial file as it is, for this process alone."""
        while True:
            descriptor = os.open(self._partial, os.O_RDWR | os.O_CREAT, 0o666)
            stream = cast(BinaryIO, os.fdopen(descriptor, "r+b"))
            try:
                _lock(stream)
                if os.path.samestat(os.fstat(descriptor), os.stat(self._partial)):
                    return stream
            except BlockingIOError:
                stream.close()
                raise DataError(
                    f"{self._given} is being written by another process; wait until it ends, "
                    "or give another output"
                ) from None
            except FileNotFoundError:
                pass  # another process finished it between the calls, as where the two differ
            except BaseException:
                stream.close()
                raise
            stream.close()

    def _found_note(self) -> _Note:
        """The note of the run to resume; a new one if it was killed before its first note."""
        size = os.fstat(self._stream.fileno()).st_size
        if not size and not self._sidecar.exists():
            return self._note
        try:
            note = _read_note(self._sidecar)
            if note.bytes > size or _checksum(self._stream, note.bytes) != note.checksum:
                raise ValueError(f"{self._partial} lacks bytes that were written, or was changed")
        except ValueError as error:
            raise DataError(f"{self._given} cannot be resumed: {error}; {START_OVER}") from None
        if differences := _differences(note.job, self._note.job):
            raise DataError(
                f"{self._given} cannot be resumed: {self._partial} was begun with other settings "
                f"or input: {'; '.join(differences)}; {START_OVER}"
            )
        return note

    def _warn_of_loss(self) -> None:
        with suppress(ValueError):
            lost = _read_note(self._sidecar)
            if lost.lines:
                same = lost.job == self._note.job
                logger.warning(
                    "%s: a partial output of %d lines is discarded; %s",
                    self._given,
                    lost.lines,
                    "--resume would have gone on from it" if same else "it was of another job",
                )

    def _save_note(self) -> None:
        sync = monotonic() - self._synced >= SECONDS_BETWEEN_SYNCS
        if sync:
            os.fsync(self._stream.fileno())
            self._synced = monotonic()
        with write_atomically(self._sidecar, durable=sync) as stream:
            stream.write(json.dumps(asdict(self._note)).encode())


def _is_stream(path: Path) -> bool:
    """Whether there is no file to replace: a device or a pipe."""
    return str(path.absolute()).startswith(STREAMS) or (path.exists() and not path.is_file())


def _read_note(path: Path) -> _Note:
    """The note in a file; raises ValueError where there is none, or something else."""
    try:
        note = _Note(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise ValueError(f"{path} is missing") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error})") from error
    numbers = (note.lines, note.bytes, note.checksum)
    if not isinstance(note.job, dict) or any(type(n) is not int or n < 0 for n in numbers):
        raise ValueError(f"{path} is damaged")
    return note


def _checksum(stream: BinaryIO, size: int) -> int:
    """CRC-32 of the first bytes of a file."""
    stream.seek(0)
    checksum = 0
    while size and (data := stream.read(min(size, CHUNK))):
        checksum = zlib.crc32(data, checksum)
        size -= len(data)
    return checksum


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Differences of two jobs, e.g. "beam_width was 5 and is 4"; nested names are dotted."""
    before, now = _flat(old), _flat(new)
    return [
        f"{name} was {before.get(name, 'absent')} and is {now.get(name, 'absent')}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """JSON texts of the values in a tree, by dotted name."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = json.dumps(value, ensure_ascii=False)
    return flat


def lines_begun(path: Path) -> int | None:
    """Lines of a part of an output that a run with `resume` goes on with; None if there is none."""
    path = Path(os.path.realpath(path))
    if not hidden_sibling(path, ".partial").exists():
        return None
    try:
        return _read_note(hidden_sibling(path, ".partial.json")).lines
    except ValueError:  # as opening it will say
        return 0


def check_files(
    source: Path | None, output: Path | None, others: Iterable[Path | None] = ()
) -> None:
    """Looks that a text can be read and another written; None is a stream.

    Args:
        source: the text that is read.
        output: the text that is written.
        others: files that are read too.

    Raises:
        DataError: a source that is not there, a folder, or an output that is read.
    """
    if source and not source.exists():
        raise DataError(f"{source} does not exist; give a text file, or - for standard input")
    for path in (source, output, *others):
        if path and path.is_dir():
            raise DataError(f"{path} is a folder; give a file")
    if output and not output.parent.is_dir():
        raise DataError(f"{output.parent} is no folder; create it before translating into {output}")
    check_output(output, (source, *others))


def is_whole(path: Path) -> bool:
    """Whether an output has its name and text, and nothing of it is begun anew."""
    partial = hidden_sibling(Path(os.path.realpath(path)), ".partial")
    return path.is_file() and path.stat().st_size > 0 and not partial.exists()


def _lock(stream: BinaryIO) -> None:
    """For this process alone, where the file system knows locks; some network ones know none.

    Raises:
        BlockingIOError: another process has it.
    """
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        pass


def check_output(output: Path | None, read: Iterable[Path | None]) -> None:
    """Looks that no file that is read would be written over.

    Raises:
        DataError: one would.
    """
    if output and is_among(output, read):
        raise DataError(f"{output} is read, and would be written over; pass another -o")
