"""An evaluation as one HTML file that needs nothing beside it: scores, lengths, sentences."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jinja2
from sacrebleu.metrics import CHRF

from seq2seq.config.languages import UNKNOWN, Languages
from seq2seq.scoring.comparison import Measured
from seq2seq.scoring.text_length import length_unit, text_length

LISTED = 50  # sentences in each list

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("seq2seq.scoring"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class System:
    """A translation of the text, by whoever made it."""

    name: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Sentence:
    """A line of the text in a list of sentences."""

    line: int  # from 1
    rows: Sequence["Row"]  # source, references, translations


@dataclass(frozen=True)
class Row:
    """A text in a list of sentences."""

    label: str  # source, reference, translation, baseline
    text: str
    language: str | None  # for browsers
    chrf: float | None = None  # of a translation, 0 to 100


@dataclass(frozen=True)
class SentenceList:
    """Sentences worth a look, under a title that says why."""

    title: str
    sentences: Sequence[Sentence]


@dataclass(frozen=True)
class EvaluationReport:
    """The contents of the file."""

    files: str  # what was translated and compared with
    system: System
    baseline: System | None
    sources: Sequence[str]
    references: Sequence[str]
    measured: Sequence[Measured]  # `Compared` where there is a baseline
    by_length: bytes  # an SVG picture; empty where no source has a word
    languages: Languages = UNKNOWN
    others: Sequence[Sequence[str]] = ()  # more references; a blank line is none

    def html(self) -> str:
        """The whole document; every text is escaped."""
        systems = [each for each in (self.system, self.baseline) if each]
        return _TEMPLATES.get_template("report.html.jinja").render(
            report=self,
            title=f"{self.system.name}: {self.measured[0].metric} {self.measured[0].score:.2f}",
            oddities=[(each.name, self._oddities(each)) for each in systems],
            picture=base64.b64encode(self.by_length).decode(),
            lists=self._lists(),
            units=[length_unit(each) for each in (self.languages.source, self.languages.target)],
        )

    def _oddities(self, system: System) -> tuple[int, int, int, int]:
        """Numbers of lines that are empty, untranslated, much shorter, and much longer."""
        length = partial(text_length, language=self.languages.target)
        right = map(self._references, range(len(self.sources)))
        texts = list(zip(system.lines, self.sources, right, strict=True))
        return (
            sum(not line.strip() and bool(references[0].strip()) for line, _, references in texts),
            sum(line.strip() == source.strip() != "" for line, source, _ in texts),
            sum(2 * length(line) < min(map(length, references)) for line, _, references in texts),
            sum(length(line) > 2 * max(map(length, references)) for line, _, references in texts),
        )

    def _references(self, row: int) -> list[str]:
        """All references of a line, the one of `references` first, each once."""
        more = [each[row] for each in self.others if each[row].strip()]
        return list(dict.fromkeys([self.references[row], *more]))

    def _lists(self) -> list[SentenceList]:
        ours = self._sentence_scores(self.system)
        rows = range(len(self.sources))
        missed = [row for row in rows if self.system.lines[row] not in self._references(row)]
        worst = sorted(missed, key=ours.__getitem__)[:LISTED]
        if not self.baseline:
            return [self._list("Furthest from their references", worst, ours, None)]
        theirs = self._sentence_scores(self.baseline)
        gains = [own - other for own, other in zip(ours, theirs, strict=True)]
        lost = [row for row in sorted(rows, key=gains.__getitem__) if gains[row] < 0][:LISTED]
        won = [row for row in sorted(rows, key=lambda row: -gains[row]) if gains[row] > 0][:LISTED]
        return [
            self._list(f"Better than {self.baseline.name}", won, ours, theirs),
            self._list(f"Worse than {self.baseline.name}", lost, ours, theirs),
            self._list("Furthest from their references", worst, ours, theirs),
        ]

    def _sentence_scores(self, system: System) -> list[float]:
        """The chrF of each line, 0 to 100: BLEU is too coarse for a sentence."""
        chrf = CHRF()
        return [
            chrf.sentence_score(line, self._references(row)).score
            for row, line in enumerate(system.lines)
        ]

    def _list(
        self, title: str, rows: Sequence[int], ours: list[float], theirs: list[float] | None
    ) -> SentenceList:
        sentences = []
        target = self.languages.target
        for row in rows:
            rows_of_it = [
                Row("source", self.sources[row], self.languages.source),
                *(Row("reference", text, target) for text in self._references(row)),
                Row("translation", self.system.lines[row], target, ours[row]),
            ]
            if self.baseline and theirs:
                rows_of_it.append(Row("baseline", self.baseline.lines[row], target, theirs[row]))
            sentences.append(Sentence(row + 1, rows_of_it))
        return SentenceList(title, sentences)
