"""Pairs of sentences from one place, split into train, val and test.

A source sentence with several translations goes to one split with all of them, so no source
sentence of val or test occurs in train. Identical pairs are kept once. The pairs are read twice;
only digests of them are held in memory.
"""

import argparse
import hashlib
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.arguments import add_output, positive
from data_prep.corpus_folder import describe_corpus, open_corpus
from seq2seq.errors import DataError

logger = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
MOST_BY_DEFAULT = 1000  # pairs each, of val and test; of small files SHARE
SHARE = 20  # one of so many pairs
# Whatever ends a line in some program, so that whoever reads the files counts the same lines.
LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True)
class PairFile:
    """Pairs that can be read more than once."""

    name: str  # where they come from, for messages
    unit: str  # what is skipped: "lines"
    pairs: Callable[[Counter[str]], Iterator[tuple[str, str]]]
    """Source and target, in one line each; counts what it skips by reason."""


def add_split_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --output, --validation, --test and --seed."""
    add = parser.add_argument
    add_output(parser)
    size = f"pairs in this split; default 5 %%, at most {MOST_BY_DEFAULT}"
    add("--validation", type=positive, metavar="N", help=size)
    add("--test", type=positive, metavar="N", help=size)
    add("--seed", type=int, default=1, metavar="N", help="another seed splits differently")


def check_plain(paths: Sequence[Path]) -> None:
    """Looks that files can be read more than once.

    Raises:
        DataError: one is a pipe, a device or a folder.
    """
    for path in paths:
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is no plain file; it is read twice, so save it first")


def write_splits(
    file: PairFile, languages: tuple[str, str], options: argparse.Namespace, advice: str
) -> str:
    """Reads once to choose the splits and once to write them, and says what was written.

    Args:
        file: the pairs.
        languages: source and target, as files end in them.
        options: of `add_split_arguments`.
        advice: what to check where there are hardly any pairs.

    Raises:
        DataError: there are too few pairs to leave any for train, or the folder cannot be written.
    """
    sizes = {"val": options.validation, "test": options.test}
    split_of = _choose_splits(file, sizes, options.seed, advice)
    with open_corpus(options.output, SPLITS, languages, options.replace) as writer:
        for source, target in _distinct(file, Counter()):
            split = split_of.get(_source_digest(source, options.seed), "train")
            writer.add(split, source, target)
    return describe_corpus(options.output, languages, writer.counts)


def one_line(text: str) -> str:
    r"""A text without space around it, and with a space in place of each line end.

    >>> one_line(" Save the\n file? ")
    'Save the file?'
    """
    return " ".join(filter(None, map(str.strip, LINE_END.split(text))))


def _distinct(file: PairFile, skipped: Counter[str]) -> Iterator[tuple[str, str]]:
    """Each pair once, and none with an empty side."""
    seen: set[bytes] = set()
    for source, target in file.pairs(skipped):
        digest = hashlib.blake2b(f"{source}\t{target}".encode(), digest_size=16).digest()
        if not source or not target:
            skipped["have an empty side"] += 1
        elif digest in seen:
            skipped["repeat an earlier pair"] += 1
        else:
            seen.add(digest)
            yield source, target


def _choose_splits(
    file: PairFile, asked: Mapping[str, int | None], seed: int, advice: str
) -> dict[bytes, str]:
    """The split of each source sentence that does not go to train, by its digest."""
    skipped: Counter[str] = Counter()
    group_sizes: Counter[bytes] = Counter()
    for source, _ in _distinct(file, skipped):
        group_sizes[_source_digest(source, seed)] += 1
    for reason, count in (+skipped).items():
        logger.warning("%s: skipped %d %s that %s", file.name, count, file.unit, reason)
    total = group_sizes.total()
    fitting = max(1, min(MOST_BY_DEFAULT, total // SHARE))
    sizes = {split: size or fitting for split, size in asked.items()}
    if total <= sum(sizes.values()):
        smaller = f"pass smaller sizes, such as --validation {fitting} --test {fitting}"
        raise DataError(
            f"{file.name} has {total} distinct pairs, too few for {sizes['val']} of validation, "
            f"{sizes['test']} of test and some of training; {smaller if total > 2 else advice}"
        )
    return _assign(group_sizes, sizes)


def _source_digest(source: str, seed: int) -> bytes:
    """A digest that orders sentences by chance, differently for each seed."""
    return hashlib.blake2b(source.encode(), digest_size=16, salt=b"%d" % (seed % 10**16)).digest()


def _assign(group_sizes: Mapping[bytes, int], sizes: Mapping[str, int]) -> dict[bytes, str]:
    """Fills each split with whole groups, in the order of their digests."""
    left = dict(sizes)
    split_of = {}
    for digest in sorted(group_sizes):
        for split, room in left.items():
            if group_sizes[digest] <= room:
                left[split] -= group_sizes[digest]
                split_of[digest] = split
                break
    for split, room in left.items():
        if room == sizes[split]:
            raise DataError(
                f"no source sentence has few enough translations for {split}, which takes {room} "
                "pairs; pass larger --validation and --test"
            )
        if room:
            logger.warning(
                "%s has %d pairs less than asked, as translations of one sentence stay together",
                split,
                room,
            )
    return split_of
