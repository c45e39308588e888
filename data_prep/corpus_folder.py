"""A corpus on disk: DIR/SPLIT.LANGUAGE, line N of one language beside line N of the other."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from seq2seq.errors import DataError
from seq2seq.files import write_atomically


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
    folder: Path, splits: Sequence[str], languages: tuple[str, str]
) -> Iterator[CorpusWriter]:
    """Opens a corpus for writing; its files appear when the block ends without an exception.

    Args:
        folder: made if it is not there.
        splits: their names. The first one appears last: where there is a train.en, the other files
            are there too.
        languages: source and target, as files end in them.

    Raises:
        DataError: the folder or a file in it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            streams = {}
            for split in splits:
                source, target = (folder / f"{split}.{language}" for language in languages)
                streams[split] = (
                    stack.enter_context(write_atomically(source)),
                    stack.enter_context(write_atomically(target)),
                )
            yield CorpusWriter(streams)
    except OSError as error:
        raise DataError(
            f"the corpus cannot be written to {folder}: {error}; pass another --output"
        ) from error


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
