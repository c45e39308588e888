"""Split a file of tab-separated sentence pairs, such as Tatoeba's, into train, val and test.

A source sentence with several translations goes to one split with all of them, so no source
sentence of val or test occurs in train. Identical pairs are kept once. The file is read twice; only
digests of its pairs are held in memory.
"""

import argparse
import logging
from pathlib import Path

from data_prep.arguments import check_languages, language, verb_parser
from data_prep.pair_splits import PairFile, add_split_arguments, check_plain, write_splits
from seq2seq.cli.table_columns import columns
from seq2seq.data.corpus_files import Table

logger = logging.getLogger(__name__)

NAMED = ("en", "de")  # by default


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `tsv`."""
    parser = verb_parser(subparsers, "tsv", __doc__)
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="tab-separated text, plain or .gz")
    add("--columns", type=columns, default=(1, 2), metavar="S,T", help="from 1; default 1,2")
    for side, name in zip(("source", "target"), NAMED, strict=True):
        add(f"--{side}", type=language, metavar="TAG", help=f"{side} language; default {name}")
    add_split_arguments(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> str:
    """Writes the splits and says what was written."""
    named = options.source or options.target
    options.source, options.target = options.source or NAMED[0], options.target or NAMED[1]
    languages = check_languages(options)
    check_plain([options.file])
    file = PairFile(str(options.file), "lines", Table(options.file, options.columns).pairs)
    report = write_splits(file, languages, options, "check the file and --columns")
    if not named:
        logger.warning(
            "the files are named .%s and .%s; if these are not their languages, make them again "
            "with --source and --target",
            *NAMED,
        )
    return report
