"""The vocabulary shortlist: the target subwords that may translate a sentence.

The output layer then scores some hundreds of subwords in place of the whole vocabulary: the most
frequent ones and the likeliest translations of each source subword, as Jean et al. 2015 do,
https://arxiv.org/abs/1412.2007. IBM Model 1 says how likely a translation is.
"""

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from seq2seq.data.ibm_model1 import (
    MOST_OCCURRENCES,
    Arrays,
    Lexicon,
    Pair,
    learn_lexicon,
    sample_pairs,
)
from seq2seq.data.subwords import BOS, EOS, PAD, UNKNOWN

# Subwords that every sentence may use: many, because most are in some sentence's list of any batch
# anyway, so that they cost little, and because most of what lists miss is among them.
ALWAYS = 2000
ITERATIONS = 5  # of expectation maximisation; more change the candidates little
LEAST_PROBABILITY = 3e-3  # p(target | source) of a candidate; less likely ones lengthen lists most
FIRST_ID = EOS + 1  # the special ids come before it


@dataclass(frozen=True, eq=False)
class Shortlist:
    """The target subwords that may be written; special ids are never among them.

    Attributes:
        always: (F,) int32, sorted: allowed in every sentence.
        candidates: (V, C) int32, best first: allowed where the source holds subword v; a row with
            fewer than C ends in PAD.

    Raises:
        ValueError: the arrays are not of that form.
    """

    always: np.ndarray
    candidates: np.ndarray

    def __post_init__(self) -> None:
        """A shortlist that came from a file is checked like any other."""
        _check(self.always, self.candidates)

    @property
    def vocabulary_size(self) -> int:
        """Subwords of the vocabulary, V, which is the same for both sides."""
        return len(self.candidates)

    def allowed(self, source_ids: Sequence[int]) -> np.ndarray:
        """Sorted ids (N,) int32 that the translation of a sentence may hold, EOS among them.

        The source's own ids are: names and numbers are copied.
        """
        own = np.asarray(source_ids, np.int32)
        rows = self.candidates[own]
        ids = np.concatenate([self.always, np.array([EOS], np.int32), own, rows.ravel()])
        return np.setdiff1d(ids, [PAD, UNKNOWN, BOS])

    def to_bytes(self) -> bytes:
        """Contents of an .npz file; equal arrays give equal bytes."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name in ("always", "candidates"):
                member = io.BytesIO()
                np.lib.format.write_array(member, np.ascontiguousarray(getattr(self, name)))
                # An entry made from its name alone would bear the time of writing.
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Shortlist":
        """The shortlist in the bytes that `to_bytes` made.

        Raises:
            ValueError: these are not the bytes of a shortlist, or not all of them.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                always, candidates = (
                    # Read whole, which compares checksums before NumPy sees a byte.
                    np.lib.format.read_array(io.BytesIO(archive.read(f"{name}.npy")))
                    for name in ("always", "candidates")
                )
        except Exception as error:  # damage comes as any of a dozen kinds
            raise ValueError(f"not a vocabulary shortlist: {error}") from error
        return cls(always, candidates)


def learn_shortlist(
    pairs: Iterable[Pair],
    vocabulary_size: int,
    candidates: int,
    *,
    always: int = ALWAYS,
    most_occurrences: int = MOST_OCCURRENCES,
) -> Shortlist:
    """The shortlist of a corpus, from the subwords that translate each other in its pairs.

    Args:
        pairs: source and target ids, without BOS and EOS; read once, one at a time.
        vocabulary_size: of both sides.
        candidates: target subwords kept for a source subword, at most: those of the highest
            p(target | source), of equal ones the lower ids.
        always: the most frequent target subwords, this many, are allowed in every sentence.
        most_occurrences: target times source positions to learn from, which bounds memory; of a
            larger corpus an even sample is used.

    Raises:
        ValueError: an id is not in the vocabulary.
    """
    sample = sample_pairs(pairs, most_occurrences)
    lexicon = learn_lexicon(sample, vocabulary_size, ITERATIONS)
    return Shortlist(
        _most_frequent(sample, always), _best_candidates(lexicon, vocabulary_size, candidates)
    )


def _most_frequent(sample: Sequence[Arrays], most: int) -> np.ndarray:
    """The most frequent target subwords, sorted by id; of equally frequent ones the lower ids."""
    targets = np.concatenate([np.zeros(0, np.int32), *(target for _, target in sample)])
    ids, counts = np.unique(targets[targets >= FIRST_ID], return_counts=True)
    return np.sort(ids[np.argsort(-counts, kind="stable")[:most]]).astype(np.int32)


def _best_candidates(lexicon: Lexicon, vocabulary_size: int, most: int) -> np.ndarray:
    """Rows (V, most) of likely target subwords, best first, padded with PAD."""
    likely = lexicon.probabilities >= LEAST_PROBABILITY
    kept = np.flatnonzero(
        likely & (lexicon.target_ids >= FIRST_ID) & (lexicon.source_ids < vocabulary_size)
    )
    sources, targets = lexicon.source_ids[kept], lexicon.target_ids[kept]
    order = np.lexsort((targets, -lexicon.probabilities[kept], sources))
    sources, targets = sources[order], targets[order]
    ranks = np.arange(len(sources)) - np.searchsorted(sources, sources)
    rows = np.full((vocabulary_size, most), PAD, np.int32)
    best = ranks < most
    rows[sources[best], ranks[best]] = targets[best]
    return rows


def _check(always: np.ndarray, candidates: np.ndarray) -> None:
    """Rejects arrays that would let through a special id, or an id that the output layer lacks."""
    for name, array, axes in (("always", always, 1), ("candidates", candidates, 2)):
        if array.dtype != np.int32 or array.ndim != axes:
            raise ValueError(
                f"shortlist: {name} is {array.dtype} of shape {array.shape}, not int32 of "
                f"{axes} axes"
            )
    size = len(candidates)
    for name, ids in (("always", always), ("candidates", candidates[candidates != PAD])):
        wrong = ids[(ids < FIRST_ID) | (ids >= size)]
        if len(wrong):
            raise ValueError(
                f"shortlist: {name} holds {wrong[0]}, not one of {FIRST_ID} to {size - 1}"
            )
    if (np.diff(always) <= 0).any():
        raise ValueError("shortlist: always is not sorted, or holds an id twice")
    in_order = np.sort(candidates, axis=1)
    twice = (np.diff(in_order, axis=1) == 0) & (in_order[:, 1:] != PAD)
    if twice.any() or ((candidates[:, :-1] == PAD) & (candidates[:, 1:] != PAD)).any():
        raise ValueError("shortlist: candidates hold an id twice in a row, or one after padding")
