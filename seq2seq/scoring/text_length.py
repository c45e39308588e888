"""How long a text is: in words, or in characters where no spaces part the words."""

from seq2seq.config.languages import is_unspaced


def length_unit(language: str | None) -> str:
    """What texts of a language, a BCP 47 tag, are counted in.

    >>> length_unit("ja"), length_unit("de"), length_unit(None)
    ('characters', 'words', 'words')
    """
    return "characters" if language and is_unspaced(language) else "words"


def text_length(text: str, language: str | None) -> int:
    """Words of a text, or its characters without white space.

    >>> text_length("本を 読む", "ja"), text_length("reads the book", "en")
    (4, 3)
    """
    words = text.split()
    return len(words) if length_unit(language) == "words" else sum(map(len, words))
