"""Train a translator, or go on with a run that was stopped."""

import argparse
import os
from pathlib import Path
from typing import Any

from seq2seq.cli.overrides import add_overrides
from seq2seq.config.loading import load_run_config
from seq2seq.config.workers import workers_of
from seq2seq.manifest import CONFIG, MANIFEST
from seq2seq.translation.quiet import load_for_training

WAIT = 600.0  # seconds; a cluster may take minutes to start a machine


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("train", help=__doc__, description=__doc__)
    parser.add_argument("config", type=Path, help="YAML settings, e.g. configs/miniature.yaml")
    parser.add_argument(
        "--run", type=Path, help="run folder; runs/NAME of the settings file by default"
    )
    add_overrides(parser)
    _add_workers(parser)
    parser.set_defaults(run_verb=run)


def _add_workers(parser: argparse.ArgumentParser) -> None:
    workers = parser.add_argument_group(
        "several workers",
        "The same command on each machine, or for each accelerator. Without these options "
        "TF_CONFIG is read, which Kubernetes operators and Ray set.",
    )
    workers.add_argument(
        "--workers", metavar="HOST:PORT,...", help="addresses of all; the first keeps the run"
    )
    workers.add_argument("--worker", type=int, metavar="N", help="which of them this is, from 0")
    workers.add_argument(
        "--wait",
        type=float,
        default=WAIT,
        metavar="SECONDS",
        help="until a worker that has not come is missing (default: %(default)g)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Checks the settings before TensorFlow is loaded, trains, and prints scores and folder."""
    config = load_run_config(arguments.config, arguments.overrides)
    folder_path = arguments.run or run_of(arguments.config)
    workers = workers_of(arguments.workers, arguments.worker, arguments.wait, os.environ)
    load_for_training(start=workers is None)  # workers are joined before the first operation
    from rich.console import Console

    from seq2seq.cli.progress import LiveReporter, log_through
    from seq2seq.workflows.train import train
    from seq2seq.workflows.train_on_workers import train_on_workers

    console = Console(stderr=True, soft_wrap=True)
    log_through(console)
    with LiveReporter(console) as reporter:
        if workers:
            folder = train_on_workers(config, folder_path, reporter, workers)
        else:
            folder = train(config, folder_path, reporter)
    if folder is None:  # another worker has it
        return
    for name, scores in folder.scores().items():
        if name != "of":
            print(f"{name}: BLEU {scores['bleu']}  {scores['bleu_signature']}")
    print(folder.path)


def run_of(config: Path) -> Path:
    """The run whose settings these are, so that it goes on; else one of the file's name."""
    own = config.name == CONFIG and (config.parent / MANIFEST).is_file()
    return config.parent if own else Path("runs") / config.stem
