"""Check that a model server can serve an exported model, and that it answers as it should."""

import argparse
from pathlib import Path
from typing import Any

from seq2seq.errors import ExportError
from seq2seq.translation.quiet import load_tensorflow


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("verify", help=__doc__, description=__doc__)
    parser.add_argument(
        "directory",
        metavar="DIR",
        type=Path,
        help="what `seq2seq export` wrote: a model, whose highest version is checked, or a version",
    )
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints a line for each check, and fails if one did."""
    from seq2seq.exported_folder import is_portable

    if is_portable(arguments.directory):
        raise ExportError(
            f"{arguments.directory} holds no SavedModel but a portable model, which the export "
            "checked; `seq2seq translate` and `seq2seq serve` compare its files with their hashes"
        )
    load_tensorflow()
    from seq2seq.workflows.verify import verify

    report = verify(arguments.directory)
    print(report.directory)
    for check in report.checks:
        print(f"{'ok' if check.ok else 'FAILED':6}  {check.name}: {check.detail}")
        for message in check.messages[1:]:
            print(f"{'':8}{message}")
    report.require_ok()
