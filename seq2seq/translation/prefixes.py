"""Prefixes as subwords: how the beginning of a translation, given as text, is forced.

Every word of a prefix but the last is forced as the subwords that it is segmented into. The last
may be unfinished, and its subwords may then be none that the whole word has: "al" is "▁a l", where
the network has only ever written "▁alte". So along the last word, each subword that begins as the
rest of the prefix does may be chosen instead. White space at the end of a prefix says that its last
word is whole: all words are forced, and what follows begins a new one.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from seq2seq.data.subwords import WHITE_SPACE, WORD_START, Subwords
from seq2seq.decoding.forced_tokens import FREE, NEW_WORD

ENDS_IN_SPACE = f"(?s).*{WHITE_SPACE}"
NO_RANGE = (0, 0)


class PrefixPlaces:
    """The places of `Prefixes` for a vocabulary.

    Args:
        subwords: the vocabulary.
    """

    def __init__(self, subwords: Subwords) -> None:
        self._subwords = subwords
        self._pieces = subwords.pieces(range(subwords.size))
        self._texts = sorted(self._pieces[subwords.first_text :])  # no special ones and no bytes
        self._longest = max(map(len, self._texts), default=1)  # characters of a subword
        self._new_word = (NEW_WORD, *self._completed_by(WORD_START))

    def of_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Places (B, P, 3) of prefixes, B texts; all of a blank one are free.

        Raises:
            DataError: the vocabulary, which has no bytes, lacks a symbol of a prefix.
        """
        rows = [
            self._places(ids, re.fullmatch(ENDS_IN_SPACE, text) is not None)
            for text, ids in zip(texts, self._subwords.encode_known(texts), strict=True)
        ]
        found = np.zeros((len(rows), max(map(len, rows), default=1), 3), np.int32)
        found[:, :, 0] = FREE
        for number, row in enumerate(rows):
            found[number, : len(row)] = row
        return found

    def exact(self, ids: Sequence[int]) -> np.ndarray:
        """Places (1, P, 3) of subwords that are forced as they are, whatever follows them."""
        return np.array([[*([i, *NO_RANGE] for i in ids), [FREE, *NO_RANGE]]], np.int32)

    def _places(self, ids: Sequence[int], is_spaced: bool) -> list[tuple[int, int, int]]:
        """The places of one prefix, and that behind its end."""
        if is_spaced and ids:
            return [*((each, *NO_RANGE) for each in ids), self._new_word]
        pieces = [self._pieces[each] for each in ids]
        starts = [place for place, piece in enumerate(pieces) if piece.startswith(WORD_START)]
        last_word = max(starts, default=0)
        ranges = [
            self._completed_by("".join(pieces[place:]))
            if place >= max(last_word, len(ids) - self._longest)
            else NO_RANGE
            for place in range(len(ids))
        ]
        places = [(each, *found) for each, found in zip(ids, ranges, strict=True)]
        return [*places, (FREE, *NO_RANGE)]

    def _completed_by(self, beginning: str) -> tuple[int, int]:
        """First and end of the subwords, in the order of their text, that begin so."""
        texts = self._texts
        first, end = bisect_left(texts, beginning), bisect_left(texts, beginning + chr(0x10FFFF))
        return (first, end) if first < end else NO_RANGE
