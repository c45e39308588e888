"""Translate a file or a stream, a line for a line, in constant memory."""

import io
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from seq2seq.config.sections import DecodingConfig
from seq2seq.data.lines import count_lines, equal_lines, read_lines
from seq2seq.data.output_formats import FORMATS
from seq2seq.data.parts import Part
from seq2seq.data.read_ahead import MOST_CHARACTERS, stream_windows, windows
from seq2seq.data.resumable_output import PartialOutput, check_files, is_whole
from seq2seq.data.source_words import UnseenTally
from seq2seq.errors import DataError, ExportError
from seq2seq.exported_folder import PREFIXES, TERMS, is_portable
from seq2seq.files import file_sha256
from seq2seq.manifest import MANIFEST
from seq2seq.translation.exported_translator import Workers, load_exported
from seq2seq.translation.glossary import Glossary
from seq2seq.translation.line_translator import (
    WINDOW,
    LineReporter,
    TextEngine,
    report,
    source_text,
    unknown_symbols,
)
from seq2seq.workflows.onnx_engine import keep_model, kept_model

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileJob:
    """What to translate, and into what."""

    run: Path  # a run folder, or a directory of `seq2seq export --format onnx`
    source: Path | None = None  # None: the input stream
    output: Path | None = None  # None: the output stream
    settings: Mapping[str, Any] | None = None  # decoding settings in place of the run's
    ensemble: Sequence[Path] = ()
    format: str = "text"
    resume: bool = False
    prefix: str = ""  # what every translation begins with; "": nothing is forced
    prefix_file: Path | None = None  # one for each line, in place of `prefix`
    to: str | None = None  # target language, of a run that has several; None: its first
    glossary: Path | None = None  # terms and the translations that have to be used
    part: Part | None = None  # which lines of the source; None: all
    # "tensorflow", or "onnx" for ONNX Runtime; None: as `run` wants, "tensorflow" for a run folder
    engine: str | None = None
    weights: str | None = None  # of a run folder's own ONNX model; None: "float32"
    threads: int | None = None  # batches at once, a thread each; None: one, by all processors


def translate(
    job: FileJob, input_stream: BinaryIO, output_stream: BinaryIO, reporter: LineReporter
) -> None:
    """Translates line by line with the networks and the settings that the job names.

    An output file appears under its name only when it is whole; until then what is done is kept
    beside it, for a call with `resume`.

    Args:
        job: what to translate, and into what.
        input_stream: read where the job has no source.
        output_stream: written where the job has no output.
        reporter: hears how far it is.

    Raises:
        Seq2SeqError: the run, a setting or a file cannot be used.
    """
    _check(job)
    _write(*_loaded(job), job, input_stream, output_stream, reporter)


def answers(job: FileJob, output_stream: BinaryIO) -> Callable[[bytes], None]:
    """What translates one line after the other by the job's networks and settings, loaded once.

    Args:
        job: without source and output.
        output_stream: where each line's translation goes at once.

    Raises:
        Seq2SeqError: the run or a setting cannot be used.
    """
    _check(job)
    translator = _load(job)
    _check_settings(job, translator.decoding)

    def answer(line: bytes) -> None:
        for _, data in _translated(job, translator, io.BytesIO(line + b"\n"), 0, _Deaf()):
            output_stream.write(data)
            output_stream.flush()

    return answer


def needs_tensorflow(job: FileJob) -> bool:
    """Whether a job's translator is a network in TensorFlow, or has to be exported from one.

    Raises:
        Seq2SeqError: engine, run or settings cannot be used.
    """
    _check(job)
    if job.engine != "onnx":
        return not is_portable(job.run)
    kept = (job.run, job.settings or {}, job.weights or "float32", _further(job))
    return not (is_portable(job.run) or kept_model(*kept).exists())


def _loaded(job: FileJob) -> tuple[TextEngine, dict[str, Any]]:
    """The translator that a job names, and what its runs were when it was loaded."""
    while True:
        runs = _runs(job)
        translator = _load(job)
        if _runs(job) == runs:  # no training saved meanwhile
            return translator, runs


def _load(job: FileJob) -> TextEngine:
    """The translator that a job names; one that is exported needs no TensorFlow."""
    settings = job.settings or {}
    workers = Workers(job.threads, 1) if job.threads else Workers()
    glossary = Glossary.read(job.glossary) if job.glossary else None
    if is_portable(job.run) or job.engine == "onnx":
        directory = job.run
        if not is_portable(job.run):
            directory = keep_model(job.run, settings, job.weights or "float32", _further(job))
        exported = load_exported(directory, settings, workers)
        return exported.with_glossary(glossary) if glossary else exported
    from seq2seq.translation.loading import load_translator

    translator = load_translator(job.run, job.settings, job.ensemble, job.threads or 1)
    if job.to:
        translator = translator.into(job.to)
    return translator.with_glossary(glossary) if glossary else translator


class _Deaf:
    """A `LineReporter` of one line, which nobody waits to see."""

    def started(self, lines_done: int) -> None:
        pass

    def advanced(self, lines: int) -> None:
        pass


def translate_with(
    translator: TextEngine,
    job: FileJob,
    input_stream: BinaryIO,
    output_stream: BinaryIO,
    reporter: LineReporter,
) -> None:
    """`translate` by a translator that is loaded already: its graphs are traced once for all jobs.

    Args:
        translator: of the job's `run` and `ensemble`; its settings count, not the job's.
        job: see `translate`.
        input_stream: see `translate`.
        output_stream: see `translate`.
        reporter: see `translate`.

    Raises:
        Seq2SeqError: a file cannot be used.
    """
    _check(job)
    _write(translator, _runs(job), job, input_stream, output_stream, reporter)


def _write(
    translator: TextEngine,
    runs: dict[str, Any],
    job: FileJob,
    input_stream: BinaryIO,
    output_stream: BinaryIO,
    reporter: LineReporter,
) -> None:
    _check_settings(job, translator.decoding)
    if job.output is None:
        for _, data in _translated(job, translator, input_stream, 0, reporter):
            output_stream.write(data)
            output_stream.flush()
        return
    identity = runs | _identity(job, translator)
    with PartialOutput(job.output, identity, job.resume) as output:
        before = output.lines_done
        for done, data in _translated(job, translator, input_stream, before, reporter):
            output.write(done, data)


def _check(job: FileJob) -> None:
    """Looks for mistakes that need no network to be seen."""
    if job.prefix_file and not job.prefix_file.exists():
        raise DataError(f"{job.prefix_file} does not exist; give a text file with a prefix a line")
    if job.prefix_file and job.prefix:
        raise DataError("--prefix and --prefix-file exclude each other; give one of them")
    check_files(job.source, job.output, (job.prefix_file, job.glossary))
    for path in (job.prefix_file, job.output and job.glossary):
        if path and not path.is_file():
            raise DataError(f"{path} is no plain file; it is read more than once")
    if job.source and job.source.is_file() and job.prefix_file:
        equal_lines((job.source, job.prefix_file))
    if job.resume and not (job.source and job.output):
        raise DataError("--resume needs an input file and an output file (-o)")
    if job.resume and job.output and is_whole(job.output):
        raise DataError(
            f"{job.output} is whole already; run without --resume to translate anew, over it"
        )
    if job.part and not (job.source and job.source.is_file()):
        raise DataError("--part needs an input file, whose lines can be counted")
    exported = is_portable(job.run)
    if job.engine == "tensorflow" and exported:
        raise ExportError(f"{job.run} is an ONNX model; leave --engine out, or give --engine onnx")
    if job.weights and (job.engine != "onnx" or exported):
        raise ExportError("--weights goes with a run folder and --engine onnx")
    if job.engine == "onnx" or exported:
        _check_exported(job)
    if job.format == "text" and (job.settings or {}).get("n_best", 1) > 1:
        raise DataError("--n-best gives several rows a line; add --format tsv or --format jsonl")


def _check_exported(job: FileJob) -> None:
    """Refuses what no exported model takes, before one is exported."""
    for name in ("to", "ensemble"):
        if getattr(job, name):
            raise ExportError(f"--{name} goes with run folders and --engine tensorflow")
    if len(_further(job)) > 1:
        raise ExportError(
            "an ONNX model takes a prefix or a glossary, not both; give one of them, or translate "
            "with --engine tensorflow"
        )
    given = job.settings or {}
    if not given.get("sampling") and given.get("mbr", "none") == "none":
        _refuse_unread(given, sampling=False, mbr=False)


def _further(job: FileJob) -> list[str]:
    """What an ONNX model of the job takes beside the sentences."""
    asked = {PREFIXES: job.prefix or job.prefix_file, TERMS: job.glossary}
    return [kind for kind, given in asked.items() if given]


def _check_settings(job: FileJob, decoding: DecodingConfig) -> None:
    """Looks that no setting was given that nothing would read."""
    _refuse_unread(job.settings or {}, decoding.sampling, decoding.mbr != "none")


def _refuse_unread(given: Mapping[str, Any], sampling: bool, mbr: bool) -> None:
    drawing = {"temperature", "top_k", "top_p"} if not sampling else set()
    compared = {"mbr_candidates"} if not mbr else set()
    seed = {"seed"} if drawing else set()
    for name in given:
        if name in drawing | seed:
            raise DataError(f"--{name.replace('_', '-')} is about drawing; add --sample")
        if name in compared:
            raise DataError("--candidates are what --mbr compares; add --mbr")


def _runs(job: FileJob) -> dict[str, Any]:
    """What a job's translator is made of."""

    def as_it_is(run: Path) -> str:
        path = run / MANIFEST
        return file_sha256(path) if path.is_file() else ""  # which loading says

    return {"run": as_it_is(job.run), "ensemble": [as_it_is(path) for path in job.ensemble]}


def _identity(job: FileJob, translator: TextEngine) -> dict[str, Any]:
    """What else must be the same for a translation to go on."""
    found: dict[str, Any] = {
        "format": job.format,
        "decoding": vars(translator.decoding),
        "input": str(job.source.resolve()) if job.source else "-",
    }
    if job.engine == "onnx":
        found["engine"] = ["onnx", job.weights or "float32"]
    if job.prefix or job.prefix_file:
        found["prefix"] = [job.prefix, job.prefix_file and file_sha256(job.prefix_file)]
    if job.glossary:
        found["glossary"] = file_sha256(job.glossary)
    if job.to:
        found["to"] = job.to
    if job.part:
        found["part"] = [job.part.number, job.part.of]
    if job.source:
        status = job.source.stat()
        found["input size and time"] = [status.st_size, status.st_mtime_ns]
    return found


def _translated(
    job: FileJob, translator: TextEngine, stream: BinaryIO, done: int, reporter: LineReporter
) -> Iterator[tuple[int, bytes]]:
    """After each window: lines done in all, and what to write for the window."""
    details = job.format == "jsonl"
    as_line = FORMATS[job.format]
    end = None
    if job.source and job.part:
        lines_of_part = job.part.lines(count_lines(job.source))
        done, end = max(done, lines_of_part.start), lines_of_part.stop
    prefixes = _prefixes(job, done)
    translate_windows = translator.line_translator(details, prefixed=prefixes is not None)
    tally = UnseenTally(translator.source_words) if translator.source_words else None
    unknown = 0
    reporter.started(done)
    for window in translate_windows(_windows(job, stream, done, end), done, prefixes):
        lines = []
        for number, line in enumerate(window, done + 1):
            found = report(number, line, translator.subwords, translator.decoding, details)
            unseen = tally.add(source_text(line, translator.subwords)) if tally else None
            lines.append(as_line(replace(found, unseen_words=unseen)))
            unknown += unknown_symbols(line)
        done += len(window)
        yield done, "".join(f"{line}\n" for line in lines).encode()
        reporter.advanced(len(window))
    if translate_windows.split_lines:
        logger.warning(
            "%d line(s) of more than %d subwords were split at sentence ends",
            *(translate_windows.split_lines, translator.decoding.longest_source),
        )
    if unknown:
        logger.warning(
            "%d source symbol(s) are not in the vocabulary; the network reads them as <unk>",
            unknown,
        )
    if tally and tally.unseen:
        logger.warning(
            "%s%s", tally.summary(), "" if details else "; --format jsonl names them by line"
        )


def _windows(job: FileJob, stream: BinaryIO, done: int, end: int | None) -> Iterator[list[str]]:
    if job.source:
        left = itertools.islice(read_lines(job.source), done, end)
        return windows(left, WINDOW, MOST_CHARACTERS)
    return stream_windows(stream, WINDOW)


def _prefixes(job: FileJob, done: int) -> Iterator[str] | None:
    """Of the lines that are left; None if nothing is forced."""
    if job.prefix_file:
        return itertools.islice(read_lines(job.prefix_file), done, None)
    return itertools.repeat(job.prefix) if job.prefix.strip() else None
