"""The words of a training's source text, and which words of another text are not among them."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import regex

MOST_WORDS = 1_000_000  # that are kept, the most frequent ones
# Scripts written without spaces between words, with the marks that they share with others.
UNSPACED = "".join(
    rf"\p{{scx={script}}}"
    for script in "Han Hiragana Katakana Bopomofo Thai Lao Khmer Myanmar Tibetan".split()
)
WORD = regex.compile(
    rf"[\p{{L}}&&[{UNSPACED}]][\p{{M}}\u200d]*"
    rf"|[\p{{L}}\p{{M}}\p{{N}}\u200c\u200d--[{UNSPACED}]]+",  # joiners too
    regex.VERSION1,
)


def words_of(text: str) -> list[str]:
    """The words of a text as they are written, in order: letters, marks and digits in a row.

    What has no letter is no word. In scripts without spaces between words each letter is one.

    >>> words_of("The dog's 3 bones: all 2nd-hand."), words_of("犬が走る")
    (['The', 'dog', 's', 'bones', 'all', '2nd', 'hand'], ['犬', 'が', '走', 'る'])
    """
    found = WORD.findall(unicodedata.normalize("NFKC", text))
    return [word for word in found if any(map(str.isalpha, word))]


@dataclass(frozen=True)
class SourceWords:
    """How often each word, in lower case (`str.casefold`), is in a training's source text."""

    counts: Mapping[str, int]

    def unseen(self, words: Iterable[str]) -> list[str]:
        """Those words, however they are capitalised, that the training text does not have."""
        return [word for word in words if word.casefold() not in self.counts]

    def to_bytes(self) -> bytes:
        """A .tsv file: word and count, the most frequent first; equal words, equal bytes."""
        ranked = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        rows = (f"{word}\t{count}\n" for word, count in ranked[:MOST_WORDS])
        return "".join(rows).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "SourceWords":
        """The words in the bytes that `to_bytes` made.

        Raises:
            ValueError: these are not the bytes of a word list, or not all of them.
        """
        try:
            *rows, end = data.decode().split("\n")
            if end:
                raise ValueError("its last line has no end")
            return cls({word: int(count) for word, count in (row.split("\t") for row in rows)})
        except ValueError as error:
            raise ValueError(f"not a list of words: {error}") from error


def count_words(texts: Iterable[str]) -> SourceWords:
    """The words of all the texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word.casefold() for word in words_of(text))
    return SourceWords(counts)


MOST_EXAMPLES = 10_000  # words that are kept, however long a text is
LONGEST_EXAMPLE = 100  # characters of one
NAMED_EXAMPLES = 5  # words


class UnseenTally:
    """Counts, line by line, the words that a training did not see.

    Args:
        known: the training's words.
    """

    def __init__(self, known: SourceWords) -> None:
        self._known = known
        self.words = 0  # so far, seen or not
        self.unseen = 0
        # How often each of the first unseen words was met, in lower case.
        self.examples: Counter[str] = Counter()

    def add(self, text: str) -> list[str]:
        """The unseen words of a text, each once, as they are written."""
        words = words_of(text)
        found = self._known.unseen(words)
        self.words += len(words)
        self.unseen += len(found)
        for word in found:
            word = word[:LONGEST_EXAMPLE].casefold()
            if word in self.examples or len(self.examples) < MOST_EXAMPLES:
                self.examples[word] += 1
        return list(dict.fromkeys(found))

    def summary(self) -> str:
        """How many words were unseen, and the most frequent ones, for a message."""
        named = [word for word, _ in self.examples.most_common(NAMED_EXAMPLES)]
        return (
            f"{self.unseen} of {self.words} source words were not in the training text, so their "
            f"translations are guesses: {', '.join(named)}"
            f"{', ...' if len(self.examples) > NAMED_EXAMPLES else ''}"
        )
