"""What is left of a text when a model has read its first part only.

A model reads a text of more subwords than its limit in parts, and `translate_prefix` tells of the
first. Its subwords are compared with the text without white space, case and compatibility forms,
which the normaliser of a vocabulary may change.
"""

import re
import unicodedata
from collections.abc import Sequence

from seq2seq.scoring.quality_flags import words

UNKNOWN_PIECE = "<unk>"
TAG = re.compile(r"<2[^>]+>")  # of a language
NEARLY_ALL = 0.9  # of the characters; a normaliser may drop some
WORD = re.compile(r"\S+")


def unread_text(text: str, source: Sequence[str]) -> str | None:
    """The text behind the part that was read; None if it cannot be told, or asked for by itself.

    >>> unread_text("Ein Hund. Eine Katze.", ["▁ein", "▁hund", ".", "</s>"])
    'Eine Katze.'

    Args:
        text: that was to be translated.
        source: the subwords that were read, as SentencePiece writes them.
    """
    letters, read = _letters(text), _letters("".join(word for word, _ in words(list(source))))
    tag = TAG.match(read)
    tagged = tag is not None and letters.startswith(tag[0])
    if tag and not tagged:  # the one of texts without a tag
        read = read[tag.end() :]
    size = len(read.replace(UNKNOWN_PIECE, ""))
    if not read or size >= len(letters):
        return ""
    end = _end_of(read, letters)
    if end is None:
        return None if size < NEARLY_ALL * len(letters) else ""
    # Without its tag the rest of a text would be translated into another language.
    return None if tagged and end < len(letters) else _behind(text, end)


def _end_of(read: str, letters: str) -> int | None:
    """How many of the letters were read, of which unknown symbols stand for any."""
    first, *others = read.split(UNKNOWN_PIECE)
    if not letters.startswith(first):
        return None
    end = len(first)
    for known in others:
        if (start := letters.find(known, end)) < 0:
            return None
        end = start + len(known)
    return len(letters) if read.endswith(UNKNOWN_PIECE) else end


def _behind(text: str, count: int) -> str:
    """A text without its first `count` letters and the white space behind them."""
    for word in WORD.finditer(text):
        size = len(_letters(word[0]))
        if size > count:
            for place, character in enumerate(word[0]):
                if count <= 0:
                    return text[word.start() + place :]
                count -= len(_letters(character))
            return text[word.end() :].lstrip()
        count -= size
        if not count:
            return text[word.end() :].lstrip()
    return ""


def _letters(text: str) -> str:
    """A text as far as normalisers leave it alone."""
    normal = unicodedata.normalize("NFKC", text).casefold()
    return "".join(
        each for each in normal if not each.isspace() and unicodedata.category(each)[0] != "C"
    )
