"""What a training text has: pairs, those left out, subwords."""

from dataclasses import astuple, dataclass

import numpy as np


@dataclass(frozen=True)
class CorpusCounts:
    """Counts of a parallel corpus; lengths in subwords, BOS and EOS not counted."""

    pairs: int
    empty: int  # pairs left out because a side has no text
    too_long: int  # pairs left out because a side is above data.longest
    source_subwords: int  # of the pairs kept
    target_subwords: int
    duplicates: int = 0  # pairs left out because they have the subwords of another

    @property
    def kept(self) -> int:
        """Pairs that training sees."""
        return self.pairs - self.empty - self.too_long - self.duplicates

    def __add__(self, other: "CorpusCounts") -> "CorpusCounts":
        """The counts of both texts together."""
        sums = (sum(both) for both in zip(astuple(self), astuple(other), strict=True))
        return CorpusCounts(*sums)


class CorpusCounter:
    """Adds up `CorpusCounts`.

    Args:
        longest: the most subwords of a side that is kept.
    """

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
