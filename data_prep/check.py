"""Report what is wrong with parallel text, such as shifted, blank or untranslated lines.

Counts each kind of finding and names its first lines. Nothing is changed: `clean` leaves out or
mends what is found. Only digests of the text are held in memory. Exits with 1 if the files have
different numbers of lines or hold no usable pair.
"""

import argparse
from collections import Counter
from collections.abc import Iterator

from data_prep.arguments import verb_parser
from data_prep.findings.corpus import CorpusFindings, examine_corpus
from data_prep.findings.finding import Remedy, Rules
from data_prep.findings.options import (
    add_corpus_arguments,
    clean_command,
    describe_unusable,
    read_splits,
)
from data_prep.findings.report import (
    describe_cost,
    describe_findings,
    describe_shifts,
    format_table,
)
from seq2seq.errors import DataError


class UnusableCorpusError(DataError):
    """A corpus that cannot be trained on; `report` says what was found in it."""

    def __init__(self, message: str, report: str):
        """Makes an error of a one-line message and the report."""
        super().__init__(message)
        self.report = report


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `check`."""
    parser = verb_parser(subparsers, "check", __doc__)
    add_corpus_arguments(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> str:
    """Reads the corpus once and reports.

    Raises:
        DataError: a file cannot be read.
        UnusableCorpusError: the corpus cannot be trained on; it holds the report.
    """
    rules = Rules(options.longest, options.ratio, symbols=frozenset(options.symbol))
    splits = read_splits(options, rules)
    corpus = examine_corpus(options.source, options.target, rules, splits)
    report = "\n\n".join(_sections(options, corpus, rules))
    message = describe_unusable(options, corpus)
    if message:
        raise UnusableCorpusError(message, report)
    return f"{report}\n\n{_verdict(options, corpus)}"


def _sections(options: argparse.Namespace, corpus: CorpusFindings, rules: Rules) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("", "lines", "words: mean", "median", "longest")]
    files = zip((options.source, options.target), corpus.lines, corpus.words, strict=True)
    for path, lines, words in files:
        mean, median, longest = summarize(words)
        rows.append((str(path), f"{lines:,}", f"{mean:.1f}", f"{median:g}", f"{longest:,}"))
    yield format_table(rows, left={0})
    yield from describe_findings(corpus.findings, min(corpus.lines), rules)
    if corpus.shifts:
        yield describe_shifts(corpus.shifts)
    if 0 < corpus.usable < min(corpus.lines):
        yield describe_cost(min(corpus.lines) - corpus.usable, min(corpus.lines))


def summarize(lengths: Counter[int]) -> tuple[float, float, int]:
    """Mean, median and largest of counted numbers; 0 if there are none.

    >>> summarize(Counter([1, 2, 2, 7]))
    (3.0, 2.0, 7)
    """
    total = lengths.total()
    if not total:
        return 0.0, 0.0, 0
    middle = []
    for place in ((total - 1) // 2, total // 2):
        for length in sorted(lengths):
            place -= lengths[length]
            if place < 0:
                middle.append(length)
                break
    mean = sum(length * count for length, count in lengths.items()) / total
    return mean, sum(middle) / 2, max(lengths)


def _verdict(options: argparse.Namespace, corpus: CorpusFindings) -> str:
    pairs = corpus.lines[0]
    mendable = any(finding.remedy is Remedy.MENDED for finding, _ in corpus.findings)
    work = ["leaves out the rest"] if corpus.usable < pairs else []
    work += ["mends lines"] if mendable else []
    verdict = f"usable: {corpus.usable:,} of {pairs:,} pairs"
    return f"{verdict}; `{clean_command(options)}` {' and '.join(work)}" if work else verdict
