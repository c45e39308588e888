"""Split a file of tab-separated sentence pairs, such as Tatoeba's, into train, val and test.

A source sentence with several translations goes to one split with all of them, so no source
sentence of val or test occurs in train. Identical pairs are kept once. The file is read twice; only
digests of its pairs are held in memory.
"""

import argparse
import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from data_prep.arguments import check_languages, language, positive
from data_prep.corpus_folder import describe_corpus, open_corpus
from seq2seq.cli.table_columns import columns
from seq2seq.data.lines import read_lines
from seq2seq.errors import DataError

logger = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
MOST_BY_DEFAULT = 1000  # pairs each, of val and test; of small files SHARE
SHARE = 20  # one of so many pairs
NAMED = ("en", "de")  # by default


@dataclass(frozen=True)
class PairFile:
    """A tab-separated file and which of its columns, counted from 1, are source and target."""

    path: Path
    columns: tuple[int, int]

    def pairs(self, skipped: Counter[str]) -> Iterator[tuple[str, str]]:
        """Each distinct pair once, without space around it; counts skipped lines by reason."""
        seen: set[bytes] = set()
        last_column = max(self.columns)
        for line in read_lines(self.path):
            fields = line.split("\t", last_column)
            if len(fields) < last_column:
                skipped[f"have fewer than {last_column} columns"] += 1
                continue
            source, target = (fields[column - 1].strip() for column in self.columns)
            digest = hashlib.blake2b(f"{source}\t{target}".encode(), digest_size=16).digest()
            if not source or not target:
                skipped["have an empty side"] += 1
            elif digest in seen:
                skipped["repeat an earlier pair"] += 1
            else:
                seen.add(digest)
                yield source, target


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `tsv`."""
    parser = subparsers.add_parser(
        "tsv",
        help=__doc__.splitlines()[0],
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="tab-separated text, plain or .gz")
    add("--output", type=Path, required=True, metavar="DIR", help="folder to write")
    add("--columns", type=columns, default=(1, 2), metavar="S,T", help="from 1; default 1,2")
    for side, name in zip(("source", "target"), NAMED, strict=True):
        add(f"--{side}", type=language, metavar="TAG", help=f"{side} language; default {name}")
    size = f"pairs in this split; default 5 %%, at most {MOST_BY_DEFAULT}"
    add("--validation", type=positive, metavar="N", help=size)
    add("--test", type=positive, metavar="N", help=size)
    add("--seed", type=int, default=1, metavar="N", help="another seed splits differently")
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> str:
    """Reads once to choose the splits and once to write them, and says what was written."""
    named = options.source or options.target
    options.source, options.target = options.source or NAMED[0], options.target or NAMED[1]
    languages = check_languages(options)
    if options.file.exists() and not options.file.is_file():
        raise DataError(f"{options.file} is no plain file; it is read twice, so save it first")
    pair_file = PairFile(options.file, options.columns)
    sizes = {"val": options.validation, "test": options.test}
    split_of = choose_splits(pair_file, sizes, options.seed)
    with open_corpus(options.output, SPLITS, languages) as writer:
        for source, target in pair_file.pairs(Counter()):
            split = split_of.get(source_digest(source, options.seed), "train")
            writer.add(split, source, target)
    if not named:
        logger.warning("files are named .%s and .%s; --source and --target name them", *NAMED)
    return describe_corpus(options.output, languages, writer.counts)


def choose_splits(
    pair_file: PairFile, asked: Mapping[str, int | None], seed: int
) -> dict[bytes, str]:
    """The split of each source sentence that does not go to train, by its digest.

    Args:
        pair_file: read once.
        asked: pairs of each split but train; None: as many as fit the file.
        seed: another one splits differently.

    Raises:
        DataError: the file holds too few pairs to leave any for train.
    """
    skipped: Counter[str] = Counter()
    group_sizes: Counter[bytes] = Counter()
    for source, _ in pair_file.pairs(skipped):
        group_sizes[source_digest(source, seed)] += 1
    for reason, lines in skipped.items():
        logger.warning("%s: skipped %d lines that %s", pair_file.path, lines, reason)
    total = group_sizes.total()
    fitting = max(1, min(MOST_BY_DEFAULT, total // SHARE))
    sizes = {split: size or fitting for split, size in asked.items()}
    if total <= sum(sizes.values()):
        advice = f"pass smaller sizes, such as --validation {fitting} --test {fitting}"
        raise DataError(
            f"{pair_file.path} has {total} distinct pairs in columns "
            f"{pair_file.columns[0]},{pair_file.columns[1]}, too few for {sizes['val']} of "
            f"validation, {sizes['test']} of test and some of training; "
            f"{advice if total > 2 else 'check the file and --columns'}"
        )
    return _assign(group_sizes, sizes)


def source_digest(source: str, seed: int) -> bytes:
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
