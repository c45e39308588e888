"""Splitting of long lines into pieces that a translator can take, at sentence ends if possible.

A piece is a span of the line without white space at its ends, so nothing but white space can be
lost. White space is what `str.isspace` says.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

Span = tuple[int, int]
Count = Callable[[list[str]], list[int]]

# Narrow marks end something only before white space or a script without it, so not in "3.14".
SENTENCE_ENDS, CLAUSE_ENDS = ".!?…‥‼⁇⁈⁉‽", ";:,–"
UNSPACED = "\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\uff10-\uff9f\U00020000-\U0003ffff"
# Wide marks end something wherever they stand but between digits: full-width forms, then those of
# Devanagari, Arabic, Armenian, Ethiopic, Burmese, Khmer, Tibetan, Mongolian, Sinhala, Syriac.
WIDE_SENTENCE_ENDS = (
    "。！？．｡﹒﹖﹗"
    "\u0964\u0965\u061e\u061f\u06d4\u0589\u1362\u1367\u1368\u104b"
    "\u17d4\u17d5\u0f0d\u0f0e\u1803\u1809\u0df4\u0700\u0701\u0702"
)
WIDE_CLAUSE_ENDS = "—―；：，、､﹐﹑﹔\u060c\u061b\u055d\u1363\u1364\u1365\u1366\u104a\u1802"
CLOSERS = re.escape("\"'”’»›)]}」』】》〉〕〗〙〛）］｝｣｠＂＇")
GERMAN_CLOSERS = "“‘«‹"  # which open a quotation elsewhere

# A point after one of these, any single letter or "z.B" does not end a sentence.
ABBREVIATIONS = "al bd bzw ca cf dr ed eg ff fr hl hr ie jr lt mr mrs mt nr pp prof sr st ul vgl vs"
LETTER = r"[^\W\d_]"
ABBREVIATED = re.compile(
    rf"(?:^|[\s(\[/\"'«»„“‘-])"
    rf"(?:{LETTER}|(?:{LETTER}{{1,2}}\.)+{LETTER}{{1,2}}|{ABBREVIATIONS.replace(' ', '|')})\Z",
    re.IGNORECASE,
)
LONGEST_ABBREVIATION = 16  # characters
WORD = re.compile(r"\S+")
NUMBER_GOES_ON = re.compile(r"\s*\d")


def _marks(narrow: str, wide: str) -> re.Pattern[str]:
    """The pattern of a run of marks with the quotes and brackets that it closes."""
    narrow = re.escape(narrow)
    french = r"\s»(?!\w)"
    return re.compile(
        f"[{narrow}]*[{wide}][{narrow}{wide}]*[{CLOSERS}]*"
        f"|(?P<narrow>[{narrow}]+)(?:{french}|[{CLOSERS}{GERMAN_CLOSERS}])*"
    )


SENTENCE_MARKS = _marks(SENTENCE_ENDS, WIDE_SENTENCE_ENDS)
CLAUSE_MARKS = _marks(CLAUSE_ENDS, WIDE_CLAUSE_ENDS)
AFTER_NARROW = re.compile(rf"[\s{UNSPACED}]")

# Zero-width joiners, emoji modifiers and tags go with the character before them, as marks do.
EXTENDER = re.compile("[\u200c\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
JOINER = "\u200d"  # goes with the character after it too


@dataclass(frozen=True)
class Piece:
    """A part of a line; `joint`, a space or nothing, goes before its translation."""

    text: str
    joint: str


def split_line(text: str, longest: int, count: Count) -> list[Piece]:
    """The pieces of a line, in order; one that is short enough, or blank, stays as it is.

    A longer line is cut into sentences; a sentence that is too long at clause marks, a clause that
    is too long at white space, and as much as fits is put into each piece; a word that is too long
    is halved. Joined with their joints, the pieces are the text up to white space at the cuts and
    at both ends.

    Args:
        text: one line.
        longest: subwords of a piece; only a single character with its combining marks exceeds it.
        count: numbers of subwords of some texts; called some ten times, with many texts at once.
    """
    if not text.strip() or count([text])[0] <= longest:
        return [Piece(text, "")]
    sizes = _Sizes(text, longest, count)
    spans = _cut_after(SENTENCE_MARKS, text, (0, len(text)))
    spans = _fill(sizes, spans, lambda span: _cut_after(CLAUSE_MARKS, text, span))
    spans = _fill(sizes, spans, lambda span: [word.span() for word in WORD.finditer(text, *span)])
    spans = _halve(sizes, spans)
    before = [spans[0][0], *(end for _, end in spans[:-1])]
    return [
        Piece(text[start:end], " " if start > previous else "")
        for previous, (start, end) in zip(before, spans, strict=True)
    ]


class _Sizes:
    """Numbers of subwords in spans of a text; each span is counted once."""

    def __init__(self, text: str, longest: int, count: Count) -> None:
        self.text, self.longest, self._count = text, longest, count
        self._known: dict[Span, int] = {}

    def measure(self, spans: Iterable[Span]) -> None:
        new = [span for span in dict.fromkeys(spans) if span not in self._known]
        if new:
            counts = self._count([self.text[start:end] for start, end in new])
            self._known.update(zip(new, counts, strict=True))

    def __getitem__(self, span: Span) -> int:
        return self._known[span]

    def fit(self, span: Span) -> bool:
        return self._known[span] <= self.longest


def _cut_after(marks: re.Pattern[str], text: str, span: Span) -> list[Span]:
    """Units that end in marks; one without a letter or digit goes with the unit before it."""
    first, last = span
    cuts = [run.end() for run in marks.finditer(text, first, last) if _ends(text, run, last)]
    units: list[Span] = []
    wordless = True  # all units so far
    for start, end in pairwise([first, *cuts, last]):
        part = text[start:end]
        start += len(part) - len(part.lstrip())
        end -= len(part) - len(part.rstrip())
        if start >= end:
            continue
        has_words = any(character.isalnum() for character in part)
        if units and (wordless or not has_words):
            units[-1] = (units[-1][0], end)
        else:
            units.append((start, end))
        wordless = wordless and not has_words
    return units


def _ends(text: str, run: re.Match[str], last: int) -> bool:
    """Whether a run of marks ends a sentence or clause before `last`."""
    start, end = run.span()
    if end >= last or _inside_cluster(text, end):
        return False
    before = text[start - 1 : start]
    if before.isdigit() and text[end].isdigit():
        return False
    if run["narrow"] and not AFTER_NARROW.match(text, end):
        return False
    if run["narrow"] == "." and before.isdigit():
        return not NUMBER_GOES_ON.match(text, end)
    if run["narrow"] == "." and before.isalpha():
        return not ABBREVIATED.search(text[max(0, start - LONGEST_ABBREVIATION) : start])
    return True


def _fill(sizes: _Sizes, spans: list[Span], cut: Callable[[Span], list[Span]]) -> list[Span]:
    """Pieces: spans that are too long are cut into units, and as many as fit put into each."""
    sizes.measure(spans)
    units = {span: cut(span) for span in spans if not sizes.fit(span)}
    pairs = [_whole(pair) for each in units.values() for pair in pairwise(each)]
    sizes.measure([*chain.from_iterable(units.values()), *pairs])
    groups = [g for span in spans for g in _pack(sizes, units.get(span, [span]))]
    while True:
        sizes.measure(map(_whole, groups))
        divided = [part for group in groups for part in _divide(sizes, group)]
        if len(divided) == len(groups):
            return [_whole(group) for group in groups]
        groups = divided


def _pack(sizes: _Sizes, units: list[Span]) -> list[list[Span]]:
    """Groups of units, filled in order by the subwords that each unit adds to the one before."""
    groups: list[list[Span]] = []
    size = 0
    for unit in units:
        if groups:
            previous = groups[-1][-1]
            size += sizes[_whole((previous, unit))] - sizes[previous]
        if groups and size <= sizes.longest:
            groups[-1].append(unit)
        else:
            groups.append([unit])
            size = sizes[unit]
    return groups


def _divide(sizes: _Sizes, group: list[Span]) -> list[list[Span]]:
    """A group in halves where its size turned out to be more than the sum."""
    if len(group) == 1 or sizes.fit(_whole(group)):
        return [group]
    return [group[: len(group) // 2], group[len(group) // 2 :]]


def _halve(sizes: _Sizes, spans: list[Span]) -> list[Span]:
    """Spans, of which those that are too long are halved between characters until they fit."""
    while True:
        sizes.measure(spans)
        halved = [
            part
            for span in spans
            for part in ([span] if sizes.fit(span) else _halves(sizes.text, span))
        ]
        if len(halved) == len(spans):
            return spans
        spans = halved


def _halves(text: str, span: Span) -> list[Span]:
    """A span cut where a character starts that is no mark of the one before, near its middle."""
    start, end = span
    middle = max((start + end) // 2, start + 1)
    for cut in chain(range(middle, end), range(middle - 1, start, -1)):
        if not _inside_cluster(text, cut):
            return [(start, cut), (cut, end)]
    return [span]


def _inside_cluster(text: str, place: int) -> bool:
    """Whether a cut before text[place] would part a character from its combining marks."""
    character = text[place]
    return (
        unicodedata.category(character).startswith("M")
        or EXTENDER.match(character) is not None
        or text[place - 1 : place] == JOINER
    )


def _whole(units: Sequence[Span]) -> Span:
    """The span from the start of the first unit to the end of the last."""
    return units[0][0], units[-1][1]
