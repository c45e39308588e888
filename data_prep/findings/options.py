"""The arguments that `check` and `clean` share."""

import argparse
import shlex
from pathlib import Path

from data_prep.arguments import positive
from data_prep.findings.corpus import CorpusFindings
from data_prep.findings.finding import Rules
from data_prep.findings.pair import OtherSplit, read_split
from seq2seq.data.lines import unequal


def ratio(text: str) -> float:
    """A number above 1."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 1 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 1")
    return number


def add_corpus_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the two files, the bounds of lengths and ratios, symbols, and other splits."""
    add = parser.add_argument
    add("source", type=Path, metavar="SOURCE", help="a sentence a line, plain or .gz")
    add("target", type=Path, metavar="TARGET", help="its translation on the same line")
    add(
        "--longest",
        type=positive,
        default=Rules.longest,
        metavar="N",
        help="words in a line; default %(default)s",
    )
    add(
        "--ratio",
        type=ratio,
        default=Rules.ratio,
        metavar="X",
        help="longer side to shorter side of a pair; default %(default)s",
    )
    add(
        "--symbol",
        action="append",
        default=[],
        metavar="TEXT",
        help="no HTML tag, but one of subwords.symbols, such as <bt>; may be given again",
    )
    add(
        "--against",
        type=Path,
        nargs=2,
        action="append",
        default=[],
        metavar=("SOURCE", "TARGET"),
        help="another split, whose sentences must not occur here; may be given again",
    )


def read_splits(options: argparse.Namespace, rules: Rules) -> tuple[OtherSplit, ...]:
    """The splits of --against.

    Raises:
        DataError: a file cannot be read.
    """
    return tuple(read_split(source, target, rules) for source, target in options.against)


def describe_unusable(options: argparse.Namespace, corpus: CorpusFindings) -> str | None:
    """Why nothing can be trained on these files, in one line; None where something can."""
    source, target = options.source, options.target
    if corpus.lines[0] != corpus.lines[1]:
        return unequal(zip((source, target), corpus.lines, strict=True))
    if not corpus.usable:
        return f"{source} and {target} hold no usable pair among {corpus.lines[0]}; check the files"
    return None


def clean_command(options: argparse.Namespace) -> str:
    """The `clean` command for the same files and rules."""
    words = ["python", "-m", "data_prep", "clean", str(options.source), str(options.target)]
    if options.longest != Rules.longest:
        words += ["--longest", str(options.longest)]
    if options.ratio != Rules.ratio:
        words += ["--ratio", f"{options.ratio:g}"]
    for symbol in options.symbol:
        words += ["--symbol", symbol]
    for paths in options.against:
        words += ["--against", *map(str, paths)]
    return f"{shlex.join(words)} --output DIR"
