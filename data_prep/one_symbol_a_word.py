"""Sequences of symbols as lines of text: a symbol a word, so that `subwords.kind: word` keeps each.

Shared by the tasks that are no translation: words to sounds, lemmas to forms.
"""

import hashlib

SPACE = "␣"  # stands for a space within a word


def spaced(word: str) -> str:
    """The characters of a word as words.

    >>> spaced("ad hoc")
    'a d ␣ h o c'
    """
    return " ".join(word.replace(" ", SPACE))


def split_of(word: str, seed: int) -> str:
    """Of 20 words one goes to val and two to test, by a digest: the same words whatever the order.

    >>> split_of("hello", 1) in ("train", "val", "test")
    True
    """
    digest = hashlib.blake2b(word.encode(), digest_size=8, salt=b"%d" % (seed % 10**16)).digest()
    place = int.from_bytes(digest, "big") % 20
    return {0: "val", 1: "test", 2: "test"}.get(place, "train")
