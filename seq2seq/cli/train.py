"""Train a translator, or go on with a run that was stopped."""

import argparse
from pathlib import Path
from typing import Any

from seq2seq.cli.overrides import add_overrides
from seq2seq.cli.quiet import load_tensorflow
from seq2seq.config.loading import load_run_config


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("train", help=__doc__, description=__doc__)
    parser.add_argument("config", type=Path, help="YAML settings, e.g. configs/miniature.yaml")
    parser.add_argument(
        "--run", type=Path, help="run folder; runs/NAME of the settings file by default"
    )
    add_overrides(parser)
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Checks the settings before TensorFlow is loaded, trains, and prints scores and folder."""
    config = load_run_config(arguments.config, arguments.overrides)
    folder_path = arguments.run or Path("runs") / arguments.config.stem
    load_tensorflow()
    from rich.console import Console

    from seq2seq.cli.progress import LiveReporter, log_through
    from seq2seq.workflows.train import train

    console = Console(stderr=True, soft_wrap=True)
    log_through(console)
    with LiveReporter(console) as reporter:
        folder = train(config, folder_path, reporter)
    for name, scores in folder.scores().items():
        if name != "of":
            print(f"{name}: BLEU {scores['bleu']}  {scores['bleu_signature']}")
    print(folder.path)
