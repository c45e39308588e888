"""Pictures, numbers and a page of what a translator does with a sentence; or of its training."""

import argparse
from pathlib import Path
from typing import Any

from seq2seq.translation.quiet import load_tensorflow


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("show", help=__doc__, description=__doc__)
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a trained run folder")
    parser.add_argument("sentence", metavar="SENTENCE", nargs="?", help="a sentence to translate")
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True, help="folder to write into"
    )
    parser.add_argument("--format", choices=("png", "svg"), default="png", help="of the pictures")
    parser.add_argument("--training", action="store_true", help="draw the training's history")
    parser.add_argument(
        "--beside",
        metavar="RUN",
        type=Path,
        action="append",
        default=[],
        help="with --training: another run in the same picture",
    )
    parser.set_defaults(run_verb=run, parser=parser)


def run(arguments: argparse.Namespace) -> None:
    """Prints the translation, if any, and the path of each file."""
    if arguments.training == (arguments.sentence is not None):
        arguments.parser.error("give either a SENTENCE or --training")
    if arguments.beside and not arguments.training:
        arguments.parser.error("--beside compares trainings; give --training with it")
    load_tensorflow()
    from seq2seq.workflows.show import show, show_training

    if arguments.training:
        runs = [arguments.run_folder, *arguments.beside]
        print(show_training(runs, arguments.output, arguments.format))
        return
    translation, files = show(
        arguments.run_folder, arguments.sentence, arguments.output, arguments.format
    )
    print(translation)
    print(*files, sep="\n")
