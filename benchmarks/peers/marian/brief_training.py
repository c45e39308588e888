"""Trains Marian until its outputs end as real ones do; runs inside its own environment.

Network (`s2s`), training loop and checkpoints are Marian's. Its encoder has `units` in each
direction, its decoder two LSTM cells with additive attention between them: that is what it offers.
"""

import contextlib
from pathlib import Path
from typing import Any

import _pymarian
import yaml

from benchmarks.peers.translation_speed import SOURCE, TARGET, VOCABULARY, BriefTraining

SPECIAL = ("</s>", "<unk>")  # which its vocabularies have to name
WORKSPACE = 1024  # MiB


def checkpoint(folder: Path) -> Path:
    """The network; its progress stands beside it."""
    return folder / "model.npz"


def vocabulary(folder: Path) -> Path:
    """The subwords, as Marian wants them."""
    return folder / "vocabulary.txt"


def saved_steps(folder: Path) -> int:
    """Of the checkpoint; 0 without any."""
    progress = checkpoint(folder).with_name("model.npz.progress.yml")
    if not progress.exists():
        return 0
    return int(yaml.safe_load(progress.read_text(encoding="utf-8"))["batches"])


def command_line(options: dict[str, Any]) -> list[str]:
    """Options of Marian's; True is a switch, a tuple has several values."""
    parts = []
    for name, value in options.items():
        values = value if isinstance(value, tuple) else (() if value is True else (value,))
        parts += [f"--{name}", *map(str, values)]
    return parts


def train_briefly(training: BriefTraining) -> None:
    """Trains to `training.steps`, from the checkpoint if there is one."""
    if saved_steps(training.folder) >= training.steps:
        return
    subwords = (training.data / VOCABULARY).read_text(encoding="utf-8")
    vocabulary(training.folder).write_text("\n".join((*SPECIAL, subwords)), encoding="utf-8")
    network = {
        "type": "s2s",
        "enc-cell": "lstm",
        "dec-cell": "lstm",
        "dim-emb": training.embedding_size,
        "dim-rnn": training.units,
        "dropout-rnn": training.dropout,
    }
    process = {
        "model": checkpoint(training.folder),
        "train-sets": (training.data / SOURCE, training.data / TARGET),
        "vocabs": (vocabulary(training.folder),) * 2,
        "mini-batch": training.batch_size,
        "learn-rate": 0.001,
        "cost-type": "ce-mean-words",
        "after": f"{training.steps}u",
        "save-freq": f"{training.save_every}u",
        "disp-freq": "50u",
        "overwrite": True,
        "seed": training.seed,
        "cpu-threads": training.threads,
        "workspace": WORKSPACE,
    }
    with contextlib.suppress(SystemExit):
        _pymarian.main(["train", *command_line(network | process)])
    if saved_steps(training.folder) < training.steps:
        raise SystemExit("Marian stopped before its last step")


def main() -> None:
    """Runs the training described on the command line."""
    train_briefly(BriefTraining.from_arguments(__doc__))


if __name__ == "__main__":
    main()
