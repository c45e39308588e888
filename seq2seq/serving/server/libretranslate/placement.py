"""Where the tags of a sentence stand in its translation.

An element goes around the words that the network wrote while it looked at the element's own; a
point goes where it parts the words that come of what stands before it from those that come of what
stands after it. Every tag is written once, and elements stay inside each other as they were.

Shape suffixes: U units of the translation, P subwords of the sentence, T those of the translation.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from seq2seq.serving.server.libretranslate.markup import Element, Sentence

Span = tuple[int, int]  # from the first to before the last

LARGEST = 200_000  # elements times units that are weighed; of more, the order is kept
HALF = 0.5  # of what a unit looks at: from there on it belongs to an element
SOME = 0.2  # the same, of one unit for an element that no unit belongs to
FIRST_UNSPACED = 0x2E80  # from here on, scripts have no spaces between words; but Korean has
HANGUL = range(0xAC00, 0xD7B0)
LONGEST_WORD = 40  # characters that are kept together at a relative place
WORD_START = "\u2581"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class Alignment:
    """What the network looked at while it wrote a translation; EOS is left out."""

    source: Sequence[str]  # subwords in their written form
    target: Sequence[str]
    weights_TP: np.ndarray


def with_tags(sentence: Sentence, translation: str, alignment: Alignment | None) -> str:
    """The translation as markup, with the sentence's tags.

    Args:
        sentence: that was translated.
        translation: its text, whatever it looks like.
        alignment: of all of both; if there is none, or it does not fit them, the tags keep their
            order, and stand in proportion to where they stood.
    """
    sources = spans_of_subwords(sentence.text, alignment.source) if alignment else None
    targets = spans_of_subwords(translation, alignment.target) if alignment else None
    if (
        not (alignment and sources and targets)
        or _count(sentence.elements) * len(targets) > LARGEST
    ):
        return _in_order(sentence, translation)
    placement = _Placement(sentence.text, translation, sources, targets, alignment.weights_TP)
    return placement.write(sentence.elements, (0, len(placement.units)), (0, len(translation)))


def spans_of_subwords(text: str, subwords: Sequence[str]) -> list[Span] | None:
    """Characters of a text that each subword stands for, spaces left out; None if they do not fit.

    What normalising makes the same letter is the same here. Bytes of a letter belong to the first.
    """
    letters, owners = [], []
    for place, character in enumerate(text):
        for letter in _plain(character):
            letters.append(letter)
            owners.append(place)
    spans: list[Span] = []
    read = 0
    for subword in _bytes_joined(subwords):
        plain = _plain(subword)
        if letters[read : read + len(plain)] != list(plain):
            return None
        first = owners[read] if read < len(owners) else len(text)
        read += len(plain)
        spans.append((first, owners[read - 1] + 1 if plain else first))
    return spans if read == len(letters) else None


class _Placement:
    """A translation in units that elements are placed around: words, or signs where none are."""

    def __init__(
        self,
        source: str,
        translation: str,
        sources: list[Span],
        targets: list[Span],
        weights_TP: np.ndarray,
    ) -> None:
        self._source = source
        self._translation = translation
        groups = _grouped(translation, targets)
        self.units = [(targets[first][0], targets[last - 1][1]) for first, last in groups]
        weights_UP = np.array([weights_TP[first:last].mean(axis=0) for first, last in groups])
        totals_U1 = weights_UP.sum(axis=1, keepdims=True)
        weights_UP = weights_UP / np.where(totals_U1 > 0, totals_U1, 1)
        # What each unit looks at up to a place of the sentence: (U, characters + 1).
        self._looked = np.zeros((len(groups), len(source) + 1))
        for piece, (first, last) in enumerate(sources):
            steps = np.clip(np.arange(len(source) + 1) - first, 0, max(last - first, 1))
            self._looked += weights_UP[:, piece : piece + 1] * steps / max(last - first, 1)

    def write(self, elements: Sequence[Element], units: Span, characters: Span) -> str:
        """A part of the translation, given in units and in characters, with its elements."""
        places = self._places(elements, units)
        begin, end = characters
        written = []
        for number in sorted(range(len(elements)), key=lambda each: (places[each][0], each)):
            element, place = elements[number], places[number]
            first, last = self._characters(element, place, units, characters)
            first, last = max(first, begin), max(last, begin)
            written += [escape(self._translation[begin:first], quote=False), element.before]
            if element.after is not None:
                written += [self.write(element.inside, place, (first, last)), element.after]
            begin = last
        return "".join([*written, escape(self._translation[begin:end], quote=False)])

    def _places(self, elements: Sequence[Element], units: Span) -> list[Span]:
        """The units of each element, which share none; of a point, twice the unit after it."""
        places: dict[int, Span] = {}
        free = np.ones(units[1] - units[0], bool)
        shares = {
            number: self._share(element, units)
            for number, element in enumerate(elements)
            if element.after is not None
        }
        for number in sorted(shares, key=lambda each: -shares[each].sum()):
            first, last = _heaviest(np.where(free, shares[number], -np.inf))
            if first < last:
                free[first:last] = False
                places[number] = (units[0] + first, units[0] + last)
        parting = np.ones(units[1] - units[0] + 1, bool)  # whether a point may stand there
        for first, last in places.values():
            parting[first - units[0] + 1 : last - units[0]] = False
        for number, element in enumerate(elements):
            if number not in places:
                place = units[0] + self._boundary(element.start, units, parting)
                places[number] = (place, place)
        return [places[number] for number in range(len(elements))]

    def _share(self, element: Element, units: Span) -> np.ndarray:
        """How much each unit looks at an element."""
        looked = self._looked[units[0] : units[1]]
        return looked[:, element.end] - looked[:, element.start]

    def _boundary(self, place: int, units: Span, parting: np.ndarray) -> int:
        """The unit before which a place of the sentence is, of those that are allowed."""
        before = self._looked[units[0] : units[1], place] - HALF
        return int(np.argmax(np.where(parting, np.concatenate([[0], np.cumsum(before)]), -np.inf)))

    def _characters(self, element: Element, place: Span, units: Span, characters: Span) -> Span:
        first, last = place
        if first < last:
            return self.units[first][0], self.units[last - 1][1]
        follows = _sticks_to_the_word_before(self._source, element.start)
        if units[0] == units[1]:
            point = characters[0]
        elif first == units[1] or (follows and first > units[0]):
            point = self.units[first - 1][1]
        else:
            point = self.units[first][0]
        return point, point


def _heaviest(shares: np.ndarray) -> Span:
    """The run of units that belong most to an element; none is an empty one."""
    best, heaviest = (0, 0), 0.0
    total, start = 0.0, 0
    for number, share in enumerate((shares - HALF).tolist()):
        if total <= 0:
            total, start = 0.0, number
        total += share
        if total > heaviest:
            best, heaviest = (start, number + 1), total
    if best == (0, 0) and len(shares) and shares.max() >= SOME:
        single = int(shares.argmax())
        return single, single + 1
    return best


def _grouped(text: str, spans: Sequence[Span]) -> list[Span]:
    """Runs of subwords that are a word together, by their numbers."""
    starts = [number for number, span in enumerate(spans) if _may_part(text, span)]
    starts = [0, *(each for each in starts if each)]
    return [(first, last) for first, last in zip(starts, [*starts[1:], len(spans)], strict=True)]


def _may_part(text: str, span: Span) -> bool:
    place = span[0]
    if place == span[1] or not 0 < place < len(text):
        return False
    return not (_in_word(text[place - 1]) and _in_word(text[place]))


def _in_word(character: str) -> bool:
    """Whether a character and its neighbours are a word together."""
    spaced = ord(character) < FIRST_UNSPACED or ord(character) in HANGUL
    return spaced and (character.isalnum() or unicodedata.category(character).startswith("M"))


def _in_order(sentence: Sentence, translation: str) -> str:
    """The translation with the tags in their order, between words, at their relative places."""
    scale = len(translation) / max(len(sentence.text), 1)
    written = []
    begin = 0

    def put(place: int, tag: str, opens: bool) -> None:
        nonlocal begin
        end = max(begin, _between_words(translation, round(place * scale)))
        if opens and translation[end : end + 1].isspace():
            end += 1
        written.extend([escape(translation[begin:end], quote=False), tag])
        begin = end

    def visit(elements: Sequence[Element]) -> None:
        for element in elements:
            put(element.start, element.before, element.after is not None)
            visit(element.inside)
            if element.after is not None:
                put(element.end, element.after, False)

    visit(sentence.elements)
    return "".join([*written, escape(translation[begin:], quote=False)])


def _between_words(text: str, place: int) -> int:
    """The end of the word at a place, if that is not too far."""
    for end in range(place, min(place + LONGEST_WORD, len(text))):
        if not (end and _in_word(text[end - 1]) and _in_word(text[end])):
            return end
    return place if place + LONGEST_WORD < len(text) else len(text)


def _sticks_to_the_word_before(text: str, place: int) -> bool:
    before, after = text[place - 1 : place] if place else " ", text[place : place + 1]
    return not before.isspace() and (not after or after.isspace())


def _count(elements: Sequence[Element]) -> int:
    return sum(1 + _count(element.inside) for element in elements)


def _plain(text: str) -> str:
    """The letters of a text without case, composition and spaces."""
    folded = unicodedata.normalize("NFKD", text.casefold()).replace(WORD_START, "")
    return "".join(folded.split())


def _bytes_joined(subwords: Sequence[str]) -> list[str]:
    """Subwords with letters in place of their bytes: at the first byte, the others are empty."""
    joined = list(subwords)
    number = 0
    while number < len(joined):
        run = number
        while run < len(joined) and _BYTE.fullmatch(joined[run]):
            run += 1
        if run > number:
            values = bytes(int(each[3:5], 16) for each in joined[number:run])
            joined[number:run] = [values.decode(errors="replace"), *[""] * (run - number - 1)]
        number = max(run, number + 1)
    return joined
