"""BLEU, chrF and TER by sacreBLEU, each with the signature that says how it was computed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sacrebleu.metrics import BLEU, CHRF, TER


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


def corpus_scores(translations: Sequence[str], references: Sequence[str]) -> Scores:
    """Scores of detokenised text against one reference a line, with sacreBLEU's defaults.

    BLEU (13a) and chrF see case, TER does not.

    Post 2018, https://aclanthology.org/W18-6319.

    Raises:
        ValueError: the counts differ or there is nothing to score.
    """
    if len(translations) != len(references) or not references:
        raise ValueError(f"{len(translations)} translations for {len(references)} references")
    metrics = (BLEU(force=True), CHRF(), TER())  # force: no warning about spaces before full stops
    values = [round(m.corpus_score(translations, [references]).score, 2) for m in metrics]
    signatures = [str(m.get_signature()) for m in metrics]
    return Scores(*values, *signatures)


def corpus_bleu(translations: Sequence[str], references: Sequence[str]) -> float:
    """BLEU, unrounded, without the metrics that take seconds on long corpora."""
    return BLEU(force=True).corpus_score(translations, [references]).score
