"""Lemmas and features to word forms, from the tab-separated files of SIGMORPHON's shared tasks.

A line has lemma, form and features such as V;PST, in the order that --columns gives. Characters are
parted by spaces, and features are words of the source: `w a l k <V> <PST>` to `w a l k e d`. In val
and test a lemma with its features comes once, with the form that the file has last, as the shared
tasks' evaluations count it.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from data_prep.arguments import add_output, verb_parser
from data_prep.corpus_folder import describe_corpus, open_corpus
from data_prep.one_symbol_a_word import spaced
from seq2seq.data.lines import read_lines
from seq2seq.errors import DataError

ENDINGS = ("lemmas", "forms")
SPLITS = ("train", "val", "test")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `inflection`."""
    parser = verb_parser(subparsers, "inflection", __doc__)
    add = parser.add_argument
    for split, name in zip(SPLITS, ("TRAIN", "DEV", "TEST"), strict=True):
        add(split, type=Path, metavar=name, help="tab-separated text, plain or .gz")
    add_output(parser)
    add(
        "--columns",
        type=_columns,
        default=(1, 2, 3),
        metavar="L,F,T",
        help="of lemma, form and features, from 1; default 1,2,3; SIGMORPHON 2016 and 2022: 1,3,2",
    )
    parser.set_defaults(run=run)


def _columns(text: str) -> tuple[int, ...]:
    if sorted(text.split(",")) != ["1", "2", "3"]:
        raise argparse.ArgumentTypeError(f"{text!r} is no order of 1,2,3, such as 1,3,2")
    return tuple(map(int, text.split(",")))


def run(options: argparse.Namespace) -> str:
    """Writes the corpus and says what was written.

    Raises:
        DataError: a file cannot be read or has another form, or the folder cannot be written.
    """
    with open_corpus(options.output, SPLITS, ENDINGS, options.replace) as writer:
        for split in SPLITS:
            found = pairs(getattr(options, split), options.columns)
            for source, target in found if split == "train" else dict(found).items():
                writer.add(split, source, target)
    return describe_corpus(options.output, ENDINGS, writer.counts)


def pairs(path: Path, columns: tuple[int, int, int]) -> Iterator[tuple[str, str]]:
    """Source and target of each line that is not blank.

    Args:
        path: the file.
        columns: of lemma, form and features, from 1.

    Raises:
        DataError: a line has other than three columns, or an empty one.
    """
    for number, line in enumerate(read_lines(path), 1):
        fields = [field.strip() for field in line.split("\t")]
        if fields == [""]:
            continue
        if len(fields) != 3 or not all(fields):
            raise DataError(f"{path}, line {number}: expected lemma, form and features, by tabs")
        lemma, form, features = (fields[column - 1] for column in columns)
        tags = " ".join(f"<{each.strip()}>" for each in features.split(";"))
        yield f"{spaced(lemma)} {tags}", spaced(form)
