"""Translate a file or a stream by a model server; needs neither TensorFlow nor a run folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from seq2seq.data.lines import decode_lines, read_lines, write_lines
from seq2seq.data.output_formats import FORMATS, LineOutput, LineReport, PartReport
from seq2seq.errors import DataError
from seq2seq.serving.client import Client


@dataclass(frozen=True)
class RemoteJob:
    """What to translate, where, and into what."""

    url: str
    source: Path | None = None  # None: the input stream
    output: Path | None = None  # None: the output stream
    format: str = "text"


def translate_remotely(job: RemoteJob, input_stream: BinaryIO, output_stream: BinaryIO) -> None:
    """Translates line by line; an output file appears under its name only when it is whole.

    Raises:
        Seq2SeqError: a file cannot be used, or the server cannot be reached or refuses lines.
    """
    if job.source and not job.source.is_file():
        raise DataError(f"{job.source} does not exist; give a text file, or - for standard input")
    lines = read_lines(job.source) if job.source else decode_lines(input_stream, "standard input")
    reports = SIGNATURES[job.format](Client(job.url), lines)
    rows = map(FORMATS[job.format], reports)
    if job.output:
        write_lines(job.output, rows)
        return
    for row in rows:
        output_stream.write(f"{row}\n".encode())
        output_stream.flush()


def _texts(client: Client, lines: Iterator[str]) -> Iterator[LineReport]:
    for number, text in enumerate(client.translate(lines), 1):
        yield LineReport(number, [LineOutput(text, 0.0, 0.0)])


def _n_best(client: Client, lines: Iterator[str]) -> Iterator[LineReport]:
    rows = client.predict_rows("translate_nbest", ({"text": line} for line in lines))
    for number, row in enumerate(rows, 1):
        yield LineReport(number, _outputs(row))


def _details(client: Client, lines: Iterator[str]) -> Iterator[LineReport]:
    """With the subwords of the best output; flags are left to who holds the run."""
    rows = client.predict_rows("align", ({"text": line} for line in lines))
    for number, row in enumerate(rows, 1):
        length, source_length = row["length"], row["source_length"]
        log_probabilities = row["token_log_probabilities"][:length]
        output = LineOutput(row["translation"], float(row["score"]), float(sum(log_probabilities)))
        part = PartReport(
            source_tokens=row["source_tokens"][:source_length],
            tokens=row["tokens"][:length],
            token_log_probabilities=log_probabilities,
            attention=[each[:source_length] for each in row["alignment"][:length]],
        )
        yield LineReport(number, [output], [part] if length else [])


def _outputs(row: dict[str, Any]) -> list[LineOutput]:
    """The outputs of a line; where a model gives fewer, the rest of its columns is empty."""
    found = [
        LineOutput(text, float(score), float(log_probability))
        for text, score, log_probability in zip(
            row["translations"], row["scores"], row["log_probabilities"], strict=True
        )
    ]
    return [each for rank, each in enumerate(found) if rank == 0 or each.text]


SIGNATURES: dict[str, Callable[[Client, Iterator[str]], Iterator[LineReport]]] = {
    "text": _texts,
    "tsv": _n_best,
    "jsonl": _details,
}
