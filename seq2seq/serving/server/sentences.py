"""Where the sentences of a text end."""

import re
from collections.abc import Iterator

_END = re.compile(r"""[.!?…]["'»”’)\]]*(?=\s)|[。！？]["」』）]*|\n""")
_SPACE = re.compile(r"\s*")


def cut_sentences(text: str) -> Iterator[tuple[str, str]]:
    r"""A text's sentences, each with the space that follows it; lines end one too.

    >>> list(cut_sentences("One. e.g. two!\n\nThree"))
    [('One. e.g. two!', '\n\n'), ('Three', '')]
    """
    start = _end_of_space(text, 0)
    if start or not text:
        yield "", text[:start]
    for found in _END.finditer(text):
        end = found.end()
        if found[0] == "\n":
            end = start + len(text[start:end].rstrip())
        after = _end_of_space(text, end)
        goes_on = found[0] != "\n" and text[after : after + 1].islower()
        if end > start and not goes_on:
            yield text[start:end], text[end:after]
            start = after
    if said := text[start:].rstrip():
        yield said, text[start + len(said) :]


def _end_of_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place
