"""Training text in chunks of pairs, of all corpora one after the other."""

import itertools
from collections.abc import Iterator, Sequence

from seq2seq.config.corpora import DataConfig
from seq2seq.data.held_out import HeldOut
from seq2seq.data.lines import read_pairs

CHUNK = 16_384  # pairs encoded in one call


class TextChunks:
    """Chunks of pairs, sources behind the tags of `data.language_tags`.

    Args:
        data: names the corpora.
        held_out: hear what training has.
    """

    def __init__(self, data: DataConfig, held_out: Sequence[HeldOut]) -> None:
        self._data = data
        self._held_out = held_out
        self._size = sum(corpus.source.stat().st_size for corpus in data.corpora)
        self._read = 0  # bytes of sources

    @property
    def done(self) -> float:
        """The share of the text that was read."""
        return self._read / max(1, self._size)

    def __iter__(self) -> Iterator[list[tuple[str, str]]]:
        """The chunks."""
        for corpus in self._data.corpora:
            tags = self._data.tags
            own = tags and tags.into(str(self._data.language_of(corpus)))
            pairs = read_pairs(corpus.source, corpus.target, (self._hear, lambda _: None))
            while chunk := list(itertools.islice(pairs, CHUNK)):
                for each in self._held_out:
                    each.meet(chunk)
                if own:
                    chunk = [(own.before(source), target) for source, target in chunk]
                yield chunk

    def _hear(self, content: bytes | memoryview) -> None:
        self._read += len(content)
