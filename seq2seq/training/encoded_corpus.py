"""A run's training corpora, read and encoded once: ids, counts, hashes of the files."""

import functools
import hashlib
import itertools
import operator
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from seq2seq.config.corpora import DataConfig, TrainingCorpus
from seq2seq.data.counts import CorpusCounter, CorpusCounts
from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.held_out import HeldOut
from seq2seq.data.id_rows import IdRows
from seq2seq.data.lines import read_pairs
from seq2seq.data.subwords import Subwords
from seq2seq.errors import DataError
from seq2seq.files import file_errors_of_libraries

CHUNK = 2048  # lines encoded in one call


@dataclass(frozen=True, eq=False)
class EncodedCorpus:
    """The training text as ids, in its order, without the pairs that are too long.

    Attributes:
        sources: ids of each pair's source; on disk, in a file without a name.
        targets: ids of each pair's target, likewise.
        usable: the rows with text on both sides, which training sees.
        parts: counts of each corpus's pairs; their rows follow one another.
        hashes: SHA-256 of all files as they were read, by the settings that name them.
    """

    sources: IdRows
    targets: IdRows
    usable: np.ndarray
    parts: tuple[CorpusCounts, ...]
    hashes: dict[str, str]

    @property
    def counts(self) -> CorpusCounts:
        """Of all pairs."""
        return functools.reduce(operator.add, self.parts)

    def id_pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Source and target ids of all rows."""
        return ((self.sources[row], self.targets[row]) for row in range(len(self.sources)))

    def usable_sources(self) -> Iterator[np.ndarray]:
        """Source ids of what training sees."""
        return (self.sources[row] for row in self.usable)


def encode_corpus(
    data: DataConfig,
    subwords: Subwords,
    scratch: Path | None = None,
    held_out: Sequence[HeldOut] = (),
) -> EncodedCorpus:
    """Reads the training text once: hashes it, encodes it, and counts what training will see.

    Args:
        data: names the corpora.
        subwords: the vocabulary.
        scratch: a folder with room for two bytes a subword, the system's for temporary files if
            None; nothing is left in it.
        held_out: hear what training has.

    Raises:
        DataError: the sides of a corpus have different numbers of lines, or no pair is usable.
        OSError: the folder has no room.
    """
    encoder = GraphSubwords(subwords)
    parts, digests = [], []
    with (
        file_errors_of_libraries(scratch or Path(tempfile.gettempdir())),
        tempfile.TemporaryFile(dir=scratch) as first,
        tempfile.TemporaryFile(dir=scratch) as other,
    ):
        sides = _RowWriter(first, subwords.size), _RowWriter(other, subwords.size)
        for corpus in data.corpora:
            counts, both = _encode_into(sides, corpus, encoder, data, held_out)
            parts.append(counts)
            digests += both
        sources, targets = (side.rows() for side in sides)
    usable = np.flatnonzero((sources.lengths() > 0) & (targets.lengths() > 0))
    hashes = dict(zip(data.training_files, digests, strict=True))
    return EncodedCorpus(sources, targets, usable, tuple(parts), hashes)


def _encode_into(
    sides: Sequence["_RowWriter"],
    corpus: TrainingCorpus,
    encoder: GraphSubwords,
    data: DataConfig,
    held_out: Sequence[HeldOut],
) -> tuple[CorpusCounts, list[str]]:
    """Writes the ids of a corpus; returns its counts and the hashes of both its files."""
    counter = CorpusCounter(data.longest)
    tags = data.tags.into(str(data.language_of(corpus))) if data.tags else None
    digests = hashlib.sha256(), hashlib.sha256()
    pairs = read_pairs(corpus.source, corpus.target, (digests[0].update, digests[1].update))
    while chunk := list(itertools.islice(pairs, CHUNK)):
        for each in held_out:
            each.meet(chunk)
        if tags:
            chunk = [(tags.before(source), target) for source, target in chunk]
        encoded = [encoder.encode_rows(texts) for texts in zip(*chunk, strict=True)]
        short = counter.count(*(rows.lengths() for rows in encoded))
        for side, rows in zip(sides, encoded, strict=True):
            side.write(rows, short)
    counts = counter.counts()
    if not counts.kept:
        raise DataError(
            f"{corpus.source} and {corpus.target} hold no usable pair: "
            f"{counts.pairs} lines, {counts.empty} with an empty side, "
            f"{counts.too_long} above data.longest = {data.longest} subwords"
        )
    return counts, [digest.hexdigest() for digest in digests]


class _RowWriter:
    """Writes rows of ids into a file that goes on living without its name."""

    def __init__(self, file: BinaryIO, vocabulary_size: int) -> None:
        self._file = file
        self._dtype = np.uint16 if vocabulary_size <= 1 << 16 else np.int32
        self._lengths: list[np.ndarray] = []

    def write(self, rows: IdRows, kept: np.ndarray) -> None:
        """Adds the rows that are kept."""
        lengths = rows.lengths()
        flat = rows.flat[np.repeat(kept, lengths)]
        self._file.write(flat.astype(self._dtype).tobytes())
        self._lengths.append(lengths[kept])

    def rows(self) -> IdRows:
        """All of them."""
        self._file.flush()
        splits = np.concatenate([[0], *self._lengths]).cumsum()
        if not splits[-1]:
            return IdRows(np.zeros(0, self._dtype), splits)
        return IdRows(np.memmap(self._file, self._dtype, "r"), splits)
