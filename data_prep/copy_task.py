"""The long-range test: a symbol is shown, then distractors, then a question: which symbol was it?

After experiment 2 of Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735:
nothing between the first step and the last helps, so who answers has remembered for that long.
"""

from dataclasses import dataclass

import numpy as np

PAD = 0


@dataclass(frozen=True)
class CopyTask:
    """The alphabet of the task. Ids: PAD, then the symbols, the distractors, the question."""

    symbols: int = 8  # one of which is shown
    distractors: int = 8  # kinds of token that stand between

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
    def chance(self) -> float:
        """Accuracy of an answer that does not look."""
        return 1 / self.symbols

    def batch(
        self, distances: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sequences with new symbols and distractors, each drawn evenly.

        Args:
            distances: (B,) number of distractors between a sequence's symbol and its question.
            random: what they are drawn from.

        Returns:
            ids (B, longest distance + 2) int32, padding at the end; answers (B,) int32, the shown
            symbols counted from 0.

        Raises:
            ValueError: there is no sequence, or a distance below 0.
        """
        distances = np.asarray(distances)
        if not distances.size or distances.min() < 0:
            raise ValueError(f"distances must be 0 or more, and at least one (got {distances})")
        rows, columns = len(distances), int(distances.max()) + 2
        answers = random.integers(self.symbols, size=rows, dtype=np.int32)
        first = 1 + self.symbols
        ids = random.integers(first, self.question, size=(rows, columns), dtype=np.int32)
        ids[:, 0] = 1 + answers
        asked = distances[:, None] + 1
        steps = np.arange(columns)[None]
        ids[steps > asked] = PAD
        ids[steps == asked] = self.question
        return ids, answers
