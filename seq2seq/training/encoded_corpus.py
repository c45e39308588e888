"""A run's training corpora, read and encoded once: ids, counts, hashes of the files."""

import functools
import hashlib
import itertools
import logging
import operator
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from seq2seq.config.corpora import DataConfig, TrainingCorpus
from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.held_out import HeldOut
from seq2seq.data.id_rows import IdRows
from seq2seq.data.lines import read_pairs
from seq2seq.data.shortlist import Shortlist, learn_shortlist
from seq2seq.data.source_words import SourceWords, count_words
from seq2seq.data.subwords import Subwords
from seq2seq.errors import DataError
from seq2seq.files import file_errors_of_libraries

logger = logging.getLogger(__name__)

CHUNK = 2048  # lines encoded in one call
TRANSLATIONS_KEPT = 20  # translations of a source subword in the vocabulary shortlist


@dataclass(frozen=True)
class CorpusCounts:
    """Counts of a parallel corpus; lengths in subwords, BOS and EOS not counted."""

    pairs: int
    empty: int  # pairs left out because a side has no text
    too_long: int  # pairs left out because a side is above data.longest
    source_subwords: int  # of the pairs kept
    target_subwords: int

    @property
    def kept(self) -> int:
        """Pairs that training sees."""
        return self.pairs - self.empty - self.too_long

    def __add__(self, other: "CorpusCounts") -> "CorpusCounts":
        """The counts of both texts together."""
        sums = (sum(both) for both in zip(astuple(self), astuple(other), strict=True))
        return CorpusCounts(*sums)


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
    counter = _Counter(data.longest)
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


def learn_run_shortlist(corpus: EncodedCorpus, vocabulary_size: int) -> Shortlist:
    """Which target subwords translate which source subwords in the training text."""
    pairs = (
        (corpus.sources[row].tolist(), corpus.targets[row].tolist())
        for row in range(len(corpus.sources))
    )
    return learn_shortlist(pairs, vocabulary_size, TRANSLATIONS_KEPT)


def count_run_words(corpus: EncodedCorpus, subwords: Subwords) -> SourceWords:
    """The source words that training sees."""
    return count_words(subwords.decode(corpus.sources[row]) for row in corpus.usable)


def report_left_out(counts: CorpusCounts, longest: int) -> None:
    """Says how many pairs training will not see, and why."""
    if counts.empty or counts.too_long:
        logger.warning(
            "left out of training: %d pairs with an empty side, "
            "%d above data.longest = %d subwords",
            counts.empty,
            counts.too_long,
            longest,
        )


class _Counter:
    """Adds up `CorpusCounts`."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._sums = np.zeros(5, np.int64)  # in the order of the fields

    def count(self, source_lengths: np.ndarray, target_lengths: np.ndarray) -> np.ndarray:
        """Counts pairs; tells for each whether both its sides are short enough."""
        lengths = np.stack([source_lengths, target_lengths])
        empty, short = lengths.min(axis=0) == 0, lengths.max(axis=0) <= self._longest
        subwords = lengths[:, ~empty & short].sum(axis=1)
        self._sums += (len(empty), empty.sum(), (~empty & ~short).sum(), *subwords)
        return short

    def counts(self) -> CorpusCounts:
        """Of all pairs so far."""
        return CorpusCounts(*self._sums.tolist())


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
