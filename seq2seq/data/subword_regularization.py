"""Subword regularisation: random segmentations of some words in training.

Kudo 2018, https://arxiv.org/abs/1804.10959, section 3.3: a segmentation x of a word is drawn with
probability proportional to P(x) ** alpha among the likeliest few. Subwords of the unigram kind
never cross a space, so drawing word by word is drawing the sentence. SentencePiece's own sampling
cannot be seeded from the graph; here the same seed, epoch and line give the same ids, which
resuming relies on.
"""

import itertools
import math
import random
from bisect import bisect_right
from functools import lru_cache

from seq2seq.data.subwords import WORD_START, Subwords

SEGMENTATIONS_KEPT = 16  # for a word
WORDS_KEPT = 200_000  # words whose candidates stay in memory


class SubwordSampler:
    """An encoder of text that draws segmentations at random.

    Args:
        subwords: a vocabulary of the unigram kind.
        share: probability that a word's segmentation is drawn; the others keep the likeliest.
        smoothness: alpha; 1 draws by the model's probabilities, near 0 uniformly.
    """

    def __init__(self, subwords: Subwords, share: float, smoothness: float) -> None:
        self._subwords = subwords
        self._share = share
        self._smoothness = smoothness
        self._candidates = lru_cache(WORDS_KEPT)(self._find_candidates)

    def encode(self, text: str, seed: int) -> list[int]:
        """Ids of a text, without BOS and EOS; the same seed gives the same ids."""
        draw = random.Random(seed).random
        ids: list[int] = []
        for word in self._subwords.normalize(text).split(WORD_START):
            if word:
                segmentations, cumulative = self._candidates(word)
                drawn = draw() < self._share
                ids += segmentations[bisect_right(cumulative, draw()) if drawn else 0]
        return ids

    def _find_candidates(self, word: str) -> tuple[list[list[int]], list[float]]:
        """A word's segmentations, best first, and the upper ends of their shares of [0, 1)."""
        found = self._subwords.segmentations(word, SEGMENTATIONS_KEPT)
        best = found[0][1]
        weights = [math.exp(self._smoothness * (score - best)) for _, score in found]
        total = sum(weights)
        ends = [end / total for end in itertools.accumulate(weights)]
        return [ids for ids, _ in found], ends[:-1]
