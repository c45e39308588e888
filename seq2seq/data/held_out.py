"""Validation and test pairs that share no sentence with training.

Pairs with the same source or the same target are linked, and linked pairs stay together: so the
references of a sentence are in one split, and no sentence of a held-out split, on either side, is
in another. Sentences are the same if they differ in case, spaces and Unicode forms alone.
"""

import hashlib
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping

from seq2seq.errors import DataError

SHARE = 20  # one of so many pairs goes to each held-out split
LARGEST_GROUP = 10  # a group takes at most one of so many places of a split
MOST = 2000  # pairs of a held-out split: enough for BLEU to about one point


def held_out_sizes(pairs: int) -> dict[str, int]:
    """Pairs of the splits "validation" and "test": about 5 % each.

    >>> held_out_sizes(5000), held_out_sizes(1_000_000)["test"]
    ({'validation': 250, 'test': 250}, 2000)
    """
    size = max(1, min(MOST, round(pairs / SHARE)))
    return {"validation": size, "test": size}


class LinkedPairs:
    """Pairs added one after the other, and which of them hang together.

    Keeps a digest of each sentence, not the sentence: at most 700 bytes a pair.
    """

    def __init__(self, seed: int) -> None:
        self._salt = b"%d" % (seed % 10**16)
        self._numbers: dict[bytes, int] = {}  # of sentences, by their digests
        self._parents = array("q")  # a forest of sentences, whose trees are linked
        self._order: list[bytes] = []  # the digest of each sentence
        self._sources = array("q")  # of each pair; -1: a side is blank
        self._trained: set[int] = set()  # sentences that training sees in any case

    def __len__(self) -> int:
        """Pairs with text on both sides."""
        return sum(source >= 0 for source in self._sources)

    def add(self, source: str, target: str) -> None:
        """The next pair."""
        if not source.strip() or not target.strip():
            self._sources.append(-1)
            return
        first, other = self._number(b"s", source), self._number(b"t", target)
        self._sources.append(first)
        self._parents[self._root(first)] = self._root(other)

    def add_training(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Further training text, added after the pairs; no sentence of it will be held out."""
        for pair in pairs:
            digests = map(self._digest, (b"s", b"t"), pair)
            found = (self._numbers.get(digest) for digest in digests)
            self._trained.update(number for number in found if number is not None)

    def choose(self, sizes: Mapping[str, int]) -> dict[int, str]:
        """The split of each pair that training does not see, by its number from 0.

        Args:
            sizes: the most pairs of each split; as groups stay together, it may get less.

        Raises:
            DataError: a split gets nothing, or nothing would be left for training.
        """
        if not len(self):
            raise DataError(
                "there is no pair with text on both sides; give two files, line by line, or a "
                "table with tabs, of which --columns tells the columns"
            )
        roots = array("q", (self._root(source) if source >= 0 else -1 for source in self._sources))
        counts = Counter(root for root in roots if root >= 0)
        smallest = min(counts.values(), default=0)
        left, split_of_group = dict(sizes), {}
        trained = set(map(self._root, self._trained))
        for root in (each for each in self._shuffled(roots) if each not in trained):
            for split, room in left.items():
                # A large group, such as all greetings, would fill a split with alike sentences.
                if counts[root] <= min(room, max(smallest, sizes[split] // LARGEST_GROUP)):
                    left[split] -= counts[root]
                    split_of_group[root] = split
                    break
        empty = [split for split, room in left.items() if room == sizes[split]]
        if empty or len(split_of_group) == len(counts):
            raise DataError(
                f"{len(self):,} pairs of {len(counts) - len(trained):,} groups without a sentence "
                "in common, with each other and with further training text, are "
                f"too few to hold out {' and '.join(sizes)}; give more text, or these splits"
            )
        return {
            number: split_of_group[root]
            for number, root in enumerate(roots)
            if root in split_of_group
        }

    def _shuffled(self, roots: Iterable[int]) -> list[int]:
        """Groups in an order that depends on their sentences and the seed alone."""
        least: dict[int, bytes] = {}
        for source, root in zip(self._sources, roots, strict=True):
            if root >= 0:
                least[root] = min(least.get(root, self._order[source]), self._order[source])
        for root, digest in least.items():
            least[root] = hashlib.blake2b(digest).digest()  # again: its size plays no part
        return sorted(least, key=least.__getitem__)

    def _digest(self, side: bytes, sentence: str) -> bytes:
        return hashlib.blake2b(
            same_form(sentence).encode("utf-8", "surrogatepass"),
            digest_size=16,
            salt=self._salt,
            person=side,
        ).digest()

    def _number(self, side: bytes, sentence: str) -> int:
        digest = self._digest(side, sentence)
        number = self._numbers.setdefault(digest, len(self._parents))
        if number == len(self._parents):
            self._parents.append(number)
            self._order.append(digest)
        return number

    def _root(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]  # shorter from now on
            number = parents[number]
        return number


class HeldOut:
    """Which sentences of a held-out text are met again in training, on either side.

    Sentences are the same here if they are, but for spaces at their ends.

    Args:
        pairs: of the held-out text.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._sides: tuple[set[str], ...] = (set(), set())
        self._met: tuple[set[str], ...] = (set(), set())
        for pair in pairs:
            for side, text in zip(self._sides, pair, strict=True):
                side.add(text.strip())

    def meet(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Some pairs of the training text."""
        for pair in pairs:
            for side, met, text in zip(self._sides, self._met, pair, strict=True):
                if (stripped := text.strip()) in side:
                    met.add(stripped)

    def shares(self) -> tuple[float, float]:
        """Of the different sources and targets that are not blank, those that were met."""
        source, target = (
            len(met - {""}) / max(1, len(side - {""}))
            for side, met in zip(self._sides, self._met, strict=True)
        )
        return source, target


def same_form(sentence: str) -> str:
    """A form that sentences share which differ in case, spaces and Unicode forms alone.

    >>> same_form(" The  CAT ")
    'the cat'
    """
    return " ".join(unicodedata.normalize("NFKC", sentence).casefold().split())


def link(pairs: Iterable[tuple[str, str]], seed: int = 1) -> LinkedPairs:
    """All pairs of a corpus, linked."""
    linked = LinkedPairs(seed)
    for source, target in pairs:
        linked.add(source, target)
    return linked
