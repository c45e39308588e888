"""Trains OpenNMT-py until its outputs end as real ones do; runs inside its own environment.

Network, options and training loop are OpenNMT-py's.
"""

import re
from pathlib import Path

import torch
from onmt.train_single import main as train

from benchmarks.peers.opennmt.train_speed import CPU, read_options
from benchmarks.peers.training_speed import TrainingRun
from benchmarks.peers.translation_speed import SOURCE, TARGET, VOCABULARY, BriefTraining


def newest_checkpoint(folder: Path) -> tuple[int, Path | None]:
    """Steps and path of the checkpoint that was trained longest; 0 and None without any."""
    found: list[tuple[int, Path | None]] = [(0, None)]
    for path in folder.glob("model_step_*.pt"):
        if name := re.fullmatch(r"model_step_(\d+)", path.stem):
            found.append((int(name[1]), path))
    return max(found, key=lambda each: each[0])


def train_briefly(training: BriefTraining) -> None:
    """Trains to `training.steps`, from the newest checkpoint if there is one."""
    steps, checkpoint = newest_checkpoint(training.folder)
    if steps >= training.steps:
        return
    run = TrainingRun(
        source=training.data / SOURCE,
        target=training.data / TARGET,
        vocabulary_size=training.vocabulary_size,
        embedding_size=training.embedding_size,
        units=training.units,
        dropout=training.dropout,
        batch_size=training.batch_size,
        warm_up_steps=0,
        measured_steps=training.steps,
        data_workers=0,
        seed=training.seed + steps,  # goes on with other batches than those it has seen
    )
    saving = {
        "save_model": training.folder / "model",
        "save_checkpoint_steps": training.save_every,
        "keep_checkpoint": 1,
    }
    if checkpoint:
        saving["train_from"] = checkpoint
    train(read_options(run, training.data / VOCABULARY, **saving), CPU)


def main() -> None:
    """Runs the training described on the command line."""
    training = BriefTraining.from_arguments(__doc__)
    torch.set_num_threads(training.threads)
    train_briefly(training)


if __name__ == "__main__":
    main()
