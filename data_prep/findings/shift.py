"""Passages that are out of step: line N fits line N + 1 of the other side, not line N.

A sentence and its translation are about equally long, so over a passage the lengths of the two
sides rise and fall together; where one line is missing they do so one line apart. (That lengths
align text: Gale and Church 1993, https://aclanthology.org/J93-1004.)
"""

from collections import deque
from dataclasses import dataclass, replace
from statistics import StatisticsError, correlation

PASSAGE = 100  # lines compared at once, so that chance correlations stay below 0.5 by 5 deviations
STEP = 50  # lines from one passage to the next
FURTHEST = 3  # lines between a line and the neighbour tried
LEAST_FIT = 0.5  # correlation of ranks that a neighbour must reach,
LEAST_GAIN = 0.4  # and by how much it must exceed that of the own line


@dataclass(frozen=True)
class Shift:
    """Source lines, counted from 1, that fit the target `offset` lines further down.

    `fit` and `own_fit` are correlations of lengths, with those target lines and with their own.
    """

    first: int
    last: int
    offset: int
    fit: float
    own_fit: float


class ShiftFinder:
    """A finder of passages out of step, which takes the lengths of pairs one at a time."""

    def __init__(self) -> None:
        """Makes one that holds no more than the last few lines."""
        self.shifts: list[Shift] = []
        self._recent: deque[tuple[int, int]] = deque(maxlen=PASSAGE + 2 * FURTHEST)
        self._line = 0
        self._compared = 0

    def add(self, source_length: int, target_length: int) -> None:
        """Adds the lengths of the next pair, in any unit that grows with the text."""
        self._recent.append((source_length, target_length))
        self._line += 1
        if self._line - self._compared >= STEP:
            self._compare()

    def finish(self) -> list[Shift]:
        """The passages out of step, the end of the text included."""
        if self._line > self._compared:
            self._compare()
        return self.shifts

    def _compare(self) -> None:
        if len(self._recent) < PASSAGE + 2 * FURTHEST:
            return
        self._compared = self._line
        sources, targets = (_ranks(lengths) for lengths in zip(*self._recent, strict=True))
        sources = sources[FURTHEST : FURTHEST + PASSAGE]
        fits = {
            offset: _correlation(sources, targets[FURTHEST + offset :][:PASSAGE])
            for offset in range(-FURTHEST, FURTHEST + 1)
        }
        best = max(fits, key=lambda offset: fits[offset])
        if fits[best] >= LEAST_FIT and fits[best] - fits[0] >= LEAST_GAIN:
            last = self._line - FURTHEST
            self._note(Shift(last - PASSAGE + 1, last, best, fits[best], fits[0]))

    def _note(self, shift: Shift) -> None:
        """Adds a passage, or lengthens the one before where it goes on alike."""
        if self.shifts:
            before = self.shifts[-1]
            if before.offset == shift.offset and shift.first <= before.last + 1:
                self.shifts[-1] = replace(before, last=shift.last)
                return
        self.shifts.append(shift)


def _ranks(lengths: tuple[int, ...]) -> list[float]:
    """Ranks from 0, equal lengths sharing the mean of theirs: one huge line weighs little."""
    places: dict[int, list[int]] = {}
    for place, length in enumerate(sorted(lengths)):
        places.setdefault(length, []).append(place)
    return [(places[length][0] + places[length][-1]) / 2 for length in lengths]


def _correlation(sources: list[float], targets: list[float]) -> float:
    try:
        return round(correlation(sources, targets), 2) + 0.0  # never -0.0
    except StatisticsError:  # all lengths are the same
        return 0.0
