"""Glossaries: which translation of a term has to be used wherever a source has the term."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from seq2seq.data.lines import read_lines
from seq2seq.data.splitting import UNSPACED
from seq2seq.errors import DataError

LETTER = re.compile(rf"[^\W{UNSPACED}]")  # of a script with spaces between words


class Glossary:
    """Terms of the source language, and what translations have to have for them.

    A term is found as whole words, whatever their case; of overlapping terms the first counts, and
    of those that begin alike the longest.

    Args:
        terms: target terms by source terms.

    Raises:
        DataError: a term is blank, or there is none.
    """

    def __init__(self, terms: Mapping[str, str]) -> None:
        self._targets = {_key(source): target.strip() for source, target in terms.items()}
        for source, target in self._targets.items():
            if not source or not target:
                raise DataError(f"a term and its translation cannot be blank (got {dict(terms)!r})")
        if not self._targets:
            raise DataError("the glossary is empty; give a term and its translation")
        longest_first = sorted(self._targets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_pattern, longest_first)), re.IGNORECASE)

    @classmethod
    def read(cls, path: Path) -> "Glossary":
        """The glossary in a file: a source term, a tab and its translation a line.

        Raises:
            DataError: the file cannot be read, or a line is something else.
        """
        return cls(dict(_rows(path)))

    def targets(self, text: str) -> list[str]:
        """What a translation of the text has to have, each once.

        >>> glossary = Glossary({"dog": "Hund", "guide dog": "Blindenhund", "cat": "Katze"})
        >>> glossary.targets("A Guide  dog sees a dog, dogs and a cat."), glossary.targets("dogs")
        (['Blindenhund', 'Hund', 'Katze'], [])
        """
        # Letters that are alike but for case to the pattern may differ to `casefold`: i and ı.
        found = (self._targets.get(_key(each[0])) for each in self._pattern.finditer(text))
        return list(dict.fromkeys(target for target in found if target))


def _key(term: str) -> str:
    return " ".join(term.split()).casefold()


def _pattern(term: str) -> str:
    """A term as whole words, with any space between them; in scripts without spaces, anywhere."""
    words = r"\s+".join(map(re.escape, term.split()))
    before = r"(?<!\w)" if LETTER.match(term) else ""
    after = r"(?!\w)" if LETTER.match(term[-1]) else ""
    return before + words + after


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
