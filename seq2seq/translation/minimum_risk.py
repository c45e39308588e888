"""Minimum-Bayes-risk choice: of a sentence's outputs the one that is most like all of them.

The expected utility of an output is the sum over all outputs r of p(r) u(output, r), u being the
chrF or BLEU of a sentence, 0 to 100. Of a beam, p is the network's probability, normalised over the
list (Kumar and Byrne 2004, https://aclanthology.org/N04-1022); samples count alike, because they
were drawn by it (Eikema and Aziz 2020, https://aclanthology.org/2020.coling-main.398, eq. 6), or by
what `temperature`, `top_k` and `top_p` make of it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from sacrebleu.metrics import CHRF

from seq2seq.config.sections import DecodingConfig
from seq2seq.data.subwords import Subwords
from seq2seq.scoring.metrics import bleu
from seq2seq.translation.batch_search import Translation

Utility = Callable[[str, str], float]  # (output, taken for the reference) -> how alike


class MinimumRisk:
    """Orders the outputs of a sentence by expected utility, which becomes their score.

    Args:
        decoding: what utility, and of what outputs.
        subwords: the vocabulary.
        language: BCP 47 tag of the outputs, which says what words BLEU counts.

    Raises:
        ConfigError: see `seq2seq.scoring.metrics.bleu`.
    """

    def __init__(self, decoding: DecodingConfig, subwords: Subwords, language: str | None) -> None:
        self._decoding = decoding
        self._subwords = subwords
        self._utility = utility(decoding.mbr, language)

    def __call__(self, outputs: list[Translation]) -> list[Translation]:
        """The `n_best` of a search's outputs; of two equal ones the search's better goes first.

        Copies of a text go behind all others: they are only there to be counted.
        """
        if not outputs:
            return []
        texts = [self._subwords.decode(output.ids) for output in outputs]
        shares = [1.0] * len(outputs)
        if not self._decoding.sampling:
            best = max(output.log_probability for output in outputs)
            shares = [math.exp(output.log_probability - best) for output in outputs]
        expected = expected_utilities(texts, shares, self._utility)
        copies = [text in texts[:number] for number, text in enumerate(texts)]
        ranked = sorted(range(len(texts)), key=lambda number: (copies[number], -expected[number]))
        kept = ranked[: self._decoding.n_best]
        return [replace(outputs[number], score=expected[number]) for number in kept]


def expected_utilities(
    texts: Sequence[str], shares: Sequence[float], utility: Utility
) -> list[float]:
    """Of each text, its mean utility with all texts, itself among them, taken for references.

    Args:
        texts: outputs; equal ones count together.
        shares: of each text in the mean, in any scale.
        utility: see the type.
    """
    weights: dict[str, float] = {}
    for text, share in zip(texts, shares, strict=True):
        weights[text] = weights.get(text, 0.0) + share
    total = sum(weights.values())
    expected = {
        text: sum(weight * utility(text, other) for other, weight in weights.items()) / total
        for text in weights
    }
    return [expected[text] for text in texts]


def utility(name: str, language: str | None) -> Utility:
    """The chrF of a sentence as sacreBLEU counts it, or its BLEU, by 'chrf' or 'bleu'.

    BLEU is smoothed, and leaves out n-grams that are longer than the output (effective order).

    Args:
        name: which.
        language: see `MinimumRisk`.
    """
    metric = CHRF() if name == "chrf" else bleu(language, of_sentences=True)
    return lambda output, reference: metric.sentence_score(output, [reference]).score
