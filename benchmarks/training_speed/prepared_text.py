"""What preparing text once costs and saves: processor time, memory and disk by the number of pairs.

    python -m benchmarks.training_speed.prepared_text [--pairs 1000000 5000000] [--folder DIR]

Generates pairs of made-up words, prepares shards of them in one process, trains a small network on
these for some steps, stops and starts again, and reads an epoch. Each is a process of its own, by
its processor time, so that other work on the machine matters little; starting Python and TensorFlow
is counted in. The vocabulary is learnt from the first 200,000 pairs. What 100 million pairs take is
calculated: the straight line through both numbers of pairs, or the rate of the larger one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.machine import processor_name

if TYPE_CHECKING:
    from seq2seq.config.sections import RunConfig

LARGE = 100_000_000  # pairs, calculated
WORDS, MEAN_WORDS, MOST_WORDS = 30_000, 10, 30  # in the language, and in a sentence
REPEATED = 0.02  # of the pairs stand twice
AT_ONCE = 100_000  # pairs that are generated in one go
STOPPED_AFTER = 20  # steps
MOST_READ = 2_000_000  # pairs, to tell the rate of reading
FIRST = 200_000  # pairs that the vocabulary is learnt from, and that tell the rate of text
HELD_OUT = 100  # pairs

Row = dict[str, float]


def main() -> None:
    """Prints the table; or, in a child, one measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, nargs=2, default=(1_000_000, 5_000_000))
    parser.add_argument("--folder", type=Path, help="one that is there, on a disk with room")
    parser.add_argument("--child", choices=list(MEASUREMENTS))
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(MEASUREMENTS[arguments.child](arguments.folder)))
        return
    if arguments.folder and not arguments.folder.is_dir():
        parser.error(f"--folder {arguments.folder}: there is no such folder")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        rows = [measure(Path(folder) / str(pairs), pairs) for pairs in arguments.pairs]
    print(f"{processor_name()}, one core\n")
    print(table(*rows))


def measure(folder: Path, pairs: int) -> Row:
    """All measurements of a text of so many pairs; its files go again."""
    folder.mkdir()
    generate(folder, pairs)
    found: Row = {"pairs": pairs}
    for name in MEASUREMENTS:
        found |= _child(name, folder)
        print(f"{pairs:,} pairs: {name}", file=sys.stderr)
    for path in folder.glob("train.*"):
        path.unlink()
    return found


def table(small: Row, large: Row) -> str:
    """Rows of Markdown: a measurement, for both numbers of pairs, and for 100 million."""

    def line(name: str) -> float:
        slope = (large[name] - small[name]) / (large["pairs"] - small["pairs"])
        return large[name] + max(0.0, slope) * (LARGE - large["pairs"])

    def hours(rate: str) -> str:
        return f"{LARGE / large[rate] / 3600:.2f} h"

    same = "no more"
    rows: Sequence[tuple[str, str, str, str]] = (
        ("text, both sides", "text_mb", "{:,.0f} MB", f"{line('text_mb'):,.0f} MB"),
        ("learning the vocabulary of 200,000", "vocabulary_s", "{:,.0f} s", same),
        ("preparing, pairs a second", "prepared_rate", "{:,.0f}", hours("prepared_rate")),
        ("its memory at most", "preparing_mb", "{:,.0f} MB", same),
        ("shards and lengths", "shards_mb", "{:,.0f} MB", f"{line('shards_mb'):,.0f} MB"),
        (
            "a new run to its first step",
            "first_step_s",
            "{:.1f} s",
            f"{line('first_step_s'):.1f} s",
        ),
        ("a stopped run to its next step", "restart_s", "{:.1f} s", f"{line('restart_s'):.1f} s"),
        ("more, half through an epoch", "half_s", "{:.1f} s", f"{line('half_s'):.1f} s"),
        ("its memory at most", "training_mb", "{:,.0f} MB", same),
        ("reading, pairs a second", "read_rate", "{:,.0f}", f"{hours('read_rate')} an epoch"),
        (
            "text: encoding at each start, pairs a second",
            "text_rate",
            "{:,.0f}",
            hours("text_rate"),
        ),
    )
    head = ["", *(f"{row['pairs'] / 1e6:g} M pairs" for row in (small, large)), "100 M, calculated"]
    cells = [head, ["---"] * 4]
    for title, name, shown, calculated in rows:
        cells.append([title, *(shown.format(row[name]) for row in (small, large)), calculated])
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def generate(folder: Path, pairs: int) -> None:
    """Writes train.en, train.de and small val files of made-up words."""
    import numpy as np

    draw = np.random.default_rng(pairs)
    syllables = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
    parts = np.array(["", *syllables], object)[
        draw.integers(1, len(syllables) + 1, (2, WORDS, 3))
        * (np.arange(3) < draw.integers(1, 4, (2, WORDS, 1)))
    ]
    words = parts.sum(axis=2)
    chances = 1 / (10 + np.arange(WORDS))
    ends = np.cumsum(chances / chances.sum())
    for split, count in (("val", HELD_OUT), ("train", pairs)):
        with (
            open(folder / f"{split}.en", "w") as sources,
            open(folder / f"{split}.de", "w") as targets,
        ):
            for first in range(0, count, AT_ONCE):
                lengths = draw.poisson(MEAN_WORDS - 1, min(AT_ONCE, count - first)) + 1
                lengths = lengths.clip(1, MOST_WORDS)
                lengths[: int(REPEATED * len(lengths))] = MEAN_WORDS
                drawn = np.searchsorted(ends, draw.random(lengths.sum())).clip(0, WORDS - 1)
                repeated = int(REPEATED * len(lengths)) // 2 * MEAN_WORDS
                drawn[repeated : 2 * repeated] = drawn[:repeated]
                splits = np.cumsum([0, *lengths]).tolist()
                for stream, side in zip((sources, targets), words, strict=True):
                    text = side[drawn].tolist()
                    lines = (" ".join(text[a:b]) for a, b in zip(splits, splits[1:], strict=False))
                    stream.write("\n".join(lines) + "\n")


def _settings(folder: Path, shards: bool = True) -> "RunConfig":
    from seq2seq.config.loading import check_settings

    files = {
        f"{name}_{side}": str(folder / f"{split}.{language}")
        for name, split in (("train", "train"), ("validation", "val"))
        for side, language in (("source", "en"), ("target", "de"))
    }
    sections = {
        "data": files | ({"shards": str(folder / "shards")} if shards else {}),
        "model": {"embedding_size": 32, "units": 32},
        "training": {"save_every": STOPPED_AFTER // 2},
    }
    return check_settings(sections, "benchmark")


def _prepare(folder: Path) -> Row:
    from data_prep.shards import preparation
    from seq2seq.training.corpus import learn_subwords

    settings = _settings(folder, shards=False)
    began = time.process_time()
    subwords = learn_subwords(_of_first_pairs(settings))
    learning = time.process_time() - began
    preparation.learn_subwords = lambda config: subwords
    texts = [folder / f"train.{side}" for side in ("en", "de")]
    began = time.process_time()
    manifest = preparation.prepare(settings, folder / "shards", 1)
    spent = time.process_time() - began
    size = sum(path.stat().st_size for path in (folder / "shards").iterdir())
    return {
        "text_mb": sum(path.stat().st_size for path in texts) / 1e6,
        "vocabulary_s": learning,
        "prepared_rate": manifest.counts.pairs / spent,
        "duplicates": manifest.counts.duplicates,
        "shards_mb": size / 1e6,
    }


class _Stopwatch:
    """Notes the processor time at the first step, and stops some steps later."""

    def __init__(self) -> None:
        self.first = 0.0

    def started(self, message: str) -> None:
        """Nothing is shown."""

    def stepped(self, state: Any, loss: float, tokens: int, learning_rate: float) -> None:
        """A step was taken."""
        self.first = self.first or time.process_time()
        if state.step > STOPPED_AFTER:
            raise KeyboardInterrupt

    def validated(self, state: Any, result: Any, best: bool) -> None:
        """Nothing is shown."""


def _first_step(folder: Path) -> float:
    """Processor seconds of this process until a training took a step."""
    from seq2seq.workflows.train import fit

    stopwatch = _Stopwatch()
    try:
        fit(_settings(folder), folder / "run", stopwatch)
    except KeyboardInterrupt:
        pass
    return stopwatch.first


def _train(folder: Path) -> Row:
    return {"first_step_s": _first_step(folder)}


def _restart(folder: Path) -> Row:
    return {"restart_s": _first_step(folder)}


def _read(folder: Path) -> Row:
    from seq2seq.data.shards import Shards
    from seq2seq.training.text import epochs_of, training_text

    config, subwords = _settings(folder), Shards(folder / "shards").subwords()
    epochs = epochs_of(config, subwords, training_text(config, subwords))
    next(iter(epochs.batches(1)))  # what is made once
    count, read, began = epochs.count(), 0, time.process_time()
    for batch in epochs.batches(0):
        read += len(batch[0])
        if read > MOST_READ:
            break
    rate = read / (time.process_time() - began)
    began = time.process_time()
    next(iter(epochs.batches(0, used=count // 2)))
    return {"read_rate": rate, "half_s": time.process_time() - began}


def _encode_text(folder: Path) -> Row:
    from seq2seq.data.shards import Shards
    from seq2seq.training.text import training_text

    config = _of_first_pairs(_settings(folder, shards=False))
    subwords = Shards(folder / "shards").subwords()
    began = time.process_time()
    text = training_text(config, subwords)
    return {"text_rate": text.counts.pairs / (time.process_time() - began)}


def _of_first_pairs(config: "RunConfig") -> "RunConfig":
    """The settings with the beginning of their text, which is written beside it."""
    import itertools
    from dataclasses import replace

    from seq2seq.data.lines import read_lines, write_lines

    paths: dict[str, Any] = {}
    for name, path in config.data.training_files.items():
        paths[name] = path.with_stem("first")
        write_lines(paths[name], itertools.islice(read_lines(path), FIRST))
    return replace(config, data=replace(config.data, **paths))


MEASUREMENTS: dict[str, Callable[[Path], Row]] = {
    "prepare": _prepare,
    "train": _train,
    "restart": _restart,
    "read": _read,
    "text": _encode_text,
}
MEMORY = {"prepare": "preparing_mb", "restart": "training_mb"}


def _child(name: str, folder: Path) -> Row:
    """What a child measures, and its memory at most."""
    one_core = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.training_speed.prepared_text"]
        + ["--folder", str(folder), "--child", name],
        env={**os.environ, **one_core, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    printed = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{name} failed")
    found = json.loads(printed.splitlines()[-1])
    return found | ({MEMORY[name]: used.ru_maxrss / 1e3} if name in MEMORY else {})


if __name__ == "__main__":
    main()
