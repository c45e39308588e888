"""A corpus on disk: DIR/SPLIT.LANGUAGE, line N of one language beside line N of the other."""

import filecmp
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from seq2seq.errors import DataError
from seq2seq.files import held, remove_leftovers, write_atomically


class CorpusWriter:
    """Takes pairs one at a time and counts them; made by `open_corpus`."""

    def __init__(self, streams: dict[str, tuple[BinaryIO, BinaryIO]]):
        """Writes the pairs of each split to its two streams."""
        self.counts = dict.fromkeys(streams, 0)
        self._streams = streams

    def add(self, split: str, source: str, target: str) -> None:
        """Adds one pair.

        Args:
            split: its name.
            source: a sentence without line end.
            target: its translation, without line end.
        """
        source_stream, target_stream = self._streams[split]
        source_stream.write(source.encode("utf-8") + b"\n")
        target_stream.write(target.encode("utf-8") + b"\n")
        self.counts[split] += 1


@contextmanager
def open_corpus(
    folder: Path, splits: Sequence[str], languages: tuple[str, str], replace: bool
) -> Iterator[CorpusWriter]:
    """Opens a corpus for writing; its files appear when the block ends without an exception.

    Args:
        folder: made if it is not there.
        splits: their names. The first one appears last: where there is a train.en, the other files
            are there too.
        languages: source and target, as files end in them.
        replace: whether files with other contents may be written over.

    Raises:
        DataError: the folder or a file in it cannot be written, or holds other contents.
    """
    paths = [folder / f"{split}.{language}" for split in splits for language in languages]
    with open_files(paths, replace) as streams:
        pairs = zip(streams[::2], streams[1::2], strict=True)
        yield CorpusWriter(dict(zip(splits, pairs, strict=True)))


@contextmanager
def open_files(paths: Sequence[Path], replace: bool) -> Iterator[list[BinaryIO]]:
    """Opens new files of one folder; they appear when the block ends without an exception.

    Args:
        paths: the files; the first one appears last.
        replace: whether those with other contents may be written over. The same contents may be
            written again at any time.

    Raises:
        DataError: the folder or a file in it cannot be written, or holds other contents.
    """
    folder = paths[0].parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as holding, ExitStack() as stack:
            for path in paths:
                remove_leftovers(path)
            streams = [stack.enter_context(write_atomically(path)) for path in paths]
            yield streams
            # While they appear, or splits of two calls at once would get mixed.
            holding.enter_context(held(folder, wait=True))
            if not replace:
                _check_unchanged(paths, streams)
    except OSError as error:
        raise DataError(
            f"the corpus cannot be written to {folder}: {error}; pass another --output"
        ) from error


def _check_unchanged(paths: Sequence[Path], streams: Sequence[BinaryIO]) -> None:
    for path, stream in zip(paths, streams, strict=True):
        stream.flush()
        if path.is_file() and not filecmp.cmp(stream.name, path, shallow=False):
            raise DataError(
                f"{path} is there already, with other contents; pass another --output, or --replace"
            )


def describe_corpus(folder: Path, languages: tuple[str, str], counts: dict[str, int]) -> str:
    """A report of a corpus, one line per split.

    Args:
        folder: where it was written.
        languages: source and target, as files end in them.
        counts: pairs of each split.
    """
    return "\n".join(
        f"{folder / split}.{{{languages[0]},{languages[1]}}}: {count} pairs"
        for split, count in counts.items()
    )
