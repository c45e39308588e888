"""An HTML page about one translation, which needs nothing but the pictures beside it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2

from seq2seq.config.languages import UNKNOWN, Languages

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("seq2seq.inspection"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

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
    """The contents of the page."""

    source: str
    translation: str
    tokens: Sequence[Token]
    hypotheses: Sequence[Outline]  # outputs first, best first
    pictures: Sequence[tuple[str, str]]  # file and caption
    arrays: str  # the file of arrays
    languages: Languages = UNKNOWN

    def html(self) -> str:
        """The whole document; every text is escaped."""
        return _TEMPLATES.get_template("page.html.jinja").render(page=self, fates=FATES)

    def shared_length(self, hypothesis: Outline) -> int:
        """Characters at the beginning that a hypothesis has in common with the translation."""
        return len(os.path.commonprefix([hypothesis.text, self.translation]))
