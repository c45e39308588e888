r"""Text files, line by line: plain or .gz, UTF-8, lines end at "\n" alone.

`str.splitlines` would also split at U+2028, U+0085 and the form feed, and shift every line after
them.
"""

import functools
import gzip
import io
import logging
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from seq2seq.errors import DataError
from seq2seq.files import write_atomically

logger = logging.getLogger(__name__)

Hear = Callable[[bytes | memoryview], object]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
LONGEST_LINE = 2**20  # bytes, without the line end; what a line has beyond them is left out
READ_AT_ONCE = 2**16  # bytes
MOST_BROKEN = 0.01  # of a text's lines; of more, the text is in another encoding


def cut_lines(stream: BinaryIO, name: str, longest: int = LONGEST_LINE) -> Iterator[bytes]:
    r"""Lines of a binary stream with their ends, cut to a number of bytes.

    So memory does not grow with a line. A line is cut between two characters; how many lines were
    cut is logged as a warning at the end.

    Args:
        stream: open for reading.
        name: of the stream, in the warning.
        longest: bytes of a line, without its end.

    >>> import io
    >>> list(cut_lines(io.BytesIO("grün\nrot\n".encode()), "colours", longest=3))
    [b'gr\n', b'rot\n']
    """
    cut = 0
    for line in iter(functools.partial(stream.readline, longest + 2), b""):  # 2: "\r\n"
        if len(line) > longest and len(line.removesuffix(b"\n").removesuffix(b"\r")) > longest:
            cut += 1
            ended = line.endswith(b"\n") or _skip_line(stream)
            end = longest
            while end > max(0, longest - 3) and line[end] & 0xC0 == 0x80:  # inside a character
                end -= 1
            line = line[:end] + (b"\n" if ended else b"")
        yield line
    if cut:
        logger.warning("%s: %d line(s) were cut to their first %d bytes", name, cut, longest)


def _skip_line(stream: BinaryIO) -> bool:
    """Reads the rest of a line; tells whether it had an end."""
    part = b""
    for part in iter(functools.partial(stream.readline, READ_AT_ONCE), b""):
        if part.endswith(b"\n"):
            break
    return part.endswith(b"\n")


def decode_lines(stream: Iterable[bytes], name: str) -> Iterator[str]:
    r"""Lines of a binary stream without their "\n" or "\r\n" and a leading byte order mark.

    Bytes that are not UTF-8 become U+FFFD; how many lines had some is logged as a warning at the
    end.

    Raises:
        DataError: it begins as UTF-16 does, whose characters may have the byte of a line end.
    """
    repaired = 0
    for number, line in enumerate(stream):
        if number == 0:
            _refuse_utf_16(line, name)
            line = line.removeprefix(BYTE_ORDER_MARK)
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            repaired += 1
            yield line.decode("utf-8", errors="replace")
    if repaired:
        logger.warning(
            "%s: %d line(s) held bytes that are not UTF-8, replaced by U+FFFD", name, repaired
        )


def _refuse_utf_16(first_line: bytes, name: str) -> None:
    if first_line.startswith(UTF_16_MARKS):
        raise DataError(f"{name} is UTF-16; make it UTF-8: iconv -f utf-16 -t utf-8")


def check_encoding(path: Path) -> None:
    """Looks that a text is UTF-8, but for a few lines.

    Raises:
        DataError: it is not, or cannot be read.
    """
    broken = lines = 0
    for line in raw_lines(path):
        lines += 1
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            broken += 1
    if broken > MOST_BROKEN * lines:
        raise DataError(
            f"{path}: {broken:,} of {lines:,} lines are not UTF-8; if the text is in another "
            "encoding, convert it, e.g. iconv -f windows-1252 -t utf-8; if these lines alone are "
            "broken, leave them out, as `python -m data_prep clean` does"
        )


def read_lines(path: Path) -> Iterator[str]:
    """Lines of a text file, one at a time; a name ending in .gz is read compressed.

    Raises:
        DataError: the file is missing, unreadable, UTF-16, or not the gzip file that its name says.
    """
    yield from decode_lines(raw_lines(path), str(path))


def raw_lines(path: Path, hear: Hear | None = None) -> Iterator[bytes]:
    """Lines as they stand in a file, plain or .gz, one at a time, with their ends; see `cut_lines`.

    Args:
        path: of the file.
        hear: is called with every byte of the file as the disk holds it, part by part, so that
            one reading serves a hash too.

    Raises:
        DataError: the file is missing, unreadable, UTF-16, or not the gzip file that its name says.
    """
    with _named_failures(path), _open(path, hear) as stream:
        for number, line in enumerate(cut_lines(stream, str(path))):
            if number == 0:
                _refuse_utf_16(line, str(path))
            yield line


@contextmanager
def _named_failures(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; check the path") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def count_lines(path: Path) -> int:
    """Lines of a text file, as `read_lines` gives them.

    Raises:
        DataError: the file is missing, unreadable, or not the gzip file that its name says.
    """
    lines, block = 0, b"\n"
    with _named_failures(path), _open(path) as stream:
        while following := stream.read(READ_AT_ONCE):
            block = following
            lines += block.count(b"\n")
    return lines + (not block.endswith(b"\n"))


def read_pairs(
    source_path: Path, target_path: Path, hear: tuple[Hear, Hear] | None = None
) -> Iterator[tuple[str, str]]:
    """Line pairs of two parallel files, one at a time.

    Args:
        source_path: of one side.
        target_path: of the other.
        hear: of each file, see `raw_lines`.

    Raises:
        DataError: one file ends before the other; the message holds both line counts.
    """
    sources, targets = (
        decode_lines(raw_lines(path, listener), str(path))
        for path, listener in zip((source_path, target_path), hear or (None, None), strict=True)
    )
    source_lines = target_lines = 0
    missing = object()
    while True:
        source, target = next(sources, missing), next(targets, missing)
        source_lines += source is not missing
        target_lines += target is not missing
        if source is missing or target is missing:
            break
        yield cast(str, source), cast(str, target)
    source_lines += sum(1 for _ in sources)
    target_lines += sum(1 for _ in targets)
    if source_lines != target_lines:
        raise DataError(unequal([(source_path, source_lines), (target_path, target_lines)]))


def equal_lines(paths: Iterable[Path]) -> int:
    """The number of lines of each of one or two parallel files.

    Raises:
        DataError: see `count_lines`; also if they have different numbers.
    """
    counts = {path: count_lines(path) for path in paths}
    if len(set(counts.values())) > 1:
        raise DataError(unequal(counts.items()))
    return max(counts.values())


def unequal(sides: Iterable[tuple[Path, int]]) -> str:
    """What to say of two parallel files with different numbers of lines.

    >>> unequal([(Path("a.en"), 3), (Path("a.de"), 2)])
    'a.en has 3 lines but a.de has 2; parallel files need equal counts'
    """
    (source, source_lines), (target, target_lines) = sides
    return (
        f"{source} has {source_lines} lines but {target} has {target_lines}; "
        "parallel files need equal counts"
    )


def write_lines(path: Path, lines: Iterable[str]) -> int:
    r"""Writes lines atomically, each ended by "\n"; returns their number. .gz is compressed."""
    count = 0
    with write_atomically(path) as stream:
        for line in lines:
            stream.write(line.encode("utf-8") + b"\n")
            count += 1
    return count


class _Heard(io.RawIOBase):
    """A file whose bytes are heard as they are read."""

    def __init__(self, path: Path, hear: Hear) -> None:
        self._file = open(path, "rb", buffering=0)
        self._hear = hear

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer) or 0
        self._hear(memoryview(buffer)[:count])
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _open(path: Path, hear: Hear | None = None) -> Iterator[BinaryIO]:
    raw = io.BufferedReader(_Heard(path, hear), 1 << 16) if hear else open(path, "rb")
    with raw:
        if path.suffix == ".gz":
            if not raw.peek(1):
                raise EOFError("it is empty, which a compressed file never is")
            with gzip.GzipFile(fileobj=raw) as stream:
                yield cast(BinaryIO, stream)
        else:
            yield cast(BinaryIO, raw)
