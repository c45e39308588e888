"""Output formats of a translated line: text, tab-separated rows, JSON."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

DECIMALS = 4  # of scores and log-probabilities
ATTENTION_DECIMALS = 3


@dataclass(frozen=True)
class LineOutput:
    """One translation of a whole line."""

    text: str
    score: float  # what the search orders by; of a split line: the mean over its parts
    log_probability: float  # nats; of a split line: the sum


@dataclass(frozen=True)
class PartReport:
    """Subwords, probabilities and attention of a line, or of one part of a line that was split."""

    source_tokens: list[str]  # EOS at the end
    tokens: list[str]  # of the best output, EOS at the end
    token_log_probabilities: list[float]
    attention: list[list[float]]  # a row for each token, a column for each source token


@dataclass(frozen=True)
class LineReport:
    """The translation of one line, with all details of it."""

    line: int  # from 1
    outputs: list[LineOutput]  # best first; one that is "" for a blank line
    parts: list[PartReport] = field(default_factory=list)
    flags: list[tuple[str, str]] = field(default_factory=list)  # kind and detail
    unseen_words: list[str] | None = None  # that training did not see; None: not known


def as_text(report: LineReport) -> str:
    """The text of the best translation."""
    return report.outputs[0].text


def as_tsv(report: LineReport) -> str:
    r"""A row for each output: line, rank (from 1), score, log-probability, text.

    >>> as_tsv(LineReport(7, [LineOutput("ein\tHund", -0.5, -1.25)]))
    '7\t1\t-0.5000\t-1.2500\tein Hund'
    """
    return "\n".join(
        f"{report.line}\t{rank}\t{output.score:.{DECIMALS}f}\t"
        f"{output.log_probability:.{DECIMALS}f}\t{output.text.replace(chr(9), ' ')}"
        for rank, output in enumerate(report.outputs, 1)
    )


def as_json(report: LineReport) -> str:
    """A JSON object of everything in the report, without line breaks."""
    best = report.outputs[0]
    fields: dict[str, Any] = {
        "line": report.line,
        **_rounded(best),
        "flags": [{"kind": kind, "detail": detail} for kind, detail in report.flags],
        "parts": [
            {
                "source_tokens": part.source_tokens,
                "tokens": part.tokens,
                "token_log_probabilities": _round(part.token_log_probabilities, DECIMALS),
                "attention": [_round(row, ATTENTION_DECIMALS) for row in part.attention],
            }
            for part in report.parts
        ],
    }
    if report.unseen_words is not None:
        fields["unseen_words"] = report.unseen_words
    if len(report.outputs) > 1:
        fields["n_best"] = [_rounded(output) for output in report.outputs]
    return json.dumps(fields, ensure_ascii=False)


FORMATS: dict[str, Callable[[LineReport], str]] = {
    "text": as_text,
    "tsv": as_tsv,
    "jsonl": as_json,
}


def _rounded(output: LineOutput) -> dict[str, str | float]:
    return {
        name: round(value, DECIMALS) if isinstance(value, float) else value
        for name, value in asdict(output).items()
    }


def _round(values: list[float], decimals: int) -> list[float]:
    return [round(float(value), decimals) for value in values]
