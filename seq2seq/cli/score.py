"""Score translations that are there already: the log-probability of each line, in nats."""

import argparse
from pathlib import Path
from typing import Any

from seq2seq.translation.quiet import load_tensorflow


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("score", help=__doc__, description=__doc__)
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run folder")
    parser.add_argument("source", metavar="SOURCE", type=Path, help="source text")
    parser.add_argument("target", metavar="TARGET", type=Path, help="its translation, to be scored")
    parser.add_argument(
        "--format",
        choices=("text", "jsonl"),
        default="text",
        help="jsonl adds the score that a search orders by, and each subword's log-probability",
    )
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints a row for each line."""
    load_tensorflow()
    from seq2seq.workflows.score import as_json, score

    for row in score(arguments.run_folder, arguments.source, arguments.target, {}):
        print(row["log_probability"] if arguments.format == "text" else as_json(row))
