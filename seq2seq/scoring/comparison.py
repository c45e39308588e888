"""Confidence intervals of scores, and p-values of differences between two translations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest, Result

SAMPLES = 1000  # drawn from the lines, with a fixed seed

Metric = BLEU | CHRF | TER


@dataclass(frozen=True)
class Measured:
    """The score of one translation by one metric."""

    metric: str  # BLEU, chrF or TER
    score: float
    interval: float  # half width of 95 %
    signature: str


@dataclass(frozen=True)
class Compared(Measured):
    """The score beside that of a baseline's translation of the same lines."""

    baseline: float
    baseline_interval: float
    p_value: float  # that so large a difference comes from the choice of the lines

    @property
    def gain(self) -> float:
        """The difference to the baseline, signed so that positive is better, for TER too."""
        difference = self.score - self.baseline
        return -difference if self.metric == "TER" else difference


def measure(translations: Sequence[str], references: Sequence[str]) -> list[Measured]:
    """BLEU, chrF and TER with intervals from bootstrap samples of the lines.

    Koehn 2004, https://aclanthology.org/W04-3250.

    Raises:
        ValueError: the counts differ or there is nothing to score.
    """
    return [
        Measured(name, float(ours.score), float(ours.ci or 0), signature)
        for name, signature, (ours,) in _bootstrapped(_metrics(), [translations], references)
    ]


def bleu_interval(translations: Sequence[str], references: Sequence[str]) -> float:
    """Half width of the 95 % interval of BLEU, as `measure` has it, without the other metrics."""
    ((_, _, (ours,)),) = _bootstrapped({"BLEU": BLEU(force=True)}, [translations], references)
    return float(ours.ci or 0)


def compare(
    translations: Sequence[str], baseline: Sequence[str], references: Sequence[str]
) -> list[Compared]:
    """BLEU, chrF and TER of two translations, with p-values by paired bootstrap resampling.

    Koehn 2004, section 4, https://aclanthology.org/W04-3250; sacreBLEU's `PairedTest`.

    Args:
        translations: a line for each reference.
        baseline: another translation of the same lines.
        references: one for each line.

    Raises:
        ValueError: the counts differ or there is nothing to score.
    """
    systems = [baseline, translations]
    return [
        _compared(name, signature, *results)
        for name, signature, results in _bootstrapped(_metrics(), systems, references)
    ]


def _bootstrapped(
    metrics: Mapping[str, Metric], systems: Sequence[Sequence[str]], references: Sequence[str]
) -> list[tuple[str, str, list[Result]]]:
    """Name and signature of each metric, and its results for each system."""
    sizes = {len(references), *map(len, systems)}
    if len(sizes) != 1 or not references:
        raise ValueError(f"texts of {sorted(sizes)} lines; each needs one for each reference")
    signatures, scores = PairedTest(
        [(str(number), system) for number, system in enumerate(systems)],
        metrics,
        [references],
        test_type="bs",
        n_samples=SAMPLES,
    )()
    return [
        (name, str(signatures[key]), cast(list[Result], scores[key]))
        for name, key in zip(metrics, signatures, strict=True)  # sacreBLEU's own key says chrF2
    ]


def _compared(name: str, signature: str, theirs: Result, ours: Result) -> Compared:
    # sacreBLEU counts samples whose difference is above the measured one: of equal texts, none.
    p_value = 1.0 if ours.score == theirs.score else float(ours.p_value or 0)
    return Compared(
        metric=name,
        score=float(ours.score),
        interval=float(ours.ci or 0),
        signature=signature,
        baseline=float(theirs.score),
        baseline_interval=float(theirs.ci or 0),
        p_value=p_value,
    )


def _metrics() -> dict[str, Metric]:
    # force: no warning about spaces before full stops
    return {"BLEU": BLEU(force=True), "chrF": CHRF(), "TER": TER()}
