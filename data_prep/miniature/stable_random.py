"""Random choices that are the same on every version of Python."""

import random
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


class StableRandom:
    """Choices by `random.Random.random` alone, whose sequence Python promises to keep."""

    def __init__(self, seed: int):
        """Starts the sequence that belongs to `seed`."""
        self._random = random.Random(seed)

    def chance(self, probability: float) -> bool:
        """True with a probability between 0 and 1."""
        return self._random.random() < probability

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items, all equally likely."""
        return items[int(self._random.random() * len(items))]

    def pick_weighted(self, weighted: Sequence[tuple[int, Item]]) -> Item:
        """One of the items, each as likely as its whole-number weight says."""
        point = int(self._random.random() * sum(weight for weight, _ in weighted))
        for weight, item in weighted:
            if point < weight:
                return item
            point -= weight
        raise ValueError("weights must be positive whole numbers")
