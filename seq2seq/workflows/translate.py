"""Translate a file or a stream, a line for a line."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from seq2seq.data.lines import decode_lines, read_lines, write_lines
from seq2seq.errors import DataError
from seq2seq.workflows.loading import load_translator


def translate(
    run: Path,
    source: Path | None,
    output: Path | None,
    beam_width: int | None,
    input_stream: BinaryIO,
    output_stream: BinaryIO,
) -> None:
    """Translates `source`, or the input stream, into `output`, or the output stream.

    An output file appears under its name only when it is whole.

    Raises:
        Seq2SeqError: the run or a file cannot be used.
    """
    if source and not source.exists():
        raise DataError(f"{source} does not exist; give a text file, or - for standard input")
    for path in (source, output):
        if path and path.is_dir():
            raise DataError(f"{path} is a folder; give a file")
    if output and not output.parent.is_dir():
        raise DataError(f"{output.parent} is no folder; create it before translating into {output}")
    translator = load_translator(run, beam_width)
    lines = read_lines(source) if source else decode_lines(input_stream, "standard input")
    translations = translator.translate_lines(lines)
    if output:
        write_lines(output, translations)
    else:
        _stream(translations, output_stream)


def _stream(lines: Iterator[str], stream: BinaryIO) -> None:
    for line in lines:
        stream.write(line.encode() + b"\n")
    stream.flush()
