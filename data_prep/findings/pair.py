"""Findings in a pair of lines, for itself and beside the pairs before it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data_prep.findings.finding import Finding, Remedy, Rules
from data_prep.findings.line import (
    count_letters,
    count_words,
    examine_line,
    has_spaces,
    is_blank,
    mend,
)
from seq2seq.data.lines import read_lines

SHORT_WORDS = 10  # a ratio of lengths tells little where the longer side has fewer words,
SHORT_LETTERS = 40  # or fewer letters

SIDES = ("source", "target")

_ORDER = {finding: place for place, finding in enumerate(Finding)}


@dataclass(frozen=True)
class Pair:
    """A pair after mending, and findings with their places: a side, or another file."""

    source: str
    target: str
    findings: tuple[tuple[Finding, str], ...]

    @property
    def reason(self) -> Finding | None:
        """Why `clean` leaves it out, if it does."""
        found = [each for each, _ in self.findings if each.remedy is Remedy.LEFT_OUT]
        return min(found, key=_ORDER.__getitem__, default=None)


@dataclass(frozen=True)
class OtherSplit:
    """Digests of the sentences of another split, by side."""

    paths: tuple[Path, Path]
    digests: tuple[frozenset[bytes], frozenset[bytes]]


def read_split(source: Path, target: Path, rules: Rules) -> OtherSplit:
    """Another split, mended by the same rules.

    Args:
        source: plain or .gz.
        target: plain or .gz.
        rules: which repairs to overlook.

    Raises:
        seq2seq.errors.DataError: a file cannot be read.
    """
    paths = source, target
    return OtherSplit(paths, (_digests(source, rules), _digests(target, rules)))


class Examiner:
    """Examines pairs one after the other and remembers digests of those that are usable."""

    def __init__(self, rules: Rules, splits: tuple[OtherSplit, ...] = ()):
        """Makes one that compares by `rules`, and with the sentences of other splits."""
        self._rules = rules
        self._splits = splits
        self._pairs: set[bytes] = set()
        self._sources: set[bytes] = set()

    def examine(self, raw_source: bytes, raw_target: bytes) -> Pair:
        """The pair of two lines, mended, with its findings."""
        lines = [examine_line(raw, self._rules) for raw in (raw_source, raw_target)]
        texts = lines[0].text, lines[1].text
        findings = [
            (finding, side)
            for line, side in zip(lines, SIDES, strict=True)
            for finding in line.findings
        ]
        findings += compare_sides(*texts, self._rules)
        pair = Pair(*texts, tuple(findings))
        if pair.reason:
            return pair
        return Pair(*texts, (*findings, *self._compare_with_others(*texts)))

    def _compare_with_others(self, source: str, target: str) -> Iterator[tuple[Finding, str]]:
        digests = _digest(source), _digest(target)
        both = digests[0] + digests[1]
        if both in self._pairs:
            if Finding.DUPLICATE not in self._rules.kept:
                yield Finding.DUPLICATE, ""
        elif digests[0] in self._sources:
            yield Finding.TRANSLATIONS, ""
        self._pairs.add(both)
        self._sources.add(digests[0])
        for split in self._splits:
            for digest, path, others in zip(digests, split.paths, split.digests, strict=True):
                if digest in others:
                    yield Finding.LEAK, str(path)


def compare_sides(source: str, target: str, rules: Rules) -> Iterator[tuple[Finding, str]]:
    """Findings in two lines as translations of each other.

    Args:
        source: mended.
        target: mended.
        rules: what counts as a finding.

    Yields:
        A finding and its place.
    """
    blank = is_blank(source), is_blank(target)
    if all(blank):
        yield Finding.BLANK_BOTH, ""
    elif any(blank):
        yield Finding.BLANK, SIDES[blank.index(True)]
    elif source == target:
        if Finding.IDENTICAL not in rules.kept and any(map(str.isalpha, source)):
            yield Finding.IDENTICAL, ""
    elif Finding.RATIO not in rules.kept and lengths_differ(source, target, rules.ratio):
        longer = SIDES[count_letters(target) > count_letters(source)]
        yield Finding.RATIO, longer


def lengths_differ(source: str, target: str, ratio: float) -> bool:
    """Whether one side has more than `ratio` times the letters or the words of the other.

    Short texts never have.

    Args:
        source: mended.
        target: mended.
        ratio: above 1.
    """
    letters = sorted((count_letters(source), count_letters(target)))
    if letters[1] > max(SHORT_LETTERS, ratio * letters[0]):
        return True
    if not (has_spaces(source) and has_spaces(target)):
        return False
    words = sorted((count_words(source), count_words(target)))
    return words[1] > max(SHORT_WORDS, ratio * words[0])


def _digests(path: Path, rules: Rules) -> frozenset[bytes]:
    mended = (mend(line, rules)[0] for line in read_lines(path))
    return frozenset(_digest(text) for text in mended if not is_blank(text))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=12).digest()
