"""Copy parallel text without its unusable pairs, and with mended lines.

Leaves out and mends what `check` reports, and counts why; a pair with several reasons counts for
the first. The copies take the names of the files, without .gz. The files are read twice; only
digests of the text are held in memory.
"""

import argparse
import itertools
from collections import defaultdict
from pathlib import Path

from data_prep.arguments import add_output, verb_parser
from data_prep.corpus_folder import CorpusWriter, open_files
from data_prep.findings.corpus import (
    Findings,
    Scripts,
    Tally,
    examine_corpus,
    foreign_side,
    pair_scripts,
)
from data_prep.findings.finding import KEEPABLE, Finding, Remedy, Rules
from data_prep.findings.options import add_corpus_arguments, describe_unusable, read_splits
from data_prep.findings.pair import SIDES, Examiner
from data_prep.findings.report import describe_cost, describe_findings, describe_shifts
from seq2seq.data.lines import raw_lines
from seq2seq.errors import DataError
from seq2seq.files import is_among


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `clean`."""
    parser = verb_parser(subparsers, "clean", __doc__)
    add_corpus_arguments(parser)
    add = parser.add_argument
    add_output(parser)
    names = [finding.option for finding in KEEPABLE]
    add(
        "--keep",
        action="append",
        default=[],
        choices=names,
        metavar="FINDING",
        help=f"overlook one of {', '.join(names)}; may be given again",
    )
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> str:
    """Reads once to judge the corpus and once to write it, and says what was left out and why.

    Raises:
        DataError: the corpus is unusable, a file cannot be read or written, or the output would
            replace a file that is read.
    """
    kept = frozenset(finding for finding in KEEPABLE if finding.option in options.keep)
    rules = Rules(options.longest, options.ratio, kept, frozenset(options.symbol))
    outputs = output_paths(options)
    splits = read_splits(options, rules)
    corpus = examine_corpus(options.source, options.target, rules, splits)
    message = describe_unusable(options, corpus)
    if message:
        raise DataError(message)
    examiner = Examiner(rules, splits)
    kept_pairs, tallies = write_usable(options, outputs, examiner, corpus.scripts)
    sections = list(describe_findings(tallies, corpus.lines[0], rules))
    if corpus.shifts:
        sections.append(describe_shifts(corpus.shifts))
    if kept_pairs < corpus.lines[0]:
        sections.append(describe_cost(corpus.lines[0] - kept_pairs, corpus.lines[0]))
    names = " and ".join(map(str, outputs))
    sections.append(f"{names}: {kept_pairs:,} of {corpus.lines[0]:,} pairs")
    return "\n\n".join(sections)


def output_paths(options: argparse.Namespace) -> tuple[Path, Path]:
    """Paths of the copies.

    Raises:
        DataError: an input cannot be read twice, or a copy would replace a file that is read.
    """
    for path in (options.source, options.target):
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is no plain file; it is read twice, so save it first")
    source, target = (
        options.output / path.name.removesuffix(".gz") for path in (options.source, options.target)
    )
    if source == target:
        options.parser.error(f"both copies would be {source}; give the files different names")
    read = [options.source, options.target, *itertools.chain.from_iterable(options.against)]
    for path in (source, target):
        packed = path.with_name(f"{path.name}.gz")
        if is_among(path, read) or (path.exists() and is_among(packed, read)):
            raise DataError(
                f"{path} is read, or beside a .gz that is, and would be overwritten; "
                "pass another --output"
            )
    return source, target


def write_usable(
    options: argparse.Namespace, outputs: tuple[Path, Path], examiner: Examiner, dominant: Scripts
) -> tuple[int, Findings]:
    """Writes the mended usable pairs; both files appear when all is written.

    Args:
        options: with the files to read.
        outputs: the files to write.
        examiner: a new one, which has seen no pair.
        dominant: the scripts of the corpus; pairs in others are left out.

    Returns:
        Number of pairs written; the pairs left out by their first reason, and the repairs of those
        written.

    Raises:
        DataError: a file cannot be read or written, or has other contents.
    """
    tallies: Findings = defaultdict(Tally)
    lines = zip(raw_lines(options.source), raw_lines(options.target), strict=False)
    with open_files(outputs, options.replace) as (source, target):
        writer = CorpusWriter({"": (source, target)})
        for number, raws in enumerate(lines, start=1):
            pair = examiner.examine(*raws)
            foreign = None if pair.reason else foreign_side(pair_scripts(pair), dominant)
            if pair.reason:
                reason = next(key for key in pair.findings if key[0] is pair.reason)
                tallies[reason].add(number)
            elif foreign is not None:
                tallies[Finding.SCRIPT, SIDES[foreign]].add(number)
            else:
                writer.add("", pair.source, pair.target)
                for key in pair.findings:
                    if key[0].remedy is Remedy.MENDED:
                        tallies[key].add(number)
    return writer.counts[""], tallies
