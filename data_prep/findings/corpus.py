"""Findings in all pairs of two parallel files: how often, and in which lines."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from data_prep.findings.finding import Finding, Rules
from data_prep.findings.line import count_letters, count_words, main_script
from data_prep.findings.pair import SIDES, Examiner, OtherSplit, Pair
from data_prep.findings.shift import Shift, ShiftFinder
from seq2seq.data.lines import raw_lines

EXAMPLES = 3  # line numbers kept per finding
DOMINANT = 0.9  # share of a side's lines that makes a script the side's own

Scripts = tuple[str, str]  # of source and target; "" for none that dominates


@dataclass
class Tally:
    """A number of lines, and the numbers of the first few, from 1."""

    count: int = 0
    examples: list[int] = field(default_factory=list)

    def add(self, number: int) -> None:
        """Counts a line."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(number)

    def join(self, other: "Tally") -> None:
        """Counts the lines of another tally too."""
        self.count += other.count
        self.examples = sorted(self.examples + other.examples)[:EXAMPLES]


Findings = dict[tuple[Finding, str], Tally]  # by kind, and by side or other place


@dataclass
class CorpusFindings:
    """The result of reading a corpus: findings by kind and place, words per line by side."""

    lines: tuple[int, int] = (0, 0)
    usable: int = 0
    findings: Findings = field(default_factory=lambda: defaultdict(Tally))
    words: tuple[Counter[int], Counter[int]] = field(default_factory=lambda: (Counter(), Counter()))
    scripts: Scripts = ("", "")
    shifts: list[Shift] = field(default_factory=list)


def examine_corpus(
    source: Path, target: Path, rules: Rules, splits: tuple[OtherSplit, ...] = ()
) -> CorpusFindings:
    """Findings in two parallel files, read once; lines that one of them has more are only counted.

    Args:
        source: plain or .gz.
        target: plain or .gz.
        rules: what counts as a finding.
        splits: others, whose sentences must not occur here.

    Raises:
        DataError: a file cannot be read.
    """
    corpus = CorpusFindings()
    examiner = Examiner(rules, splits)
    finder = ShiftFinder()
    by_scripts: dict[Scripts, Tally] = defaultdict(Tally)
    counts = [0, 0]
    for raws in zip_longest(raw_lines(source), raw_lines(target)):
        for side, raw in enumerate(raws):
            counts[side] += raw is not None
        if None in raws:
            continue
        pair = examiner.examine(*raws)
        for key in pair.findings:
            corpus.findings[key].add(counts[0])
        for text, words in zip((pair.source, pair.target), corpus.words, strict=True):
            words[count_words(text)] += 1
        finder.add(count_letters(pair.source), count_letters(pair.target))
        if not pair.reason:
            by_scripts[pair_scripts(pair)].add(counts[0])
    corpus.lines = counts[0], counts[1]
    corpus.shifts = finder.finish()
    _judge_scripts(corpus, by_scripts, rules)
    return corpus


def pair_scripts(pair: Pair) -> Scripts:
    """The script of each side."""
    return main_script(pair.source), main_script(pair.target)


def foreign_side(scripts: Scripts, dominant: Scripts) -> int | None:
    """The first side, 0 or 1, that is in another script than most of that side's lines."""
    for side, (script, usual) in enumerate(zip(scripts, dominant, strict=True)):
        if script and usual and script != usual:
            return side
    return None


def dominant_scripts(counts: Mapping[Scripts, int]) -> Scripts:
    """The script of nearly all lines of each side, "" where there is none.

    The pairs that are left once those in other scripts are gone have the same ones.
    """
    dominant = ("", "")
    before = None
    while dominant != before:
        before = dominant
        for side in (0, 1):
            shares: Counter[str] = Counter()
            for scripts, count in counts.items():
                if scripts[side] and foreign_side(scripts, dominant) is None:
                    shares[scripts[side]] += count
            script, count = max(shares.items(), key=lambda item: item[1], default=("", 0))
            if not dominant[side] and count and count >= DOMINANT * shares.total():
                dominant = (script, dominant[1]) if side == 0 else (dominant[0], script)
    return dominant


def _judge_scripts(
    corpus: CorpusFindings, by_scripts: Mapping[Scripts, Tally], rules: Rules
) -> None:
    """Counts usable pairs, and those in another script than the rest of their side."""
    if Finding.SCRIPT not in rules.kept:
        corpus.scripts = dominant_scripts(
            {scripts: tally.count for scripts, tally in by_scripts.items()}
        )
    for scripts, tally in by_scripts.items():
        side = foreign_side(scripts, corpus.scripts)
        if side is None:
            corpus.usable += tally.count
        else:
            place = f"{scripts[side].lower()} among {corpus.scripts[side].lower()}, {SIDES[side]}"
            corpus.findings[Finding.SCRIPT, place].join(tally)
