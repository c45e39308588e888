"""Translate a text file, or standard input, line by line."""

import argparse
import sys
from pathlib import Path
from typing import Any

from seq2seq.cli.quiet import load_tensorflow


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("translate", help=__doc__, description=__doc__)
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run folder")
    parser.add_argument(
        "input",
        metavar="INPUT",
        nargs="?",
        default="-",
        help="a text file (.gz too); standard input if - or absent",
    )
    parser.add_argument(
        "-o", "--output", type=Path, help="a text file (.gz too); standard output if absent"
    )
    parser.add_argument("--beam", type=_width, help="hypotheses kept while searching; 1 is greedy")
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Writes a line for each line."""
    load_tensorflow()
    from seq2seq.workflows.translate import translate

    source = None if arguments.input == "-" else Path(arguments.input)
    translate(
        arguments.run_folder,
        source,
        arguments.output,
        arguments.beam,
        sys.stdin.buffer,
        sys.stdout.buffer,
    )


def _width(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 100):
        raise argparse.ArgumentTypeError(f"expected 1 to 100, got {text}")
    return int(text)
