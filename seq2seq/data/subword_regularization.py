"""Subword regularisation: random segmentations of words in training.

Of the unigram kind, Kudo 2018, https://arxiv.org/abs/1804.10959, section 3.3: a segmentation x of a
word is drawn with probability proportional to P(x) ** alpha among the likeliest few. Of the BPE
kind, BPE-dropout, Provilkov et al. 2020, https://arxiv.org/abs/1910.13267, as SentencePiece draws
it. Subwords never cross a space, so drawing word by word is drawing the sentence. SentencePiece's
own sampling takes its seed from the system, once a thread; here the same seed, epoch and line give
the same ids, which resuming relies on.
"""

import heapq
import itertools
import math
import random
import re
from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property, lru_cache

from seq2seq.config.sections import SubwordConfig
from seq2seq.data.subwords import FIRST_BYTE, WORD_START, Subwords

SEGMENTATIONS_KEPT = 16  # for a word
WORDS_KEPT = 200_000  # words whose candidates stay in memory

Draw = Callable[[], float]  # a number in [0, 1)


def make_sampler(subwords: Subwords, config: SubwordConfig) -> "SubwordSampler | BPEDropout":
    """What draws segmentations as `sampling` says, for the vocabulary's kind."""
    if config.kind == "bpe":
        return BPEDropout(subwords, config.sampling)
    return SubwordSampler(subwords, config.sampling, config.sampling_smoothness)


class BPEDropout:
    """An encoder of text that leaves out merges of byte pair encoding at random.

    Args:
        subwords: a vocabulary of the bpe kind.
        share: probability that a merge, when its turn comes, is left out: p of the paper.
    """

    def __init__(self, subwords: Subwords, share: float) -> None:
        self._subwords = subwords
        self._share = share
        self._pieces = subwords.written_pieces()  # a merge is known by what it makes
        symbols = sorted((piece for piece, one in self._pieces.items() if one.whole), key=len)
        longest_first = "|".join(map(re.escape, reversed(symbols)))
        self._symbols = set(symbols)
        self._first_cut = re.compile(f"{longest_first}|." if symbols else ".", re.DOTALL)

    def encode(self, text: str, seed: int) -> list[int]:
        """Ids of a text, without BOS and EOS; the same seed gives the same ids."""
        draw = random.Random(seed).random
        ids: list[int] = []
        for word in self._subwords.normalize(text).split(WORD_START):
            if word:
                for part in self._merged(WORD_START + word, draw):
                    ids += self._ids(part)
        return ids

    def _merged(self, word: str, draw: Draw) -> list[str]:
        """A word's parts, after merges from the best on, each of which happens or not."""
        parts = self._first_cut.findall(word)
        # Neighbours by their places: a part that was merged into the one before it is "".
        before, after = list(range(-1, len(parts) - 1)), list(range(1, len(parts) + 1))
        waiting: list[tuple[float, int, int, str]] = []

        def consider(left: int, right: int) -> None:
            if left < 0 or right >= len(parts) or {parts[left], parts[right]} & self._symbols:
                return
            whole = parts[left] + parts[right]
            if piece := self._pieces.get(whole):
                heapq.heappush(waiting, (-piece.score, left, right, whole))

        for place in range(len(parts) - 1):
            consider(place, place + 1)
        while waiting:
            _, left, right, whole = heapq.heappop(waiting)
            is_there = parts[left] and parts[right] and parts[left] + parts[right] == whole
            if not is_there or draw() < self._share:
                continue
            parts[left], parts[right], after[left] = whole, "", after[right]
            if after[right] < len(parts):
                before[after[right]] = left
            consider(before[left], left)
            consider(left, after[left])
        return [part for part in parts if part]

    def _ids(self, part: str) -> list[int]:
        if piece := self._pieces.get(part):
            return [piece.id]
        return [FIRST_BYTE + byte for byte in part.encode()]


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
        whole = self._symbols_of(found[0][0])
        found = [each for each in found if self._symbols_of(each[0]) == whole]
        best = found[0][1]
        weights = [math.exp(self._smoothness * (score - best)) for _, score in found]
        total = sum(weights)
        ends = [end / total for end in itertools.accumulate(weights)]
        return [ids for ids, _ in found], ends[:-1]

    @cached_property
    def _symbols(self) -> set[int]:
        return {piece.id for piece in self._subwords.written_pieces().values() if piece.whole}

    def _symbols_of(self, ids: list[int]) -> list[int]:
        """The symbols among ids, which are never split."""
        return [each for each in ids if each in self._symbols]
