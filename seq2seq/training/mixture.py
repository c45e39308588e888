"""Which pairs of which training corpus an epoch has."""

from collections.abc import Sequence

import numpy as np


class Mixture:
    """The pairs of each epoch (from 0), a function of sizes, shares, seed, and epoch alone.

    An epoch has as many pairs as all corpora together. Without shares these are all pairs, each
    once. With shares each corpus gives its part of them: it goes through its pairs in a random
    order, then in another one, and each epoch goes on where the one before ended.

    Args:
        sizes: pairs of each corpus.
        shares: of each corpus, relative to the others; None: no shares.
        seed: of the orders.
    """

    def __init__(self, sizes: Sequence[int], shares: Sequence[float] | None, seed: int) -> None:
        self._sizes = sizes
        self._seed = seed
        self.counts = list(sizes) if shares is None else _parts_of(sum(sizes), shares)
        self._draws = shares is not None

    def places(self, epoch: int) -> np.ndarray:
        """The pairs of an epoch, numbered through all corpora, the corpora evenly mixed."""
        firsts = np.cumsum([0, *self._sizes[:-1]])
        parts = [first + self._numbers(n, epoch) for n, first in enumerate(firsts)]
        # A shuffle buffer sees a little of each corpus at any time.
        progress = np.concatenate([(np.arange(len(part)) + 0.5) / len(part) for part in parts])
        return np.concatenate(parts)[np.argsort(progress, kind="stable")]

    def _numbers(self, corpus: int, epoch: int) -> np.ndarray:
        """Numbers of a corpus's pairs, from 0."""
        size, count = self._sizes[corpus], self.counts[corpus]
        if not self._draws:
            return np.arange(size)
        start = epoch * count
        passes = range(start // size, (start + count - 1) // size + 1)
        orders = np.concatenate([self._order(corpus, each) for each in passes])
        return orders[start - passes[0] * size :][:count]

    def _order(self, corpus: int, number: int) -> np.ndarray:
        """The order of a corpus's pairs in a pass over it."""
        draw = np.random.default_rng((self._seed, corpus, number))
        return draw.permutation(self._sizes[corpus])


def _parts_of(total: int, shares: Sequence[float]) -> list[int]:
    """A total in whole parts, at least 1 each, by shares.

    >>> _parts_of(10, [2, 1, 1])
    [5, 3, 2]
    """
    ends = np.round(np.cumsum(shares) / np.sum(shares) * total).astype(int)
    return np.maximum(1, np.diff([0, *ends])).tolist()
