"""BLEU by length of the source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from seq2seq.scoring.metrics import bleu, without_blanks
from seq2seq.scoring.text_length import length_unit, text_length

EDGES = {  # the first length of each bin
    "words": (1, 6, 11, 16, 21, 31),
    "characters": (1, 11, 21, 31, 41, 61),  # a word of Chinese or Japanese has about two
}


@dataclass(frozen=True)
class BleuByLength:
    """Scores of systems in each bin of lengths, as `draw_bleu_by_length` needs them."""

    bins: list[tuple[int, int]]  # shortest and longest
    counts: np.ndarray  # (bins,) sentences
    scores: dict[str, np.ndarray]  # by system, each (bins,): BLEU, 0 to 100


def bleu_by_length(
    sources: Sequence[str],
    systems: Mapping[str, Sequence[str]],
    references: Sequence[str],
    edges: Sequence[int] | None = None,
    language: str | None = None,
    others: Sequence[Sequence[str]] = (),
    source_language: str | None = None,
) -> BleuByLength:
    """Corpus BLEU of the sentences of each bin; bins without a sentence are left out.

    The length of a sentence is its number of words, as spaces part them, or of characters in
    languages that are written without.

    Args:
        sources: texts that were translated.
        systems: by name, a translation for each source.
        references: one for each source.
        edges: the first length of each bin, growing; shorter sentences are left out, and the last
            bin has no end. `EDGES` if left out.
        language: of systems and references, a BCP 47 tag.
        others: more references for each source; a blank one is none.
        source_language: of the sources, a BCP 47 tag.

    Raises:
        ValueError: numbers of texts differ, edges do not grow, or there is no sentence in any bin.
    """
    sizes = set(map(len, [sources, references, *others, *systems.values()]))
    if len(sizes) != 1:
        raise ValueError(f"texts of {sorted(sizes)} lines; each side needs one a line")
    unit = length_unit(source_language)
    edges = EDGES[unit] if edges is None else edges
    if not edges or any(one >= other for one, other in pairwise(edges)):
        raise ValueError(f"edges must grow (got {list(edges)})")
    lengths = np.array([text_length(text, source_language) for text in sources], int)
    # 0 for lengths before the first edge
    places = np.searchsorted(np.asarray(edges), lengths, side="right")
    present = [place for place in range(1, len(edges) + 1) if (places == place).any()]
    if not present:
        raise ValueError(f"no sentence has {edges[0]} {unit} or more")
    longest = int(lengths.max())
    ends = [*(edge - 1 for edge in edges[1:]), longest]
    rows = [np.flatnonzero(places == place) for place in present]
    return BleuByLength(
        bins=[(edges[place - 1], ends[place - 1]) for place in present],
        counts=np.array([len(each) for each in rows]),
        scores={
            name: np.array([_bleu(texts, [references, *others], each, language) for each in rows])
            for name, texts in systems.items()
        },
    )


def _bleu(
    texts: Sequence[str],
    references: Sequence[Sequence[str]],
    rows: np.ndarray,
    language: str | None,
) -> float:
    chosen, first, *others = ([each[row] for row in rows] for each in (texts, *references))
    return bleu(language).corpus_score(chosen, [first, *without_blanks(others)]).score
