"""Distinct pairs from the grammar, split so that no test sentence is a training sentence."""

from collections.abc import Iterator

from data_prep.miniature import english, german_sentences
from data_prep.miniature.grammar import Grammar

SHORTEST, LONGEST = 4, 16  # words, in both languages
SIZES = {"train": 8000, "val": 500, "test": 500}  # pairs
DEFAULT_SEED = 1


def draw_pairs(seed: int) -> Iterator[tuple[str, str]]:
    """English and German sentences without end, each English and each German sentence at most once.

    Raises:
        ValueError: the grammar gave one sentence two translations: a mistake in the grammar.
    """
    grammar = Grammar(seed)
    german_of: dict[str, str] = {}
    english_of: dict[str, str] = {}
    while True:
        plan = grammar.sentence()
        source, target = english.sentence(plan), german_sentences.sentence(plan)
        seen = source in german_of
        if german_of.setdefault(source, target) != target:
            raise ValueError(f"{source!r} is both {german_of[source]!r} and {target!r}")
        if english_of.setdefault(target, source) != source:
            raise ValueError(f"{target!r} is both {english_of[target]!r} and {source!r}")
        lengths = (len(source.split()), len(target.split()))
        if not seen and SHORTEST <= min(lengths) and max(lengths) <= LONGEST:
            yield source, target


def make_corpus(seed: int) -> dict[str, list[tuple[str, str]]]:
    """The pairs of each split; all splits are drawn from one grammar and share no sentence."""
    pairs = draw_pairs(seed)
    return {split: [next(pairs) for _ in range(size)] for split, size in SIZES.items()}
