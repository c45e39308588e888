"""One HTML page about one translation; it needs nothing but the pictures beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } caption { text-align: left; font-style: italic }
th, td { text-align: left; padding: .15rem .8rem .15rem 0; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
figure { margin: 2rem 0 } img { max-width: 100% } .shared { color: #666 }
"""

FATES = {
    "ended": "only its end was kept",
    "pruned": "better ones left it no place",
    "could_not_win": "could not win any more",
    "too_long": "reached the limit of length",
    "finished": "finished",
    "beaten": "finished, and better ones came",
}


@dataclass(frozen=True)
class Token:
    """A subword that was written."""

    subword: str
    probability: float
    runners_up: Sequence[tuple[str, float]]  # other subwords and their probabilities


@dataclass(frozen=True)
class Outline:
    """A hypothesis that the search did not continue."""

    text: str
    log_probability: float  # nats
    score: float | None  # with penalties, of a finished one
    fate: str  # see `FATES`
    fell_at: int | None  # step


@dataclass(frozen=True)
class Page:
    """What the page says."""

    source: str
    translation: str
    tokens: Sequence[Token]
    hypotheses: Sequence[Outline]  # outputs first, best first
    pictures: Sequence[tuple[str, str]]  # file and caption
    arrays: str  # the file of arrays

    def html(self) -> str:
        """The whole document, every text escaped."""
        figures = "\n".join(
            f'<figure><img src="{escape(file)}" alt="{escape(caption)}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
            for file, caption in self.pictures
        )
        return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(self.translation)}</title><style>{STYLE}</style></head>
<body>
<h1>{escape(self.translation)}</h1>
<p>{escape(self.source)}</p>
{self._tokens()}
{self._hypotheses()}
{figures}
<p>All numbers: <a href="{escape(self.arrays)}">{escape(self.arrays)}</a></p>
</body>
</html>
"""

    def _tokens(self) -> str:
        rows = []
        for token in self.tokens:
            others = ", ".join(f"{piece} {share:.3f}" for piece, share in token.runners_up)
            rows.append(
                f'<tr><td>{escape(token.subword)}<td class="number">{token.probability:.3f}'
                f"<td>{escape(others)}</tr>"
            )
        return _table(
            "Each subword, how likely it was, and what else was likely there",
            '<tr><th>written<th class="number">probability<th>runners-up</tr>',
            rows,
        )

    def _hypotheses(self) -> str:
        rows = []
        for each in self.hypotheses:
            shared = _shared_length(each.text, self.translation)
            fate = FATES.get(each.fate, each.fate)
            if each.fell_at is not None:
                fate += f", at step {each.fell_at}"
            score = "" if each.score is None else f"{each.score:.2f}"
            rows.append(
                f'<tr><td><span class="shared">{escape(each.text[:shared])}</span>'
                f'{escape(each.text[shared:])}<td class="number">{each.log_probability:.2f}'
                f'<td class="number">{score}<td>{escape(fate)}</tr>'
            )
        table = _table(
            "Grey is what a hypothesis shares with the translation",
            '<tr><th>hypothesis<th class="number">log-probability<th class="number">score'
            "<th>what became of it</tr>",
            rows,
        )
        return (
            f"<details><summary>The search: {len(rows)} hypotheses</summary>\n{table}\n</details>"
        )


def _table(caption: str, heading: str, rows: Sequence[str]) -> str:
    body = "\n".join(rows)
    return f"<table><caption>{caption}</caption>\n{heading}\n{body}\n</table>"


def _shared_length(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
