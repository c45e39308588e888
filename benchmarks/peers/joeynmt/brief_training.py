"""Trains JoeyNMT until its outputs end as real ones do; runs inside its own environment.

Network, training loop and checkpoints are JoeyNMT's. It does not put sentences of similar length
into a batch, so the training text is written in the order of such batches before it starts.
"""

import random
import re
from pathlib import Path
from typing import Any

import torch
from joeynmt.training import train

from benchmarks.peers.translation_speed import SOURCE, TARGET, VOCABULARY, BriefTraining

VALIDATED = 64  # sentences; JoeyNMT saves where it validates
CONSTANT = {"scheduling": "exponential", "decrease_factor": 1.0}  # it insists on a schedule


def settings(data: Path, folder: Path, embedding_size: int, units: int) -> dict[str, Any]:
    """JoeyNMT's configuration of the network, as its YAML file would hold it, for training."""
    side = {"level": "word", "max_length": -1, "voc_file": str(data / VOCABULARY)}
    embeddings = {"embedding_dim": embedding_size}
    layer = {"type": "recurrent", "rnn_type": "lstm", "num_layers": 1}
    encoder = {"embeddings": embeddings, "hidden_size": units // 2, "bidirectional": True}
    decoder = {"embeddings": embeddings, "hidden_size": units, "attention": "luong"}
    return {
        "name": "benchmark",
        "model_dir": str(folder),
        "use_cuda": False,
        "data": {"src": {"lang": "source", **side}, "trg": {"lang": "target", **side}},
        "training": {"batch_size": 1},
        "testing": {},
        "model": {"encoder": {**layer, **encoder}, "decoder": {**layer, **decoder}},
    }


def saved_steps(folder: Path) -> int:
    """Of the newest checkpoint, latest.ckpt; 0 without any."""
    latest = folder / "latest.ckpt"
    name = re.fullmatch(r"(\d+)\.ckpt", latest.resolve().name)
    return int(name[1]) if name and latest.exists() else 0


def train_briefly(training: BriefTraining) -> None:
    """Trains to `training.steps`, from the newest checkpoint if there is one."""
    steps = saved_steps(training.folder)
    if steps >= training.steps:
        return
    _write_in_batches(training, training.seed + steps)
    config = settings(training.data, training.folder, training.embedding_size, training.units)
    config["random_seed"] = training.seed
    config["data"]["train"] = str(training.folder / "train")
    config["data"]["dev"] = str(training.folder / "validation")
    for part in ("encoder", "decoder"):
        config["model"][part]["dropout"] = training.dropout
    config["training"] = {
        **CONSTANT,
        "learning_rate": 0.001,
        "normalization": "tokens",
        "clip_grad_norm": 5.0,
        "batch_size": training.batch_size,
        "shuffle": False,
        "epochs": 10**6,
        "updates": training.steps,
        "logging_freq": 50,
        "validation_freq": training.save_every,
        "keep_best_ckpts": 1,
    }
    if steps:
        config["training"]["load_model"] = str(training.folder / "latest.ckpt")
        config["training"]["reset_iter_state"] = True
    train(0, 0, config, skip_test=True)


def _write_in_batches(training: BriefTraining, seed: int) -> None:
    """Sentence pairs sorted by length, cut into batches, and the batches shuffled."""
    sides = [
        (training.data / name).read_text(encoding="utf-8").split("\n") for name in (SOURCE, TARGET)
    ]
    pairs = [pair for pair in zip(*sides, strict=True) if all(pair)]
    pairs.sort(key=lambda pair: [len(side.split()) for side in reversed(pair)])
    starts = list(range(0, len(pairs), training.batch_size))
    random.Random(seed).shuffle(starts)
    ordered = [pair for start in starts for pair in pairs[start : start + training.batch_size]]
    for name, chosen in (("train", ordered), ("validation", pairs[:: len(pairs) // VALIDATED + 1])):
        for number, side in enumerate(("source", "target")):
            text = "".join(f"{pair[number]}\n" for pair in chosen)
            (training.folder / f"{name}.{side}").write_text(text, encoding="utf-8")


def main() -> None:
    """Runs the training described on the command line."""
    training = BriefTraining.from_arguments(__doc__)
    torch.set_num_threads(training.threads)
    train_briefly(training)


if __name__ == "__main__":
    main()
