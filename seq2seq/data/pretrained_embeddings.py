"""Word vectors from text files of word2vec or GloVe, for the subwords that are words.

A line holds a word and its numbers, separated by spaces; word2vec writes "words numbers" in a first
line. Mikolov et al. 2013, https://arxiv.org/abs/1301.3781; Pennington et al. 2014,
https://aclanthology.org/D14-1162.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seq2seq.data.lines import read_lines
from seq2seq.data.subwords import WORD_START
from seq2seq.errors import DataError

PIECE, WORD, LOWER_CASED = range(3)  # how a line's word is found in the vocabulary, best first


@dataclass(frozen=True)
class WordVectors:
    """Vectors of some ids of a vocabulary."""

    ids: np.ndarray  # (N,) int32, sorted
    vectors: np.ndarray  # (N, E) float32; on average, a vector's squared length is 1


def read_vectors(path: Path, pieces: Sequence[str], size: int) -> WordVectors:
    """The vectors that a file has for a vocabulary.

    A subword "▁dog" takes the vector of "▁dog", else of "dog"; "▁Dog" takes that of "dog" if there
    is none of "Dog". Subwords that continue a word take only a line of their very form.

    Args:
        path: plain or .gz.
        pieces: the written form of each id.
        size: E, numbers a vector must have.

    Raises:
        DataError: the file cannot be read, a line is not of that form, or no subword has a vector.
    """
    wanted: dict[str, list[tuple[int, int]]] = {}
    for number, piece in enumerate(pieces):
        word = piece.removeprefix(WORD_START)
        names = [piece] if word == piece else [piece, word, word.lower()]
        for kind, name in enumerate(names):
            if name:
                wanted.setdefault(name, []).append((number, kind))
    found: dict[int, tuple[int, np.ndarray]] = {}
    for number, line in enumerate(read_lines(path), 1):
        word, *numbers = line.rstrip().rsplit(" ", size)
        if number == 1 and _is_header(line, size):
            continue
        vector = _vector(numbers, size, f"{path}, line {number}")
        for piece_id, kind in wanted.get(word, ()):
            if piece_id not in found or kind < found[piece_id][0]:
                found[piece_id] = (kind, vector)
    if not found:
        raise DataError(f"{path} has a vector for none of the {len(pieces)} subwords")
    ids = np.array(sorted(found), np.int32)
    vectors = np.stack([found[piece_id][1] for piece_id in ids.tolist()])
    length = np.sqrt(np.mean(np.sum(vectors.astype(np.float64) ** 2, axis=1)))
    return WordVectors(ids, (vectors / max(length, 1e-30)).astype(np.float32))


def _is_header(line: str, size: int) -> bool:
    """Whether this is the first line of a word2vec file.

    Raises:
        DataError: it is, and says another size.
    """
    parts = line.split()
    if len(parts) != 2 or not all(part.isdecimal() for part in parts) or size == 1:
        return False
    if int(parts[1]) != size:
        raise DataError(
            f"the vectors have {parts[1]} numbers; set model.embedding_size to that (it is {size})"
        )
    return True


def _vector(numbers: list[str], size: int, place: str) -> np.ndarray:
    try:
        if len(numbers) == size:
            vector = np.array(numbers, np.float32)
            if np.isfinite(vector).all():
                return vector
    except ValueError:
        pass
    raise DataError(
        f"{place}: expected a word and {size} numbers (model.embedding_size), separated by spaces"
    )
