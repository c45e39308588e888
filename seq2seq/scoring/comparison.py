"""How sure a score is, and whether a difference between two translations is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest, Result

SAMPLES = 1000  # drawn from the lines, with a fixed seed


@dataclass(frozen=True)
class Measured:
    """One metric of one translation."""

    metric: str  # BLEU, chrF or TER
    score: float
    interval: float  # half width of 95 %
    signature: str


@dataclass(frozen=True)
class Compared(Measured):
    """The same beside a baseline's translation of the same lines."""

    baseline: float
    baseline_interval: float
    p_value: float  # that so large a difference comes from the choice of the lines

    @property
    def gain(self) -> float:
        """What the translation has over the baseline: positive is better, for TER too."""
        difference = self.score - self.baseline
        return -difference if self.metric == "TER" else difference


def measure(translations: Sequence[str], references: Sequence[str]) -> list[Measured]:
    """BLEU, chrF and TER with intervals from bootstrap samples of the lines.

    Koehn 2004, https://aclanthology.org/W04-3250.
    """
    found = []
    for name, metric in _metrics().items():
        score = metric.corpus_score(translations, [references], n_bootstrap=SAMPLES)
        found.append(Measured(name, score.score, float(score._ci), str(metric.get_signature())))
    return found


def compare(
    translations: Sequence[str], baseline: Sequence[str], references: Sequence[str]
) -> list[Compared]:
    """The same, and by paired bootstrap resampling, the p-value of the difference to a baseline.

    Koehn 2004, section 4, https://aclanthology.org/W04-3250; sacreBLEU's `PairedTest`.

    Raises:
        ValueError: the counts differ or there is nothing to score.
    """
    sizes = {len(translations), len(baseline), len(references)}
    if len(sizes) != 1 or not references:
        raise ValueError(f"texts of {sorted(sizes)} lines; each needs one for each reference")
    metrics = _metrics()
    signatures, scores = PairedTest(
        [("baseline", baseline), ("translation", translations)],
        metrics,
        [references],
        test_type="bs",
        n_samples=SAMPLES,
    )()
    return [
        _compared(name, str(signatures[key]), *cast(list[Result], scores[key]))
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


def _metrics() -> dict[str, BLEU | CHRF | TER]:
    # force: no warning about spaces before full stops
    return {"BLEU": BLEU(force=True), "chrF": CHRF(), "TER": TER()}
