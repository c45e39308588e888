"""Show where a translator looked: a picture of the attention for one sentence."""

import argparse
from pathlib import Path
from typing import Any

from seq2seq.cli.quiet import load_tensorflow


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("show", help=__doc__, description=__doc__)
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run folder")
    parser.add_argument("sentence", metavar="SENTENCE", help="a sentence to translate")
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True, help="folder for attention.png"
    )
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints the translation and the picture's path."""
    load_tensorflow()
    from seq2seq.workflows.show import show

    translation, picture = show(arguments.run_folder, arguments.sentence, arguments.output)
    print(translation)
    print(picture)
