"""Texts cut into what is translated, a line or a sentence at a time, and what stays around it."""

from collections.abc import Iterable

from seq2seq.serving.server.libretranslate.markup import Sentence, lay_out

Layout = list[str | Sentence]


def lay_out_lines(text: str) -> Layout:
    r"""A text of several lines: each is translated by itself, and keeps the space around it.

    >>> lay_out_lines("One.\n\n  Two.")
    [Sentence(text='One.', elements=()), '\n\n  ', Sentence(text='Two.', elements=())]
    """
    parts: Layout = []
    between = ""
    for number, line in enumerate(text.split("\n")):
        said = line.strip()
        between += "\n" if number else ""
        if not said:
            between += line
            continue
        start = line.index(said)
        parts += [between + line[:start], Sentence(said)]
        between = line[start + len(said) :]
    return [each for each in [*parts, between] if each != ""]


def lay_out_markup(text: str) -> Layout:
    """Markup: what stands between two tags that end a sentence is translated by itself."""
    return [each for each in lay_out(text) if each != ""]


def sentences(layout: Layout) -> list[Sentence]:
    """What is to be translated, in order."""
    return [each for each in layout if isinstance(each, Sentence)]


def join(layout: Layout, translations: Iterable[str]) -> str:
    """The text with its sentences' translations, which are given in order, in their place."""
    following = iter(translations)
    return "".join(each if isinstance(each, str) else next(following) for each in layout)
