"""An evaluation as one HTML file that needs nothing beside it: scores, lengths, sentences."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from sacrebleu.metrics import CHRF

from seq2seq.scoring.comparison import Compared, Measured

LISTED = 50  # sentences in each list

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } caption { text-align: left; font-style: italic }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top }
tr { border-top: 1px solid #ddd } img { max-width: 100% }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.small { font-size: .8rem; color: #555; overflow-wrap: anywhere }
"""


@dataclass(frozen=True)
class System:
    """A translation of the text."""

    name: str
    lines: Sequence[str]


@dataclass(frozen=True)
class EvaluationReport:
    """What the file says."""

    files: str  # what was translated and compared with
    system: System
    baseline: System | None
    sources: Sequence[str]
    references: Sequence[str]
    measured: Sequence[Measured]  # `Compared` where there is a baseline
    by_length: bytes  # an SVG picture; empty where no source has a word

    def html(self) -> str:
        """The whole document, every text escaped."""
        title = f"{self.system.name}: BLEU {self.measured[0].score:.2f}"
        lists = "\n".join(self._lists())
        return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style></head>
<body>
<h1>{escape(title)}</h1>
<p>{len(self.sources):,} lines of {escape(self.files)}</p>
{self._scores()}
{self._remarks()}
{self._picture()}
{lists}
</body>
</html>
"""

    def _scores(self) -> str:
        heading = '<th>metric<th class="number">score, 95 %'
        if self.baseline:
            name = escape(self.baseline.name)
            heading += f'<th class="number">{name}<th class="number">gain<th class="number">p'
        rows = []
        for each in self.measured:
            row = f'<td>{each.metric}<td class="number">{each.score:.2f} ± {each.interval:.2f}'
            if isinstance(each, Compared):
                row += (
                    f'<td class="number">{each.baseline:.2f} ± {each.baseline_interval:.2f}'
                    f'<td class="number">{each.gain:+.2f}<td class="number">{each.p_value:.3f}'
                )
            rows.append(f'{row}<td class="small">{escape(each.signature)}')
        caption = "Lower is better for TER; a gain is an improvement in each"
        return _table(caption, f"{heading}<th>signature", rows)

    def _remarks(self) -> str:
        systems = [each for each in (self.system, self.baseline) if each]
        rows = []
        for each in systems:
            texts = list(zip(each.lines, self.sources, self.references, strict=True))
            counts = (
                sum(not line.strip() and bool(reference.strip()) for line, _, reference in texts),
                sum(line.strip() == source.strip() != "" for line, source, _ in texts),
                sum(2 * _words(line) < _words(reference) for line, _, reference in texts),
                sum(_words(line) > 2 * _words(reference) for line, _, reference in texts),
            )
            numbers = "".join(f'<td class="number">{count:,}' for count in counts)
            rows.append(f"<td>{escape(each.name)}{numbers}")
        names = ("empty", "equal to the source", "under half as long", "over twice as long")
        heading = "<th>" + "".join(f'<th class="number">{name}' for name in names)
        return _table(
            "Translations to look at; lengths in words, beside the reference", heading, rows
        )

    def _picture(self) -> str:
        if not self.by_length:
            return ""
        data = base64.b64encode(self.by_length).decode()
        what = "BLEU by length of the source in words"
        return f'<h2>{what}</h2>\n<p><img src="data:image/svg+xml;base64,{data}" alt="{what}"></p>'

    def _lists(self) -> list[str]:
        ours = self._sentence_scores(self.system)
        rows = range(len(self.sources))
        worst = sorted(rows, key=ours.__getitem__)[:LISTED]
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
        pairs = zip(system.lines, self.references, strict=True)
        return [chrf.sentence_score(line, [reference]).score for line, reference in pairs]

    def _list(
        self, title: str, rows: Sequence[int], ours: list[float], theirs: list[float] | None
    ) -> str:
        body = []
        for row in rows:
            lines = [("", self.sources[row]), ("reference", self.references[row])]
            lines.append((f"{ours[row]:.1f}", self.system.lines[row]))
            if self.baseline and theirs:
                label = f"{self.baseline.name}, {theirs[row]:.1f}"
                lines.append((label, self.baseline.lines[row]))
            for place, (label, text) in enumerate(lines):
                number = f"{row + 1:,}" if place == 0 else ""
                body.append(
                    f'<td class="number">{number}<td class="small">{escape(label)}'
                    f'<td dir="auto">{escape(text)}'
                )
        heading = '<th class="number">line<th>chrF<th>text'
        return f"<h2>{escape(title)}</h2>\n" + (
            _table("", heading, body) if body else "<p>None.</p>"
        )


def _words(text: str) -> int:
    return len(text.split())


def _table(caption: str, heading: str, rows: Sequence[str]) -> str:
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption>\n<tr>{heading}</tr>\n{body}\n</table>"
