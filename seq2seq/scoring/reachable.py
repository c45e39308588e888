"""References that no output can equal: a vocabulary normalises text, and so never writes some.

NFKC (Unicode Standard Annex 15) folds compatibility forms: the full-width marks of Chinese and
Japanese, the vowels am of Thai and Lao, an ellipsis, 1º. SentencePiece's `nmt` rules also turn
characters that join or part letters into spaces, as in Persian and Khmer.
"""

import difflib
import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

Normalizer = Callable[[str], str]


class Altered(NamedTuple):
    """What normalisation does to lines of text."""

    lines: int
    changed: int  # of them come back as something else
    example: tuple[str, str] | None  # what the first of these has, and what stands in its place

    @property
    def share(self) -> float:
        """Changed lines in all."""
        return self.changed / max(1, self.lines)


def comes_back(text: str, normalize: Normalizer) -> bool:
    """Whether normalised text is the text, but for white space and how accents are encoded."""
    return text.isascii() or _words(text) == _words(_written(normalize(text)))


def altered(texts: Iterable[str], normalize: Normalizer) -> Altered:
    """Counts the texts that do not come back."""
    lines = changed = 0
    example = None
    for text in texts:
        lines += 1
        if not comes_back(text, normalize):
            changed += 1
            example = example or _difference(text, normalize)
    return Altered(lines, changed, example)


def _written(normalized: str) -> str:
    return normalized.replace("▁", " ")


def _words(text: str) -> list[str]:
    return unicodedata.normalize("NFC", text).split()


def _difference(text: str, normalize: Normalizer) -> tuple[str, str]:
    """The first part that another one stands in place of."""
    before, after = (" ".join(_words(each)) for each in (text, _written(normalize(text))))
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    _, start, end, other_start, other_end = next(each for each in blocks if each[0] != "equal")
    return before[start:end], after[other_start:other_end]
