"""Describe a run folder or a settings file: parameters, memory, versions, scores."""

import argparse
from pathlib import Path
from typing import Any

from seq2seq.cli.overrides import add_overrides
from seq2seq.translation.quiet import load_tensorflow


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("info", help=__doc__, description=__doc__)
    parser.add_argument(
        "subject", metavar="RUN|CONFIG", type=Path, help="a run folder or a YAML file"
    )
    add_overrides(parser)
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints name and value pairs; trains nothing."""
    load_tensorflow()
    from seq2seq.workflows.info import describe

    for name, value in describe(arguments.subject, arguments.overrides):
        print(f"{name:<32} {value}" if value else f"\n{name}")
