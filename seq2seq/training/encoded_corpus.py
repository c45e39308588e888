"""A run's training corpora, read and encoded once: ids, counts, hashes of the files."""

import functools
import hashlib
import itertools
import math
import operator
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from seq2seq.config.corpora import PARTS, DataConfig, TrainingCorpus
from seq2seq.data.counts import CorpusCounter, CorpusCounts
from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.held_out import HeldOut
from seq2seq.data.id_rows import IdRows
from seq2seq.data.lines import Hear, decode_lines, raw_lines, read_pairs, unequal
from seq2seq.data.subwords import Subwords
from seq2seq.errors import DataError
from seq2seq.files import file_errors_of_libraries

CHUNK = 2048  # lines encoded in one call
LEAST_WEIGHT, MOST_WEIGHT = 1e-6, 1e6
SHOWN = 40  # characters of a line that is no weight


@dataclass(frozen=True, eq=False)
class EncodedCorpus:
    """The training text as ids, in its order, without the pairs that are too long.

    Attributes:
        sources: ids of each pair's source; on disk, in a file without a name.
        targets: ids of each pair's target, likewise.
        pair_weights: (R,) what each pair counts in the loss, 1 in the mean; None: all alike.
        usable: the rows with text on both sides, which training sees.
        parts: counts of each corpus's pairs; their rows follow one another.
        hashes: SHA-256 of all files as they were read, by the settings that name them.
    """

    sources: IdRows
    targets: IdRows
    pair_weights: np.ndarray | None
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
        writer = _PairWriter(first, other, subwords.size)
        for corpus in data.corpora:
            counts, of_files = _encode_into(writer, corpus, encoder, data, held_out)
            parts.append(counts)
            digests += of_files
        sources, targets = writer.sides()
    usable = np.flatnonzero((sources.lengths() > 0) & (targets.lengths() > 0))
    pair_weights = writer.weights() if data.is_weighted else None
    if pair_weights is not None:
        pair_weights /= pair_weights[usable].mean(dtype=np.float64)
    hashes = dict(zip(data.training_files, digests, strict=True))
    return EncodedCorpus(sources, targets, pair_weights, usable, tuple(parts), hashes)


def _encode_into(
    writer: "_PairWriter",
    corpus: TrainingCorpus,
    encoder: GraphSubwords,
    data: DataConfig,
    held_out: Sequence[HeldOut],
) -> tuple[CorpusCounts, list[str]]:
    """Writes the ids of a corpus; returns its counts and the hashes of its files."""
    counter = CorpusCounter(data.longest)
    tags = data.tags.into(str(data.language_of(corpus))) if data.tags else None
    digests = [hashlib.sha256() for part in PARTS if getattr(corpus, part)]
    lines = _weighted_pairs(corpus, [digest.update for digest in digests])
    while chunk := list(itertools.islice(lines, CHUNK)):
        sources, targets, weights = zip(*chunk, strict=True)
        pairs = list(zip(sources, targets, strict=True))
        for each in held_out:
            each.meet(pairs)
        read = [tags.before(source) for source in sources] if tags else sources
        encoded = [encoder.encode_rows(texts) for texts in (read, targets)]
        short = counter.count(*(rows.lengths() for rows in encoded))
        writer.write(encoded, weights if data.is_weighted else None, short)
    counts = counter.counts()
    if not counts.kept:
        raise DataError(
            f"{corpus.source} and {corpus.target} hold no usable pair: "
            f"{counts.pairs} lines, {counts.empty} with an empty side, "
            f"{counts.too_long} above data.longest = {data.longest} subwords"
        )
    return counts, [digest.hexdigest() for digest in digests]


def _weighted_pairs(
    corpus: TrainingCorpus, hear: Sequence[Hear]
) -> Iterator[tuple[str, str, float]]:
    """Source, target and weight of each pair of a corpus; `hear` has a listener for each file."""
    pairs = read_pairs(corpus.source, corpus.target, (hear[0], hear[1]))
    if not corpus.weights:
        yield from ((source, target, 1.0) for source, target in pairs)
        return
    path = corpus.weights
    weights = _read_weights(path, hear[2])
    count = 0
    for source, target in pairs:
        weight = next(weights, None)
        if weight is None:
            raise DataError(unequal([(corpus.source, count + 1 + _rest(pairs)), (path, count)]))
        count += 1
        yield source, target, weight
    if more := _rest(weights):
        raise DataError(unequal([(corpus.source, count), (path, count + more)]))


def _rest(lines: Iterator[Any]) -> int:
    return sum(1 for _ in lines)


def _read_weights(path: Path, hear: Hear) -> Iterator[float]:
    for number, line in enumerate(decode_lines(raw_lines(path, hear), str(path)), 1):
        try:
            weight = float(line)
        except ValueError:
            weight = math.nan
        if not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
            raise DataError(
                f"{path}, line {number}: {line[:SHOWN]!r} is no weight; give a number from "
                f"{LEAST_WEIGHT:g} to {MOST_WEIGHT:g}"
            )
        yield weight


class _PairWriter:
    """Writes pairs into two files that go on living without their names, and holds weights."""

    def __init__(self, sources: BinaryIO, targets: BinaryIO, vocabulary_size: int) -> None:
        self._sides = [_RowWriter(file, vocabulary_size) for file in (sources, targets)]
        self._weights: list[np.ndarray] = []

    def write(
        self, sides: Sequence[IdRows], weights: Sequence[float] | None, kept: np.ndarray
    ) -> None:
        """Adds the pairs that are kept; of all corpora with weights, or of all without."""
        for side, rows in zip(self._sides, sides, strict=True):
            side.write(rows, kept)
        if weights is not None:
            self._weights.append(np.array(weights, np.float32)[kept])

    def sides(self) -> tuple[IdRows, IdRows]:
        """Sources and targets of all."""
        sources, targets = (side.rows() for side in self._sides)
        return sources, targets

    def weights(self) -> np.ndarray:
        """(R,) of all."""
        return np.concatenate(self._weights)


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
