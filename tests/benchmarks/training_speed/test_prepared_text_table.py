"""The text that is generated, and what is calculated from measurements of it."""

import sys

import pytest

from benchmarks.training_speed.prepared_text import HELD_OUT, generate, main, table

SMALL = {
    "pairs": 1_000_000,
    "text_mb": 100.0,
    "vocabulary_s": 30.0,
    "prepared_rate": 90_000.0,
    "preparing_mb": 800.0,
    "shards_mb": 40.0,
    "first_step_s": 5.0,
    "restart_s": 4.0,
    "half_s": 0.2,
    "training_mb": 900.0,
    "read_rate": 200_000.0,
    "text_rate": 70_000.0,
}
LARGE = SMALL | {
    "pairs": 5_000_000,
    "text_mb": 500.0,
    "first_step_s": 5.4,
    "restart_s": 3.9,
    "prepared_rate": 100_000.0,
}


def test_100_million_pairs_are_on_the_line_through_both_measurements():
    rows = dict(line.strip("| ").split(" | ", 1) for line in table(SMALL, LARGE).splitlines()[2:])
    assert rows["text, both sides"] == "100 MB | 500 MB | 10,000 MB"
    assert rows["a new run to its first step"] == "5.0 s | 5.4 s | 14.9 s"
    assert rows["a stopped run to its next step"] == "4.0 s | 3.9 s | 3.9 s"  # never less
    assert rows["preparing, pairs a second"] == "90,000 | 100,000 | 0.28 h"


def test_generated_pairs_are_as_many_as_asked_for_and_some_stand_twice(tmp_path):
    generate(tmp_path, 2000)
    sides = [(tmp_path / f"train.{side}").read_text().splitlines() for side in ("en", "de")]
    pairs = list(zip(*sides, strict=True))
    assert len(pairs) == 2000
    assert 2000 - len(set(pairs)) == 20
    assert all(len(source.split()) == len(target.split()) for source, target in pairs)
    assert len((tmp_path / "val.en").read_text().splitlines()) == HELD_OUT


def test_a_folder_that_is_not_there_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["prepared_text", "--folder", str(tmp_path / "none")])
    with pytest.raises(SystemExit):
        main()
    assert f"--folder {tmp_path / 'none'}: there is no such folder" in capsys.readouterr().err
