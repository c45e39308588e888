"""Translate a file or a stream by a model server; needs neither TensorFlow nor a run folder."""

import itertools
import logging
import math
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from seq2seq.config.text_limits import LONGEST_TERMS, SEPARATOR
from seq2seq.config.tokens import read_tokens
from seq2seq.data.lines import read_lines, write_lines
from seq2seq.data.output_formats import FORMATS, LineOutput, LineReport, PartReport
from seq2seq.data.read_ahead import stream_windows
from seq2seq.data.resumable_output import check_files
from seq2seq.errors import DataError, ServerError
from seq2seq.serving.client import PAUSE, Client
from seq2seq.translation.glossary import Glossary

logger = logging.getLogger(__name__)

WINDOW = 1024  # lines of a stream that are sent before more are waited for
SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class RemoteJob:
    """What to translate, where, and into what."""

    url: str
    source: Path | None = None  # None: the input stream
    output: Path | None = None  # None: the output stream
    format: str = "text"
    glossary: Path | None = None  # terms and the translations that have to be used
    token_file: Path | None = None  # the first of its tokens is sent


def translate_remotely(job: RemoteJob, input_stream: BinaryIO, output_stream: BinaryIO) -> None:
    """Translates line by line; an output file appears under its name only when it is whole.

    Raises:
        Seq2SeqError: a file cannot be used, or the server cannot be reached or refuses lines.
    """
    if job.glossary and job.format == "jsonl":
        raise DataError("of a server, --glossary goes with --format text or tsv")
    glossary = Glossary.read(job.glossary) if job.glossary else None
    token = read_tokens(job.token_file)[0] if job.token_file else None
    check_files(job.source, job.output, (job.glossary,))
    lines = read_lines(job.source) if job.source else _arriving(input_stream)
    client = Client(job.url, token=token)
    reports = (
        _with_terms(client, lines, glossary) if glossary else SIGNATURES[job.format](client, lines)
    )
    rows = map(FORMATS[job.format], reports)
    if job.output:
        write_lines(job.output, rows)
        return
    for row in rows:
        output_stream.write(f"{row}\n".encode())
        output_stream.flush()


def _arriving(stream: BinaryIO) -> Iterator[str]:
    """Lines of a stream, with `PAUSE` where the next has not come yet."""
    for window in stream_windows(stream, WINDOW):
        yield from window
        yield cast(str, PAUSE)


def _rows(lines: Iterator[str]) -> Iterator[Any]:
    """Inputs of a signature, a row a line."""
    return (line if line is PAUSE else {"text": line} for line in lines)


def _texts(client: Client, lines: Iterator[str]) -> Iterator[LineReport]:
    for number, text in enumerate(client.translate(lines), 1):
        yield LineReport(number, [LineOutput(_one_line(_encodable(text)), 0.0, 0.0)])


def _n_best(client: Client, lines: Iterator[str]) -> Iterator[LineReport]:
    """All outputs; where a model gives fewer, the rest of its columns is empty."""
    for number, row in enumerate(client.predict_rows("translate_nbest", _rows(lines)), 1):
        yield LineReport(number, _ranked(_Answer(client.url, number, row)))


def _with_terms(client: Client, lines: Iterator[str], glossary: Glossary) -> Iterator[LineReport]:
    """As `_n_best`, with the translations of terms in every output."""
    asked: deque[list[str]] = deque()  # of each line that is under way

    def rows() -> Iterator[Any]:
        for line in lines:
            if line is PAUSE:
                yield PAUSE
                continue
            asked.append(glossary.targets(line))
            yield {"text": line, "terms": SEPARATOR.join(asked[-1])}

    for number, row in enumerate(_answers_with_terms(client, rows()), 1):
        outputs, terms = _ranked(_Answer(client.url, number, row)), asked.popleft()
        if terms and not outputs[0].text:
            shown = ", ".join(terms)
            raise DataError(
                f"no translation of line {number} can have {shown}: that is more than "
                f"{LONGEST_TERMS} subwords, or than it may have, or symbols that the model lacks"
            )
        yield LineReport(number, outputs)


def _answers_with_terms(client: Client, rows: Iterator[dict[str, Any]]) -> Iterator[Any]:
    try:
        yield from client.predict_rows("translate_terms", rows)
    except ServerError as error:
        if "translate_terms" not in str(error):
            raise
        raise ServerError(
            f"{client.url} takes no terms ({error}); export the run anew as a SavedModel, with "
            "beam_width 2 or more"
        ) from error


def _ranked(answer: "_Answer") -> list[LineOutput]:
    """The outputs of an answer; there is one at least, which may be blank."""
    texts = answer.texts("translations")
    scores, log_probabilities = answer.numbers("scores"), answer.numbers("log_probabilities")
    if not len(texts) == len(scores) == len(log_probabilities):
        raise answer.malformed("a score for each translation")
    found = [
        LineOutput(_one_line(text), score, log_probability)
        for text, score, log_probability in zip(texts, scores, log_probabilities, strict=True)
    ]
    return [each for rank, each in enumerate(found) if not rank or each.text]


def _details(client: Client, lines: Iterator[str]) -> Iterator[LineReport]:
    """The best output, with its subwords; flags are left to who holds the run.

    A server aligns the first chunk of a long line alone, whose translation is not the line's.
    """
    asked = itertools.tee(lines)
    best = client.predict_rows("translate_nbest", _rows(asked[0]))
    aligned = client.predict_rows("align", _rows(asked[1]))
    cut = 0
    for number, rows in enumerate(zip(best, aligned, strict=True), 1):
        whole, first = (_Answer(client.url, number, row) for row in rows)
        texts, found = whole.texts("translations"), first.text("translation")
        numbers = (whole.numbers(name)[0] for name in ("scores", "log_probabilities"))
        length, source_length = first.length("length"), first.length("source_length")
        part = PartReport(
            source_tokens=first.texts("source_tokens", source_length),
            tokens=first.texts("tokens", length),
            token_log_probabilities=first.numbers("token_log_probabilities", length),
            attention=first.rows_of_numbers("alignment", length, source_length),
        )
        is_whole = found == texts[0]
        cut += not is_whole
        output = LineOutput(texts[0], *numbers)
        yield LineReport(number, [output], [part] if length and is_whole else [])
    if cut:
        logger.warning(
            "%d line(s) were too long for the server to give their subwords: they have no parts",
            cut,
        )


class _Answer:
    """The outputs for one line, none of which needs to be what it should: servers are others'.

    Args:
        url: of the model.
        line: its number.
        outputs: by name.

    Raises:
        ServerError: for every output that is not there or not of the right kind.
    """

    def __init__(self, url: str, line: int, outputs: Any) -> None:
        self._url, self._line = url, line
        self._outputs = outputs if isinstance(outputs, dict) else {}

    def text(self, name: str) -> str:
        return self._as_text(name, self._outputs.get(name))

    def number(self, name: str) -> float:
        return self._as_number(name, self._outputs.get(name))

    def length(self, name: str) -> int:
        value = self._outputs.get(name)
        if type(value) is not int or value < 0:
            raise self.malformed(name)
        return value

    def texts(self, name: str, count: int | None = None) -> list[str]:
        """The first `count` of a list, or all of one that is not empty."""
        return [self._as_text(name, each) for each in self._first(name, self._outputs, count)]

    def numbers(self, name: str, count: int | None = None) -> list[float]:
        """The first `count` of a list, or all of one that is not empty."""
        return [self._as_number(name, each) for each in self._first(name, self._outputs, count)]

    def rows_of_numbers(self, name: str, rows: int, columns: int) -> list[list[float]]:
        return [
            [self._as_number(name, each) for each in self._first(name, {name: row}, columns)]
            for row in self._first(name, self._outputs, rows)
        ]

    def _first(self, name: str, outputs: dict[str, Any], count: int | None) -> list[Any]:
        values = outputs.get(name)
        if not isinstance(values, list) or len(values) < (1 if count is None else count):
            raise self.malformed(name)
        return values[:count]

    def _as_text(self, name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self.malformed(name)
        return _encodable(value)

    def _as_number(self, name: str, value: Any) -> float:
        try:
            number = float(value) if type(value) in (int, float) else math.nan
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.malformed(name)
        return number

    def malformed(self, name: str) -> ServerError:
        return ServerError(
            f"{self._url} answered line {self._line} without {name} as `seq2seq export` makes it; "
            "is it such a translator?"
        )


def _encodable(text: str) -> str:
    """Text with U+FFFD for halves of surrogate pairs, which no file can hold."""
    return SURROGATES.sub("\ufffd", text)


def _one_line(text: str) -> str:
    return text.replace("\n", " ")


SIGNATURES: dict[str, Callable[[Client, Iterator[str]], Iterator[LineReport]]] = {
    "text": _texts,
    "tsv": _n_best,
    "jsonl": _details,
}
