"""Long-range tests: sequences whose answer is far back, between steps that say nothing.

    task = CopyTask()
    ids, answers = task.batch(np.full(32, 100), np.random.default_rng(1))

After experiments 2 and 6a of Hochreiter and Schmidhuber 1997,
https://doi.org/10.1162/neco.1997.9.8.1735. What is copied has to be kept; what is overwritten or
put into order has to be kept until more comes, and then changed.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

PAD = 0


@dataclass(frozen=True)
class MemoryTask(ABC):
    """An alphabet. Ids: PAD, then the symbols, the distractors, the question."""

    symbols: int = 8  # that answers depend on
    distractors: int = 8  # kinds of token that stand between

    shortest = 0  # distance

    def __post_init__(self) -> None:
        """Rejects a task that asks nothing."""
        if self.symbols < 2 or self.distractors < 1:
            raise ValueError(
                "a task needs 2 symbols and 1 distractor at least "
                f"(got {self.symbols} and {self.distractors})"
            )

    @property
    def question(self) -> int:
        """The id that asks."""
        return 1 + self.symbols + self.distractors

    @property
    def vocabulary_size(self) -> int:
        """Number of ids."""
        return self.question + 1

    @property
    def choices(self) -> int:
        """Number of answers."""
        return self.symbols

    @property
    def chance(self) -> float:
        """Accuracy of an answer that does not look."""
        return 1 / self.choices

    def batch(
        self, distances: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sequences with new symbols and distractors, each drawn evenly.

        Args:
            distances: (B,) number of steps between a sequence's first step and its question.
            random: what they are drawn from.

        Returns:
            ids (B, longest distance + 2) int32, padding at the end; answers (B,) int32, from 0.

        Raises:
            ValueError: there is no sequence, or a distance is too short.
        """
        distances = np.asarray(distances)
        if not distances.size or distances.min() < self.shortest:
            raise ValueError(
                f"distances must be {self.shortest} or more, and at least one (got {distances})"
            )
        rows, columns = len(distances), int(distances.max()) + 2
        ids = random.integers(1 + self.symbols, self.question, size=(rows, columns), dtype=np.int32)
        answers = self._show(ids, distances, random)
        asked = distances[:, None] + 1
        steps = np.arange(columns)[None]
        ids[steps > asked] = PAD
        ids[steps == asked] = self.question
        return ids, answers

    @abstractmethod
    def _show(
        self, ids: np.ndarray, distances: np.ndarray, random: np.random.Generator
    ) -> np.ndarray:
        """Writes symbols over distractors (B, T); returns the answers (B,)."""


class CopyTask(MemoryTask):
    """The first step is a symbol, as in experiment 2: which?"""

    def _show(
        self, ids: np.ndarray, distances: np.ndarray, random: np.random.Generator
    ) -> np.ndarray:
        answers = random.integers(self.symbols, size=len(ids), dtype=np.int32)
        ids[:, 0] = 1 + answers
        return answers


@dataclass(frozen=True)
class LastSymbolTask(MemoryTask):
    """Symbols come at the first step and later in the first half: which was the last?

    Who answers has let go of all that came before it.
    """

    later: int = 3  # symbols after the first; where two fall on one step, one of them is there

    def _show(
        self, ids: np.ndarray, distances: np.ndarray, random: np.random.Generator
    ) -> np.ndarray:
        rows = np.arange(len(ids))
        last, answers = np.full(len(ids), -1), np.zeros(len(ids), np.int32)
        places = [np.zeros_like(distances)]
        places += [random.integers(0, distances // 2 + 1) for _ in range(self.later)]
        for place in places:
            shown = random.integers(self.symbols, size=len(ids), dtype=np.int32)
            ids[rows, place] = 1 + shown
            answers = np.where(place >= last, shown, answers)
            last = np.maximum(place, last)
        return answers


@dataclass(frozen=True)
class OrderTask(MemoryTask):
    """Two symbols, behind a tenth and behind half of the steps: which, in which order?

    Experiment 6a, where a sequence of 100 has one at 10 to 20 and one at 50 to 60.
    """

    symbols: int = 2
    distractors: int = 4

    shortest = 1  # two symbols before the question

    @property
    def choices(self) -> int:
        """Number of answers."""
        return self.symbols**2

    def _show(
        self, ids: np.ndarray, distances: np.ndarray, random: np.random.Generator
    ) -> np.ndarray:
        rows, answers = np.arange(len(ids)), np.zeros(len(ids), np.int32)
        for share in (0.1, 0.5):
            place = (random.uniform(share, share + 0.1, len(ids)) * (distances + 1)).astype(int)
            shown = random.integers(self.symbols, size=len(ids), dtype=np.int32)
            ids[rows, place] = 1 + shown
            answers = answers * self.symbols + shown
        return answers
