"""Confidence intervals of scores, and p-values of differences between two translations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sacrebleu.significance import PairedTest, Result

from seq2seq.scoring.metrics import LOWER_IS_BETTER, USUAL, Metric, bleu, metrics, without_blanks

SAMPLES = 1000  # drawn from the lines, with a fixed seed


@dataclass(frozen=True)
class Measured:
    """The score of one translation by one metric."""

    metric: str  # as it is shown, see `metrics.NAMES`
    score: float
    interval: float  # half width of 95 %
    signature: str

    @property
    def lower_is_better(self) -> bool:
        """Whether the metric counts errors."""
        return self.metric in LOWER_IS_BETTER


@dataclass(frozen=True)
class Compared(Measured):
    """The score beside that of a baseline's translation of the same lines."""

    baseline: float
    baseline_interval: float
    # One-sided: how often resampled lines would give so large a gain, or loss, if there were none.
    p_value: float

    @property
    def gain(self) -> float:
        """The difference to the baseline, signed so that positive is better, for errors too."""
        difference = self.score - self.baseline
        return -difference if self.lower_is_better else difference


def measure(
    translations: Sequence[str],
    references: Sequence[str],
    language: str | None = None,
    names: Sequence[str] = USUAL,
    others: Sequence[Sequence[str]] = (),
) -> list[Measured]:
    """Scores with intervals from bootstrap samples of the lines.

    Koehn 2004, https://aclanthology.org/W04-3250.

    Args:
        translations: a line for each reference.
        references: one for each line.
        language: of both, a BCP 47 tag: what words are, see `metrics.bleu`.
        names: metrics, of `metrics.NAMES`.
        others: more references for each line; a blank one is none.

    Raises:
        ValueError: the counts differ or there is nothing to score.
        ConfigError: the language needs MeCab, and it is not installed.
    """
    return [
        Measured(name, float(ours.score), float(ours.ci or 0), signature)
        for name, signature, (ours,) in _bootstrapped(
            metrics(language, names), [translations], [references, *others]
        )
    ]


def bleu_interval(
    translations: Sequence[str], references: Sequence[str], language: str | None = None
) -> float:
    """Half width of the 95 % interval of BLEU, as `measure` has it, without the other metrics.

    Args:
        translations: see `measure`, as the others.
        references: one for each line.
        language: of both.
    """
    only = {"BLEU": bleu(language)}
    ((_, _, (ours,)),) = _bootstrapped(only, [translations], [references])
    return float(ours.ci or 0)


def compare(
    translations: Sequence[str],
    baseline: Sequence[str],
    references: Sequence[str],
    language: str | None = None,
    names: Sequence[str] = USUAL,
    others: Sequence[Sequence[str]] = (),
) -> list[Compared]:
    """Scores of two translations, with one-sided p-values by paired bootstrap resampling.

    Koehn 2004, section 4, https://aclanthology.org/W04-3250; sacreBLEU's `PairedTest`.

    Args:
        translations: a line for each reference.
        baseline: another translation of the same lines.
        references: one for each line.
        language: of all three, see `measure`.
        names: metrics, of `metrics.NAMES`.
        others: more references, see `measure`.

    Raises:
        ValueError: the counts differ or there is nothing to score.
        ConfigError: the language needs MeCab, and it is not installed.
    """
    used, systems = metrics(language, names), [baseline, translations]
    return [
        _compared(name, signature, *results)
        for name, signature, results in _bootstrapped(used, systems, [references, *others])
    ]


def _bootstrapped(
    used: Mapping[str, Metric],
    systems: Sequence[Sequence[str]],
    references: Sequence[Sequence[str]],
) -> list[tuple[str, str, list[Result]]]:
    """Name and signature of each metric, and its results for each system."""
    first, *others = references
    sizes = set(map(len, [*references, *systems]))
    if len(sizes) != 1 or not first:
        raise ValueError(f"texts of {sorted(sizes)} lines; each needs one for each reference")
    signatures, scores = PairedTest(
        [(str(number), system) for number, system in enumerate(systems)],
        used,
        [first, *without_blanks(others)],
        test_type="bs",
        n_samples=SAMPLES,
    )()
    return [
        (name, str(signatures[key]), cast(list[Result], scores[key]))
        for name, key in zip(used, signatures, strict=True)  # sacreBLEU's own key says chrF2
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
