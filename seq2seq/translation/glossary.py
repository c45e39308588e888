"""Glossaries: which translation of a term has to be used wherever a source has the term."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import regex

from seq2seq.data.held_out import same_form
from seq2seq.data.lines import read_lines
from seq2seq.data.source_words import UNSPACED
from seq2seq.errors import DataError

IN_WORDS = r"\p{L}\p{M}\p{N}_\u200c\u200d"
# Of a script with spaces between words.
LETTER = regex.compile(rf"[{IN_WORDS}--[{UNSPACED}]]", regex.VERSION1)


class Glossary:
    """Terms of the source language, and what translations have to have for them.

    A term is found as whole words, whatever their case and Unicode form; of overlapping terms the
    first counts, and of those that begin alike the longest.

    Args:
        terms: target terms by source terms, or pairs of both.

    Raises:
        DataError: a term is blank or has two translations, or there is none.
    """

    def __init__(self, terms: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        self._targets: dict[str, str] = {}
        for source, target in terms.items() if isinstance(terms, Mapping) else terms:
            if not source.strip() or not target.strip():
                raise DataError(
                    f"a term and its translation cannot be blank (got {source!r}, {target!r})"
                )
            if self._targets.setdefault(same_form(source), target.strip()) != target.strip():
                raise DataError(
                    f"the term {source!r} has two translations, {target.strip()!r} and "
                    f"{self._targets[same_form(source)]!r}; case and Unicode forms tell none apart"
                )
        if not self._targets:
            raise DataError("the glossary is empty; give a term and its translation")
        longest_first = sorted(self._targets, key=len, reverse=True)
        self._pattern = regex.compile("|".join(map(_pattern, longest_first)))

    @classmethod
    def read(cls, path: Path) -> "Glossary":
        """The glossary in a file: a source term, a tab and its translation a line.

        Raises:
            DataError: the file cannot be read, or a line is something else.
        """
        return cls(_rows(path))

    def targets(self, text: str) -> list[str]:
        """What a translation of the text has to have, each once.

        >>> glossary = Glossary({"dog": "Hund", "guide dog": "Blindenhund", "cat": "Katze"})
        >>> glossary.targets("A Guide  dog sees a dog, dogs and a cat."), glossary.targets("dogs")
        (['Blindenhund', 'Hund', 'Katze'], [])
        """
        found = (self._targets[each[0]] for each in self._pattern.finditer(same_form(text)))
        return list(dict.fromkeys(found))


def _pattern(term: str) -> str:
    """A term as whole words; in scripts without spaces, anywhere."""
    before = rf"(?<![{IN_WORDS}])" if LETTER.match(term) else ""
    after = rf"(?![{IN_WORDS}])" if LETTER.match(term[-1]) else r"(?!\p{M})"
    return before + regex.escape(term) + after


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        fields = line.split("\t")
        if len(fields) != 2 or not all(field.strip() for field in fields):
            raise DataError(
                f"{path}, line {number}: expected a term, a tab and its translation (got {line!r})"
            )
        yield fields[0], fields[1]
