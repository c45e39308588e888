"""Translate a text file, or standard input, line by line; at a terminal, as you type."""

import argparse
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seq.cli.overrides import add_sampling, add_setting, given_settings
from seq2seq.cli.prompt import converse, is_terminal
from seq2seq.data.lines import count_lines
from seq2seq.data.parts import Part
from seq2seq.errors import DataError, RunError, ServerError
from seq2seq.translation.quiet import load_tensorflow

if TYPE_CHECKING:
    from seq2seq.workflows.translate import FileJob


MOST_THREADS = 256


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("translate", help=__doc__, description=__doc__)
    parser.add_argument(
        "run_folder",
        metavar="RUN",
        nargs="?",
        help="a trained run folder, or a directory of `seq2seq export --format onnx`, which needs "
        "no TensorFlow; none with --server",
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        nargs="?",
        help="a text file (.gz too); standard input if - or absent, a prompt at a terminal",
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="a text file (.gz too); standard output if absent"
    )
    parser.add_argument(
        "--format",
        choices=("text", "tsv", "jsonl"),
        default="text",
        help="tsv: line, rank, score, log-probability, text; jsonl: all there is to know",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with an output file that was interrupted"
    )
    parser.add_argument(
        "--part",
        metavar="K/N",
        type=_part,
        help="the lines of INPUT's Kth part of N; `cat` puts the outputs of all together",
    )
    parser.add_argument(
        "--to", metavar="TAG", help="target language, of a run with data.language_tags, e.g. fr"
    )
    parser.add_argument(
        "--prefix",
        metavar="TEXT",
        default="",
        help="what every translation begins with; a space at its end: its last word is whole",
    )
    parser.add_argument(
        "--prefix-file",
        metavar="FILE",
        type=Path,
        help="a text file with such a prefix for each line, empty where there is none",
    )
    parser.add_argument(
        "--glossary",
        metavar="FILE",
        type=Path,
        help="terms whose translations have to be used: a term, a tab, its translation a line",
    )
    parser.add_argument(
        "--ensemble",
        metavar="RUN",
        type=Path,
        action="append",
        default=[],
        help="another run with the same vocabulary, whose network votes; may be repeated",
    )
    parser.add_argument(
        "--engine",
        choices=("tensorflow", "onnx"),
        help="onnx: by ONNX Runtime, which starts sooner and needs TensorFlow once, to export the "
        "run for its weights and settings into RUN/onnx",
    )
    parser.add_argument(
        "--weights",
        choices=("float32", "float16", "int8"),
        help="of --engine onnx: how they are stored; int8 is fastest, slightly rounded",
    )
    parser.add_argument(
        "--threads",
        metavar="N",
        type=_threads,
        help="translate N batches of a file at once, a thread each; if absent, one batch after the "
        "other by all processors",
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        help="translate by `seq2seq serve` or TensorFlow Serving instead of a run folder",
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="of --server: its first line is the token"
    )
    _add_settings(parser.add_argument_group("in place of the run's decoding settings"))
    parser.set_defaults(run_verb=run)


def _add_settings(group: Any) -> None:
    """One option for each setting; its `dest` is the setting's name."""
    add = functools.partial(add_setting, group)
    add("--beam", "beam_width", type=int, metavar="K", help="hypotheses kept; 1 is greedy")
    add("--n-best", "n_best", type=int, metavar="N", help="outputs a line (tsv, jsonl)")
    add("--length-penalty", "length_penalty", type=float, metavar="ALPHA", help="0: none")
    add("--coverage-penalty", "coverage_penalty", type=float, metavar="BETA", help="0: none")
    add("--shortest", "shortest", type=int, metavar="N", help="output subwords at least")
    add(
        "--block-repeats",
        "blocked_ngram",
        type=int,
        metavar="N",
        help="write no N subwords in a row twice",
    )
    add_sampling(group, seed="of --sample")
    add(
        "--mbr",
        "mbr",
        choices=("chrf", "bleu"),
        help="choose the output that is most like the beam's others, or the samples'",
    )
    add("--candidates", "mbr_candidates", type=int, metavar="N", help="outputs that --mbr compares")
    add(
        "--precision",
        "precision",
        choices=("float32", "bfloat16"),
        help="bfloat16: faster where the processor multiplies it, slightly rounded",
    )
    add(
        "--shortlist",
        "shortlist",
        action="store_true",
        default=None,
        help="score likely subwords only: faster",
    )


def run(arguments: argparse.Namespace) -> None:
    """Writes a line for each line."""
    settings = given_settings(arguments)
    if arguments.token_file and not arguments.server:
        raise ServerError("--token-file goes with --server")
    if arguments.server:
        _run_remotely(arguments, settings)
        return
    if arguments.run_folder is None:
        raise RunError("give a RUN, e.g. `seq2seq translate runs/miniature`, or --server URL")
    from rich.console import Console

    from seq2seq.cli.progress import LineProgress, log_through
    from seq2seq.workflows.translate import FileJob, needs_tensorflow, translate

    job = FileJob(
        run=Path(arguments.run_folder),
        source=_path(arguments.input),
        output=arguments.output,
        settings=settings,
        ensemble=arguments.ensemble,
        to=arguments.to,
        glossary=arguments.glossary,
        format=arguments.format,
        resume=arguments.resume,
        prefix=arguments.prefix,
        prefix_file=arguments.prefix_file,
        part=arguments.part,
        engine=arguments.engine,
        weights=arguments.weights,
        threads=arguments.threads,
    )
    if needs_tensorflow(job):
        load_tensorflow(threads=1 if job.threads else None)
    console = Console(stderr=True)
    if console.is_terminal:
        log_through(console)
    given = job.source or job.output or job.prefix_file or job.part
    if not given and job.format == "text" and is_terminal():
        _answer_at_prompt(job)
        return
    with LineProgress(console, lambda: _lines(job)) as progress:
        translate(job, sys.stdin.buffer, sys.stdout.buffer, progress)


def _lines(job: "FileJob") -> range | None:
    """The lines of a job's input; None for a stream."""
    if job.source is None or not job.source.is_file():
        return None
    try:
        return (job.part or Part(1, 1)).lines(count_lines(job.source))
    except DataError:  # said when it is translated
        return None


def _answer_at_prompt(job: "FileJob") -> None:
    """Translates each line as it is typed; the network is loaded once."""
    from seq2seq.workflows.translate import answers

    answer = answers(job, sys.stdout.buffer)
    print("a sentence a line; Ctrl-C drops a line, Ctrl-D ends", file=sys.stderr)
    converse(answer)


def _run_remotely(arguments: argparse.Namespace, settings: dict[str, Any]) -> None:
    """The only file is the input, so it stands where RUN does."""
    from seq2seq.workflows.remote_translation import RemoteJob, translate_remotely

    files = ("resume", "prefix", "prefix_file", "part")
    names = ("to", "ensemble", *files, "engine", "weights", "threads")
    if settings or any(getattr(arguments, name) for name in names) or arguments.input is not None:
        raise ServerError(
            "--server goes with [INPUT], --output, --format, --glossary and --token-file alone: a "
            "server's model was exported with its settings"
        )
    job = RemoteJob(
        *(arguments.server, _path(arguments.run_folder), arguments.output, arguments.format),
        glossary=arguments.glossary,
        token_file=arguments.token_file,
    )
    translate_remotely(job, sys.stdin.buffer, sys.stdout.buffer)


def _part(text: str) -> Part:
    try:
        return Part.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _threads(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= MOST_THREADS):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST_THREADS}")
    return int(text)


def _path(name: str | None) -> Path | None:
    return None if name in (None, "-") else Path(name)
