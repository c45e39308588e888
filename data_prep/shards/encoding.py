"""Pairs of text to ids, each in the bucket that its digest says.

The digest orders the pairs: it is a function of seed and ids alone, so equal pairs meet in one
bucket, and the order is a random one that does not depend on how the work was split.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from seq2seq.data.counts import CorpusCounter, CorpusCounts
from seq2seq.data.id_rows import IdRows
from seq2seq.data.shards import LENGTH, id_type
from seq2seq.data.subwords import EOS, Subwords
from seq2seq.training.child_process import begin_child

DIGEST = np.dtype("<u8")  # two a pair: equal digests of different pairs are out of the question
HEAD = np.dtype("<u4")


@dataclass(frozen=True)
class Pairs:
    """Pairs of ids with their digests (n, 2)."""

    digests: np.ndarray
    sources: IdRows
    targets: IdRows

    def take(self, rows: np.ndarray) -> "Pairs":
        """Those of these numbers, in their order."""
        return Pairs(self.digests[rows], self.sources.take(rows), self.targets.take(rows))

    def to_bytes(self) -> bytes:
        """A block of a bucket."""
        lengths = np.stack([self.sources.lengths(), self.targets.lengths()])
        head = np.array([len(self.sources), *lengths.sum(axis=1)], HEAD)
        parts = (head, self.digests, lengths.astype(LENGTH), self.sources.flat, self.targets.flat)
        return b"".join(part.tobytes() for part in parts)


def read_blocks(stream: BinaryIO, kind: np.dtype) -> Iterator[Pairs]:
    """The blocks of a bucket whose ids are of this type."""
    while head := stream.read(3 * HEAD.itemsize):
        count, *flat = np.frombuffer(head, HEAD).tolist()
        digests = _array(stream, DIGEST, 2 * count).reshape(-1, 2)
        lengths = _array(stream, LENGTH, 2 * count).reshape(2, -1)
        sides = [
            IdRows(_array(stream, kind, size), np.concatenate([[0], side]).cumsum())
            for side, size in zip(lengths, flat, strict=True)
        ]
        yield Pairs(digests, *sides)


def _array(stream: BinaryIO, kind: np.dtype, count: int) -> np.ndarray:
    return np.frombuffer(stream.read(kind.itemsize * count), kind)


@dataclass(frozen=True)
class Encoded:
    """A chunk of text: its counts, and the blocks that its pairs add to buckets."""

    counts: CorpusCounts
    blocks: Sequence[tuple[int, bytes]]


class PairEncoder:
    """Turns chunks of text into blocks.

    Args:
        model: of SentencePiece.
        longest: the most subwords of a side.
        seed: of the order.
        buckets: how many there are.
    """

    def __init__(self, model: bytes, longest: int, seed: int, buckets: int) -> None:
        self._subwords = Subwords(model)
        self._kind = id_type(self._subwords.size)
        self._longest = longest
        self._salt = seed.to_bytes(8, "little")
        self._buckets = buckets

    def __call__(self, texts: Sequence[tuple[str, str]]) -> Encoded:
        """The pairs that training can use, by bucket."""
        sources, targets = (
            IdRows.of(self._subwords.encode_all(side), self._kind)
            for side in zip(*texts, strict=True)
        )
        counter = CorpusCounter(self._longest)
        lengths = sources.lengths(), targets.lengths()
        kept = np.flatnonzero(counter.count(*lengths) & (np.minimum(*lengths) > 0))
        pairs = self._with_digests(sources.take(kept), targets.take(kept))
        buckets = (pairs.digests[:, 0] >> 32) * self._buckets >> 32
        order = np.argsort(buckets, kind="stable")
        numbers, firsts = np.unique(buckets[order], return_index=True)
        parts = np.split(order, firsts[1:])
        blocks = [
            (number, pairs.take(part).to_bytes())
            for number, part in zip(numbers.tolist(), parts, strict=False)
        ]
        return Encoded(counter.counts(), blocks)

    def _with_digests(self, sources: IdRows, targets: IdRows) -> Pairs:
        between = np.array([EOS], self._kind).tobytes()
        sides = zip(_rows_as_bytes(sources), _rows_as_bytes(targets), strict=True)
        digests = b"".join(
            hashlib.blake2b(
                source + between + target, digest_size=2 * DIGEST.itemsize, salt=self._salt
            ).digest()
            for source, target in sides
        )
        return Pairs(np.frombuffer(digests, DIGEST).reshape(-1, 2), sources, targets)


def _rows_as_bytes(rows: IdRows) -> Iterable[bytes]:
    content = rows.flat.tobytes()
    splits = (rows.splits * rows.flat.itemsize).tolist()
    return (content[start:end] for start, end in itertools.pairwise(splits))


_encoder: PairEncoder | None = None  # of a worker process


def begin_worker(model: bytes, longest: int, seed: int, buckets: int) -> None:
    """Makes the encoder of a process."""
    global _encoder
    begin_child()
    _encoder = PairEncoder(model, longest, seed, buckets)


def encode_in_worker(texts: Sequence[tuple[str, str]]) -> Encoded:
    """A chunk, by the encoder of this process."""
    assert _encoder
    return _encoder(texts)
