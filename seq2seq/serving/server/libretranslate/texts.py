"""Texts cut into sentences, which are translated one by one, and what stays around them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from seq2seq.serving.server.errors import invalid
from seq2seq.serving.server.libretranslate.markup import (
    Kind,
    Piece,
    Sentence,
    lay_out,
    read_pieces,
)
from seq2seq.serving.server.sentences import cut_sentences

Layout = list[str | Sentence]
Part = TypeVar("Part")


def lay_out_texts(texts: Sequence[str], markup: bool, most: int) -> list[Layout]:
    r"""Each text in sentences, which are translated one by one, and the space between them.

    Of markup, sentences end at some tags too, and never within an element. Texts beyond the bounds
    are read no further than these.

    >>> lay_out_texts(["One.\n\n  Two."], False, 2)
    [[Sentence(text='One.', elements=()), '\n\n  ', Sentence(text='Two.', elements=())]]

    Args:
        texts: of one request.
        markup: whether they are.
        most: sentences that all may have together, and tags too.

    Raises:
        RequestError: INVALID_ARGUMENT, in LibreTranslate's words.
    """
    tags, said = _at_most(most, _is_tag), _at_most(most, _is_sentence)
    if markup:  # all tags are counted before any is laid out, which takes longer
        pieces = [list(tags(read_pieces(text))) for text in texts]
        parts = map(lay_out, pieces)
    else:
        parts = map(_sentences_and_space, texts)
    return [[each for each in said(some) if each not in ("", Sentence(""))] for some in parts]


def _sentences_and_space(text: str) -> Iterator[str | Sentence]:
    return (part for said, space in cut_sentences(text) for part in (Sentence(said), space))


def _at_most(
    most: int, counts: Callable[[Part], bool]
) -> Callable[[Iterable[Part]], Iterator[Part]]:
    """Hands on what it is given, from one call to the next, up to so many that count."""
    found = 0

    def handed_on(parts: Iterable[Part]) -> Iterator[Part]:
        nonlocal found
        for part in parts:
            found += counts(part)
            if found > most:
                raise invalid(f"Invalid request: request exceeds text limit ({most})")
            yield part

    return handed_on


def _is_sentence(part: str | Sentence) -> bool:
    return isinstance(part, Sentence) and bool(part.text)


def _is_tag(piece: Piece) -> bool:
    return piece.kind is not Kind.TEXT


def sentences(layout: Layout) -> list[Sentence]:
    """What is to be translated, in order."""
    return [each for each in layout if isinstance(each, Sentence)]


def join(layout: Layout, translations: Iterable[str]) -> str:
    """The text with its sentences' translations, which are given in order, in their place."""
    following = iter(translations)
    return "".join(each if isinstance(each, str) else next(following) for each in layout)
