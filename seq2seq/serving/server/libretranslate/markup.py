"""Markup of a text: its tags as they were written, and the stretches of text between them.

Tags come out as they came in, wherever they stand: a fragment such as `<td>yes` stays one, and what
is no whole tag is text. Parsers that make trees drop or move such tags, and the one of the standard
library takes seconds for 20 kB of `<a `; here the time is in proportion to the text.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from html import unescape

from seq2seq.serving.server.sentences import cut_sentences

# Inside a sentence; any other element ends one.
INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite data del dfn em font i img input ins label mark nobr q s "
    "small span strike strong sub sup time tt u wbr".split()
)
VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
# Elements that stay as they are, with all they hold; so do those with translate="no" and
# class="notranslate".
KEPT_INLINE = frozenset("code kbd math object samp svg var".split())
KEPT = KEPT_INLINE | frozenset("pre script style template textarea".split())
DEEPEST = 40  # elements inside each other; deeper tags are points
SPACE = " \t\n\r\f"

# A name, and attributes whose values may hold anything in quotes. A "<" outside of quotes ends an
# attempt: of all attempts that reach a place in the text, no more than three go on.
_TAG = re.compile(
    r"""</?([a-z][^\s<>"'/]*)([^<>"']*(?:(?:"[^"]*"|'[^']*')[^<>"']*)*)>|<[!?][^<>]*>""",
    re.IGNORECASE,
)
_NAME = re.compile(r"""<(/?)([a-z][^\s<>"'/]*)[^<>]*>""", re.IGNORECASE)
_KEPT_BY_ATTRIBUTE = re.compile(
    r"""\s(?:translate\s*=\s*["']?no\b|class\s*=\s*(?:"[^"]*|'[^']*)?\bnotranslate\b)""",
    re.IGNORECASE,
)


class Kind(Enum):
    """What a piece of markup is."""

    TEXT = 0
    OPEN = 1
    CLOSE = 2
    POINT = 3  # a void element, a comment, or an element with all that it holds
    BREAK = 4  # any tag, or element with all that it holds, where a sentence ends


@dataclass(frozen=True)
class Piece:
    """A tag, or the text up to the next one."""

    kind: Kind
    raw: str
    name: str = ""  # of an element that is opened or closed, in lower case


@dataclass(eq=False)
class Element:
    """An element, or a point, of a sentence; places are characters of the sentence's text."""

    before: str  # its start tag; of a point all of it
    start: int
    end: int
    after: str | None = None  # its end tag; of a point None
    inside: "list[Element]" = field(default_factory=list)


@dataclass(frozen=True)
class Sentence:
    """Text without markup, and the elements that stand in it, in order."""

    text: str
    elements: tuple[Element, ...] = ()


def read_pieces(markup: str) -> Iterator[Piece]:
    """The pieces of a text, whose `raw` joined give the text again."""
    start = place = comment_end = 0
    while (place := markup.find("<", place)) >= 0:
        read = None
        if markup.startswith("<!--", place):
            if 0 <= comment_end <= place:
                comment_end = markup.find("-->", place)
            if comment_end >= 0:
                read = Piece(Kind.POINT, markup[place : comment_end + 3])
        elif found := _TAG.match(markup, place):
            read = _read_tag(markup, found)
        if read is None:
            place += 1
            continue
        if place > start:
            yield Piece(Kind.TEXT, markup[start:place])
        yield read
        start = place = place + len(read.raw)
    if start < len(markup):
        yield Piece(Kind.TEXT, markup[start:])


def lay_out(pieces: Iterable[Piece]) -> Iterator[str | Sentence]:
    """Markup as it is to stay, and between it the sentences that are to be translated.

    Args:
        pieces: of `read_pieces`, which are read as far as the result is.
    """
    run: list[Piece] = []
    for piece in pieces:
        if piece.kind is not Kind.BREAK:
            run.append(piece)
            continue
        yield from _lay_out_run(run)
        yield piece.raw
        run = []
    yield from _lay_out_run(run)


def _read_tag(markup: str, found: re.Match[str]) -> Piece:
    """The tag, with all of its element if that is to stay as it is."""
    raw, name, attributes = found[0], (found[1] or "").lower(), found[2] or ""
    if not name:
        return Piece(Kind.BREAK, raw)
    closes, empty = raw.startswith("</"), name in VOID or attributes.endswith("/")
    if not closes and not empty and (name in KEPT or _KEPT_BY_ATTRIBUTE.search(attributes)):
        whole = markup[found.start() : _end_of_element(markup, found.end(), name)]
        inline = name in INLINE or name in KEPT_INLINE
        return Piece(Kind.POINT if inline else Kind.BREAK, whole)
    if name not in INLINE:
        return Piece(Kind.BREAK, raw)
    if empty and not closes:
        return Piece(Kind.POINT, raw)
    return Piece(Kind.CLOSE if closes else Kind.OPEN, raw, name)


def _end_of_element(markup: str, place: int, name: str) -> int:
    """Where an element ends whose start tag ends at `place`: at the text's end at the latest."""
    depth = 1
    for found in _NAME.finditer(markup, place):
        if found[2].lower() == name:
            depth += -1 if found[1] else 1
            if depth == 0:
                return found.end()
    return len(markup)


def _lay_out_run(run: list[Piece]) -> Iterator[str | Sentence]:
    """What stands between two breaks: a sentence, and white space around it."""
    raw = "".join(piece.raw for piece in run)
    sentence = _build(run)
    if not sentence.text.strip():
        yield raw
        return
    yield raw[: len(raw) - len(raw.lstrip(SPACE))]
    yield from _divided(sentence)
    yield raw[len(raw.rstrip(SPACE)) :]


def _divided(whole: Sentence) -> Iterator[str | Sentence]:
    """The sentences of a text, and the space between them; none ends within an element."""
    text, starts = whole.text, [each.start for each in whole.elements]
    left = list(reversed(whole.elements))
    start = place = 0
    for said, space in cut_sentences(text):
        end, place = place + len(said), place + len(said) + len(space)
        before = bisect_left(starts, place) - 1
        inside = before >= 0 and whole.elements[before].end > end
        if said and not inside:
            follows = len(text) + 1 if place == len(text) else min(end + 1, place)
            yield _part(text[start:end], start, left, follows)
            yield space
            start = place


def _part(text: str, start: int, left: list[Element], end: int) -> Sentence:
    """A part of a text, with the elements left that begin before `end`."""
    elements = []
    while left and left[-1].start < end:
        elements.append(left.pop())
    _bound(elements, start, len(text))
    return Sentence(text, tuple(elements))


def _bound(elements: Sequence[Element], start: int, length: int) -> None:
    """Makes places count from `start`, and ends them at `length`."""
    for element in elements:
        element.start = min(max(element.start - start, 0), length)
        element.end = min(max(element.end - start, 0), length)
        _bound(element.inside, start, length)


def _build(run: list[Piece]) -> Sentence:
    """The sentence of pieces between two breaks; a tag without its partner is a point."""
    pairs = _pair(run)
    text = ""
    elements: list[Element] = []
    opened: list[Element] = []
    for number, piece in enumerate(run):
        if piece.kind is Kind.TEXT:
            words = re.sub(rf"[{SPACE}]+", " ", unescape(piece.raw))
            text += words if text else words.lstrip()
            continue
        if number in pairs and piece.kind is Kind.CLOSE:
            closed = opened.pop()
            closed.end, closed.after = len(text), piece.raw
            continue
        element = Element(piece.raw, len(text), len(text))
        (opened[-1].inside if opened else elements).append(element)
        if number in pairs:
            opened.append(element)
    return _stripped(text, elements)


def _pair(run: list[Piece]) -> set[int]:
    """Numbers of the start and end tags that belong together."""
    pairs: set[int] = set()
    opened: list[int] = []
    waiting: dict[str, int] = {}  # how many of a name are open
    for number, piece in enumerate(run):
        if piece.kind is Kind.OPEN and len(opened) < DEEPEST:
            opened.append(number)
            waiting[piece.name] = waiting.get(piece.name, 0) + 1
        elif piece.kind is Kind.CLOSE and waiting.get(piece.name):
            while run[opened[-1]].name != piece.name:  # those have no end tag
                waiting[run[opened.pop()].name] -= 1
            waiting[piece.name] -= 1
            pairs |= {opened.pop(), number}
    return pairs


def _stripped(text: str, elements: list[Element]) -> Sentence:
    """The sentence without space at its end."""
    stripped = text.rstrip()
    _bound(elements, 0, len(stripped))
    return Sentence(stripped, tuple(elements))
