"""Sentences as rows of ids in one array, and padded batches of them."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from seq2seq.data.subwords import BOS, EOS, PAD


class Batch(NamedTuple):
    """Padded with PAD; S and T are those of the longest sentence, and one more."""

    source_ids: np.ndarray  # (B, S) int32, each row's ids and EOS
    target_in: np.ndarray  # (B, T) int32, BOS and each row's ids
    target_out: np.ndarray  # (B, T) int32, each row's ids and EOS


@dataclass(frozen=True, eq=False)
class IdRows:
    """Rows of different lengths, one after another.

    Attributes:
        flat: (N,) ids of all rows, of any integer type.
        splits: (R + 1,) where each row begins, and where the last one ends.
    """

    flat: np.ndarray
    splits: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], kind: DTypeLike = np.int32) -> "IdRows":
        """Rows of ids, as numbers of a type."""
        flat = np.fromiter(itertools.chain.from_iterable(rows), kind)
        return cls(flat, np.cumsum([0, *map(len, rows)]))

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.splits) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        """The ids of a row."""
        return self.flat[self.splits[row] : self.splits[row + 1]]

    def lengths(self) -> np.ndarray:
        """(R,) ids of each row."""
        return np.diff(self.splits)

    def take(self, rows: np.ndarray) -> "IdRows":
        """The rows of these numbers, in this order."""
        lengths = self.lengths()[rows]
        splits = np.concatenate([[0], lengths]).cumsum()
        shifts = np.repeat(self.splits[:-1][rows] - splits[:-1], lengths)
        return IdRows(self.flat[np.arange(splits[-1]) + shifts], splits)

    def padded(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows of these numbers (B,) as (B, longest + 1) int32, and their lengths (B,)."""
        starts = self.splits[rows]
        lengths = self.splits[rows + 1] - starts
        columns = np.arange(lengths.max() + 1)
        real = columns < lengths[:, None]
        ids = np.full(real.shape, PAD, np.int32)
        ids[real] = self.flat[(starts[:, None] + columns)[real]]
        return ids, lengths


def padded_batch(sources: IdRows, targets: IdRows, rows: np.ndarray) -> Batch:
    """What a training step takes of the pairs of these numbers (B,)."""
    every = np.arange(len(rows))
    source_ids, lengths = sources.padded(rows)
    source_ids[every, lengths] = EOS
    target_out, lengths = targets.padded(rows)
    target_in = np.insert(target_out[:, :-1], 0, BOS, axis=1)
    target_out[every, lengths] = EOS
    return Batch(source_ids, target_in, target_out)


def batches_in_order(sources: IdRows, targets: IdRows, sentences: int) -> list[Batch]:
    """All pairs, `sentences` a batch, as they come."""
    return [
        padded_batch(sources, targets, np.arange(first, min(first + sentences, len(sources))))
        for first in range(0, len(sources), sentences)
    ]
