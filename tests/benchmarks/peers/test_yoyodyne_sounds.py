"""What yoyodyne is given and what is taken of it; it is not run here."""

import pytest
import yaml

from benchmarks.peers.child import PeerError
from benchmarks.peers.yoyodyne_sounds import SPLITS, best_checkpoint, fit, prepare


def test_tables_and_settings_are_those_of_the_corpus(tmp_path):
    for split in SPLITS:
        (tmp_path / f"{split}.letters").write_text("c a t\n'  e m\n")
        (tmp_path / f"{split}.sounds").write_text("K AE T\nAH M\n")
    settings = yaml.safe_load(prepare(tmp_path, tmp_path / "out").read_text())
    assert (tmp_path / "out" / "val.tsv").read_text() == "cat\tK AE T\n'em\tAH M\n"
    assert settings["data"]["train"] == str(tmp_path / "out" / "train.tsv")
    assert settings["checkpoint"]["filename"] == "{epoch}-{val_accuracy:.4f}"


def test_the_best_epoch_is_taken(tmp_path):
    with pytest.raises(PeerError, match="give more --seconds"):
        best_checkpoint(tmp_path)
    folder = tmp_path / "lightning_logs" / "version_0" / "checkpoints"
    folder.mkdir(parents=True)
    for name in ("epoch=0-val_accuracy=0.0900.ckpt", "epoch=9-val_accuracy=0.6100.ckpt"):
        (folder / name).touch()
    assert best_checkpoint(tmp_path).name.startswith("epoch=9")


def test_the_best_epoch_is_one_of_this_training(tmp_path):
    name = "lightning_logs/version_{}/checkpoints/epoch=0-val_accuracy=0.{}.ckpt"
    longer = tmp_path / name.format(0, 9)
    longer.parent.mkdir(parents=True)
    longer.touch()
    program = tmp_path / "yoyodyne"
    made = tmp_path / name.format(1, 2)
    program.write_text(f"#!/bin/sh\nmkdir -p {made.parent} && touch {made}\n")
    program.chmod(0o755)
    fit(program, tmp_path / "settings.yaml", 5)
    assert best_checkpoint(tmp_path) == made
