"""BLEU, chrF and TER by sacreBLEU, each with the signature that says how it was computed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from seq2seq.scoring.metrics import metrics


@dataclass(frozen=True)
class Scores:
    """Corpus scores on their usual scale, 0 to 100 (TER may exceed 100; lower is better there)."""

    bleu: float
    chrf: float
    ter: float
    bleu_signature: str
    chrf_signature: str
    ter_signature: str

    def as_dict(self) -> dict[str, float | str]:
        """The scores and signatures by their field names."""
        return asdict(self)


def corpus_scores(
    translations: Sequence[str], references: Sequence[str], language: str | None = None
) -> Scores:
    """Scores of detokenised text against one reference a line, with sacreBLEU's defaults.

    BLEU and chrF see case, TER does not.

    Args:
        translations: a line for each reference.
        references: one for each line.
        language: of both, a BCP 47 tag: what words are, see `metrics.bleu`.

    Raises:
        ValueError: the counts differ or there is nothing to score.
        ConfigError: the language needs MeCab, and it is not installed.
    """
    if len(translations) != len(references) or not references:
        raise ValueError(f"{len(translations)} translations for {len(references)} references")
    used = metrics(language).values()
    values = [round(each.corpus_score(translations, [references]).score, 2) for each in used]
    signatures = [str(each.get_signature()) for each in used]
    return Scores(*values, *signatures)


def corpus_bleu(
    translations: Sequence[str], references: Sequence[str], language: str | None = None
) -> float:
    """BLEU, unrounded, without the metrics that take seconds on long corpora.

    Args:
        translations: see `corpus_scores`, as the others.
        references: one for each line.
        language: of both.

    Raises:
        ConfigError: the language needs MeCab, and it is not installed.
    """
    return corpus_score("bleu", translations, references, language)


def corpus_score(
    name: str, translations: Sequence[str], references: Sequence[str], language: str | None = None
) -> float:
    """A single metric, unrounded.

    Args:
        name: of `metrics.NAMES`.
        translations: see `corpus_scores`, as the others.
        references: one for each line.
        language: of both.

    Raises:
        ConfigError: the language needs MeCab, and it is not installed.
    """
    (metric,) = metrics(language, [name]).values()
    return float(metric.corpus_score(translations, [references]).score)
