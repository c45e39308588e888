"""Metrics of tasks with one right answer (sounds, word forms, numbers): exact matches and edits.

They take part in sacreBLEU's bootstrap and significance tests as its own metrics do. Of several
references the one counts that an output is nearest to.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from rapidfuzz.distance import Levenshtein
from sacrebleu.metrics.base import Metric, Score, Signature

Unit = Literal["words", "characters", "lines"]


class EditSignature(Signature):
    """Says what is compared, and that case counts."""

    def __init__(self, args: dict) -> None:
        super().__init__(args)
        self.info.update({"case": "mixed", "unit": args["unit"]})


class EditMetric(Metric):
    """A ratio of sums over lines.

    - "exact match": share of lines that are one of their references, in percent;
    - "WER", "CER": insertions, deletions and substitutions, of words as spaces part them or of
      characters, in percent of the reference's. Where words are sounds, the WER is the PER;
    - "edit distance": the same of characters, a line;
    - "symbol edit distance": of words, a line. Where a word is a character of a form, it is what
      SIGMORPHON's evaluations call the Levenshtein distance.

    Spaces at the ends of lines do not count.

    Args:
        name: one of these.
    """

    UNITS: ClassVar[dict[str, Unit]] = {
        "exact match": "lines",
        "WER": "words",
        "CER": "characters",
        "edit distance": "characters",
        "symbol edit distance": "words",
    }
    _SIGNATURE_TYPE = EditSignature

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.unit = self.UNITS[name]
        self._is_mean = name.endswith("distance")  # over lines
        self._force = True  # no warning about spaces before stops

    def _preprocess_segment(self, sent: str) -> str:
        return sent.strip()

    def _extract_reference_info(self, refs: Sequence[str]) -> dict[str, Any]:
        return {"references": refs}

    def _compute_segment_statistics(self, hypothesis: str, ref_kwargs: dict) -> list[float]:
        """Numerator and denominator of a line."""
        references = ref_kwargs["references"]
        if self.unit == "lines":
            return [hypothesis in references, 1]
        cut = str.split if self.unit == "words" else list
        tokens = cut(hypothesis)
        edits = [(Levenshtein.distance(tokens, cut(each)), len(cut(each))) for each in references]
        best = min(edits, key=lambda each: each[0] / (1 if self._is_mean else max(1, each[1])))
        return [best[0], 1 if self._is_mean else best[1]]

    def _aggregate_and_compute(self, stats: list[list[float]]) -> Score:
        return self._compute_score_from_stats([sum(each) for each in zip(*stats, strict=True)])

    def _compute_score_from_stats(self, stats: list[float]) -> Score:
        scale = 1 if self._is_mean else 100
        return Score(self.name, scale * stats[0] / max(1, stats[1]))
