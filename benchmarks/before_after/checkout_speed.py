"""Trains or translates with the checkout on PYTHONPATH; prints what it measured as JSON.

    PYTHONPATH=CHECKOUT python checkout_speed.py '{"checkout": ..., "task": "train", ...}'

It runs against checkouts of different ages, so it imports nothing but Python and what every
checkout has: `seq2seq.train`, `seq2seq.load` and history.csv. A process of its own, because
TensorFlow's number of threads is fixed at its first operation.
"""

import csv
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import seq2seq

HISTORY = "history.csv"


class Watch(threading.Thread):
    """Notes the time and the processor time at the start and when a row is added to a history.

    `seq2seq.train` says neither; without them, a rate says nothing where others use the same core.
    """

    def __init__(self, history: Path) -> None:
        super().__init__(daemon=True)
        self._history = history
        self._ended = threading.Event()
        self._noted = [(time.monotonic(), time.process_time())]

    def run(self) -> None:
        """Looks several times a second."""
        while not self._ended.wait(0.1):
            self._look()

    def processor_share(self) -> float:
        """Of the CPU, what this process had before the last row; ends the watch."""
        self._ended.set()
        self.join()
        self._look()
        (started, processor_started), (ended, processor_ended) = self._noted[-2:]
        return (processor_ended - processor_started) / (ended - started)

    def _look(self) -> None:
        rows = len(rows_of(self._history)) if self._history.exists() else 0
        if rows >= len(self._noted):
            self._noted.append((time.monotonic(), time.process_time()))


def rows_of(history: Path) -> list[dict[str, str]]:
    """A row for each validation."""
    with history.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def train(config: str, run: str, overrides: list[str]) -> dict[str, float]:
    """Trains a new run.

    Returns:
        The rate and the loss in nats a token of the steps between the last two validations, and the
        share of the CPU that this process had meanwhile.
    """
    watch = Watch(Path(run) / HISTORY)
    watch.start()
    seq2seq.train(config, run, overrides, quiet=True)
    share, row = watch.processor_share(), rows_of(Path(run) / HISTORY)[-1]
    return {
        "per_second": float(row["target_tokens_per_second"]),
        "training_loss": float(row["training_loss"]),
        "processor_share": share,
    }


def translate(
    run: str, sentences: list[str], decoding: dict[str, dict[str, Any]], shortest: float
) -> dict[str, dict[str, Any]]:
    """Translates the sentences in each way, once to warm up and then by the clock.

    Args:
        run: A trained run folder.
        sentences: Source text.
        decoding: Name of a way to translate -> settings of `seq2seq.load`.
        shortest: Seconds that the passes by the clock take together, at least.

    Returns:
        Name of the way -> sentences a second, the share of the CPU, and the translations.
    """
    speeds = {}
    for name, settings in decoding.items():
        translator = seq2seq.load(run, **settings)
        translations = translator.translate(sentences)
        passes, started, processor_started = 0, time.monotonic(), time.process_time()
        while passes == 0 or time.monotonic() - started < shortest:
            translator.translate(sentences)
            passes += 1
        seconds = time.monotonic() - started
        speeds[name] = {
            "per_second": passes * len(sentences) / seconds,
            "processor_share": (time.process_time() - processor_started) / seconds,
            "translations": translations,
        }
    return speeds


def main() -> None:
    """Prints one JSON line."""
    request = json.loads(sys.argv[1])
    imported, wanted = Path(seq2seq.__file__).resolve().parents[1], Path(request.pop("checkout"))
    if imported != wanted.resolve():
        sys.exit(f"error: seq2seq comes from {imported}, not from {wanted}")
    tasks: dict[str, Callable[..., dict]] = {"train": train, "translate": translate}
    print(json.dumps(tasks[request.pop("task")](**request)))


if __name__ == "__main__":
    main()
