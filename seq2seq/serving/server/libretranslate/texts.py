"""Texts cut into sentences, which are translated one by one, and what stays around them."""

from collections.abc import Iterable

from seq2seq.serving.server.libretranslate.markup import Sentence, lay_out
from seq2seq.serving.server.sentences import cut_sentences

Layout = list[str | Sentence]


def lay_out_lines(text: str) -> Layout:
    r"""A text of several lines: each sentence is translated by itself, and all space stays.

    >>> lay_out_lines("One.\n\n  Two.")
    [Sentence(text='One.', elements=()), '\n\n  ', Sentence(text='Two.', elements=())]
    """
    parts = [part for said, space in cut_sentences(text) for part in (Sentence(said), space)]
    return [each for each in parts if each not in ("", Sentence(""))]


def lay_out_markup(text: str) -> Layout:
    """Markup: sentences end at some tags too, and never within an element."""
    return [each for each in lay_out(text) if each != ""]


def sentences(layout: Layout) -> list[Sentence]:
    """What is to be translated, in order."""
    return [each for each in layout if isinstance(each, Sentence)]


def join(layout: Layout, translations: Iterable[str]) -> str:
    """The text with its sentences' translations, which are given in order, in their place."""
    following = iter(translations)
    return "".join(each if isinstance(each, str) else next(following) for each in layout)
