"""Quality flags: signs in a translation that the network lost its way.

Attention is summed over the output as in the coverage penalty of Wu et al. 2016,
https://arxiv.org/abs/1609.08144, section 7. No sign proves an error.
"""

import re
import string
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

LEAST_ATTENTION = 0.05  # summed over the output; most words get about 1, "the" or "is" often 0.2
LONGEST_PHRASE = 8  # words
LONG_PHRASE = 3  # words; from here on a phrase said twice in a row is odd
FEWEST_TIMES = 3  # in a row, for shorter phrases
MOST_RATIO = 3.0  # of lengths in subwords, either way
SHORT = 5  # subwords; up to here any ratio is usual

SPACE_MARK = "▁"
EOS_PIECE = "</s>"
BYTE = re.compile("<0x([0-9A-F]{2})>")
PUNCTUATION = string.punctuation + "„“”‚‘’«»‹›…–—¡¿。，、！？；：「」"


@dataclass(frozen=True)
class Flag:
    """A sign; `kind` is unread_source, repeated_phrase, odd_length or cut_short."""

    kind: str
    detail: str


def flags(
    source_pieces: list[str], target_pieces: list[str], weights: np.ndarray, ended: bool
) -> list[Flag]:
    """The signs in one translation.

    Args:
        source_pieces: subwords read, as SentencePiece writes them; "</s>" last.
        target_pieces: subwords written; "</s>" last.
        weights: attention (target pieces, source pieces); no columns, or 0 alone, if the network
            has none, and then no source counts as unread.
        ended: whether the network ended the output, not its length limit.

    Raises:
        ValueError: pieces and weights do not match.
    """
    expected = (len(target_pieces), len(source_pieces))
    if weights.shape not in (expected, (expected[0], 0)):
        raise ValueError(
            f"weights {weights.shape} for {expected[0]} target and {expected[1]} source pieces"
        )
    found = []
    if weights.any() and (unread := _unread(source_pieces, weights)):
        found.append(Flag("unread_source", f"no attention to {', '.join(map(_quoted, unread))}"))
    for phrase, times in _repeated([word for word, _ in words(target_pieces) if word]):
        found.append(Flag("repeated_phrase", f"{_quoted(phrase)} {times} times in a row"))
    source, target = _length(source_pieces), _length(target_pieces)
    if max(source, target) > max(SHORT, MOST_RATIO * min(source, target)):
        found.append(Flag("odd_length", f"{target} subwords for {source}"))
    if not ended:
        found.append(Flag("cut_short", f"stopped at the length limit, after {target} subwords"))
    return found


def words(pieces: list[str]) -> list[tuple[str, list[int]]]:
    """The words of some pieces, with the numbers of their pieces; "</s>" belongs to none.

    Byte pieces are shown as the characters that they make, or as they are where they make none.

    >>> words(["▁gr", "<0xC3>", "<0xBC>", "n", "▁?", "</s>"])
    [('grün', [0, 1, 2, 3]), ('?', [4])]
    """
    found: list[tuple[list[str], list[int]]] = []
    for text, numbers in _texts(pieces):
        if not found or text.startswith(SPACE_MARK):
            found.append(([], []))
        found[-1][0].append(text.replace(SPACE_MARK, ""))
        found[-1][1].extend(numbers)
    return [("".join(texts), numbers) for texts, numbers in found]


def _texts(pieces: list[str]) -> Iterator[tuple[str, list[int]]]:
    """Pieces, and the characters of byte pieces, with their numbers.

    The space before a word that is all bytes is three bytes too.
    """
    numbered = [(number, piece) for number, piece in enumerate(pieces) if piece != EOS_PIECE]
    for are_bytes, run in groupby(numbered, key=lambda each: BYTE.fullmatch(each[1]) is not None):
        if not are_bytes:
            yield from ((piece, [number]) for number, piece in run)
            continue
        numbers = [number for number, _ in run]
        data = bytes(int(pieces[number][3:5], 16) for number in numbers)
        start = 0
        for character in data.decode("utf-8", "surrogateescape"):
            end = start + len(character.encode("utf-8", "surrogateescape"))
            broken = "\udc80" <= character <= "\udcff"
            yield pieces[numbers[start]] if broken else character, numbers[start:end]
            start = end


def _unread(source_pieces: list[str], weights: np.ndarray) -> list[str]:
    """Source words, other than punctuation, that got next to no attention."""
    read = weights.sum(axis=0)
    return [
        word
        for word, numbers in words(source_pieces)
        if read[numbers].sum() < LEAST_ATTENTION
        and any(unicodedata.category(character)[0] != "P" for character in word)
    ]


def _repeated(said: list[str]) -> list[tuple[str, int]]:
    """Phrases said again and again, in order, with how often; of a loop its shortest phrase."""
    keys = [word.strip(PUNCTUATION).casefold() or word for word in said]
    loops: list[tuple[int, str, int]] = []
    loop_at = [-1] * len(keys)  # the last loop found there
    for length in range(1, LONGEST_PHRASE + 1):
        for start, end in _periodic(keys, length):
            times = (end - start) // length
            enough = times >= (2 if length >= LONG_PHRASE else FEWEST_TIMES)
            if enough and not 0 <= loop_at[start] == loop_at[end - 1]:
                loop_at[start:end] = [len(loops)] * (end - start)
                loops.append((start, " ".join(said[start : start + length]), times))
    return [(phrase, times) for _, phrase, times in sorted(loops)]


def _periodic(keys: list[str], length: int) -> Iterator[tuple[int, int]]:
    """Longest stretches in which each word is the one `length` words before it."""
    same = 0
    for place in range(length, len(keys) + 1):
        if place < len(keys) and keys[place] == keys[place - length]:
            same += 1
        elif same:
            yield place - same - length, place
            same = 0


def _length(pieces: list[str]) -> int:
    return sum(piece != EOS_PIECE for piece in pieces)


def _quoted(text: str) -> str:
    return f'"{text}"'
