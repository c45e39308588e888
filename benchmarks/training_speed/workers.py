"""What several workers cost and save: processor time a step, and hours that follow from it.

    python -m benchmarks.training_speed.workers [--units 512] [--rounds 3] [--machine 8]
        [--gigabits 10]

Measured here: processor time of a step of one process, of the same step by sums, of a worker
without others, and of each of two workers on loopback with a whole batch each. Calculated from
that: target tokens a second and hours an epoch, on machines `--machine` times as fast as one core
here, whose network passes `--gigabits` a second each way. A worker sends 2 (n - 1) / n times the
bytes of the gradients (ring all-reduce, https://doi.org/10.1016/j.jpdc.2008.09.002), and computes
nothing meanwhile.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.spread import spread

if TYPE_CHECKING:
    from seq2seq.config.sections import RunConfig
    from seq2seq.training.train_step import Optimization

ALONE, SUMMED, ONLY, WORKER = "alone", "summed", "only worker", "worker"
WARM_UP, MEASURED = 4, 20  # steps
ROWS, SOURCE, TARGET = 64, 16, 16  # of a batch: 1,024 target tokens
VOCABULARY = 8000
SIDES = ("source", "target")
ACCUMULATED = 8  # batches
COUNTS = (1, 2, 4, 8, 16, 32, 64)
MILLIONS = (1, 10, 100)  # pairs


def main() -> None:
    """Prints medians with their spread, then the table; or, in a child, one measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--machine", type=float, default=8.0)
    parser.add_argument("--gigabits", type=float, default=10.0)
    parser.add_argument("--child", nargs=3, metavar=("KIND", "ADDRESSES", "INDEX"))
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(_measure(arguments.units, *arguments.child)))
        return
    found: dict[str, list[float]] = {ALONE: [], SUMMED: [], ONLY: [], WORKER: []}
    for number in range(arguments.rounds):
        port = 21_000 + 10 * number + os.getpid() % 1000 * 10
        first, second = (f"127.0.0.1:{port + each}" for each in (0, 1))
        both = f"{first},{second}"
        for kind, addresses in ((ALONE, ""), (SUMMED, ""), (ONLY, first), (WORKER, both)):
            processes = addresses.count(",") + 1
            rows = _children(arguments.units, kind, addresses, processes)
            found[kind] += [row["processor_ms"] for row in rows]
            size = rows[0]
    for kind, times in found.items():
        print(f"{kind}: {spread(times, 0)} ms of processor time a step")
    alone = statistics.median(found[ALONE])
    for kind in (SUMMED, ONLY, WORKER):
        print(f"{kind} / {ALONE}: {statistics.median(found[kind]) / alone:.2f}")
    print(f"{size['parameters']:,} parameters, {size['tokens']:,.0f} target tokens a batch")
    steps = Steps(
        alone=alone / arguments.machine / 1000,
        worker=statistics.median(found[WORKER]) / arguments.machine / 1000,
        tokens=int(size["tokens"]),
        sending=4 * size["parameters"] * 8 / (arguments.gigabits * 1e9),
    )
    print(table(steps))


@dataclass(frozen=True)
class Steps:
    """Steps of a machine, and the network between machines."""

    alone: float  # seconds of a batch of one process
    worker: float  # of a step of one batch of one of several, but for sending
    tokens: int  # target tokens of a batch
    sending: float  # seconds in which a machine sends its gradients once

    def rate(self, workers: int, accumulate: int) -> float:
        """Target tokens a second, with so many batches of each worker a step."""
        computing = accumulate * self.alone + (self.worker - self.alone) * (workers > 1)
        sending = 2 * (workers - 1) / workers * self.sending
        return workers * accumulate * self.tokens / (computing + sending)


def table(steps: Steps) -> str:
    """Rows of Markdown: workers, target tokens a second, hours of an epoch by million pairs."""
    head = ["workers", "target tokens/s", f"{ACCUMULATED} batches a step"]
    rows = [[*head, *(f"hours for {count} M pairs" for count in MILLIONS)]]
    rows.append(["---"] * len(rows[0]))
    for count in COUNTS:
        rate, larger = steps.rate(count, 1), steps.rate(count, ACCUMULATED)
        hours = [millions * 1e6 * TARGET / larger / 3600 for millions in MILLIONS]
        rates = (f"{rate:,.0f}", f"{larger:,.0f}")
        rows.append([str(count), *rates, *(f"{each:,.2f}" for each in hours)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _children(units: int, kind: str, addresses: str, processes: int) -> list[dict[str, float]]:
    one_core = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.training_speed.workers", "--units", str(units)]
    children = [
        subprocess.Popen(
            [*command, "--child", kind, addresses, str(index)],
            env={**os.environ, **one_core, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for index in range(processes)
    ]
    printed = [child.communicate()[0] for child in children]
    failed = [child.returncode for child in children if child.returncode]
    if failed:
        sys.exit(f"error: {kind} ended with {failed[0]}, and said above why")
    return [json.loads(each.splitlines()[-1]) for each in printed]


def _measure(units: int, kind: str, addresses: str, index: str) -> dict[str, float]:
    """Processor ms a step, and the sizes of the network and of a batch."""
    from seq2seq.config.workers import Workers
    from seq2seq.training.train_step import Optimization
    from seq2seq.training.workers.cluster import joined
    from seq2seq.training.workers.summed_step import SummedOptimization

    config = _settings(units)
    if kind == ALONE:
        return _steps(Optimization(config, VOCABULARY))
    if kind == SUMMED:
        return _steps(SummedOptimization(config, VOCABULARY))
    with joined(Workers(tuple(addresses.split(",")), int(index), wait=300)) as cluster:
        found = _steps(SummedOptimization(config, VOCABULARY, cluster))
        cluster.agree(lambda: None)
    return found


def _settings(units: int) -> "RunConfig":
    from seq2seq.config.loading import check_settings

    files = {f"{split}_{side}": Path() for split in ("train", "validation") for side in SIDES}
    model = {"embedding_size": units // 2, "units": units, "attention": "general"}
    return check_settings({"data": files, "model": model}, "benchmark")


def _steps(optimization: "Optimization") -> dict[str, float]:
    import numpy as np
    import tensorflow as tf

    draw = np.random.default_rng(1)
    lengths = (SOURCE, TARGET, TARGET)
    ids = [draw.integers(4, VOCABULARY, (ROWS, length), np.int32) for length in lengths]
    batch = tuple(map(tf.constant, ids))
    for step in range(WARM_UP + MEASURED):
        if step == WARM_UP:
            began = time.process_time()
        taken = optimization.step_over([batch], 0.001)
    return {
        "processor_ms": 1000 * (time.process_time() - began) / MEASURED,
        "parameters": optimization.parameters,
        "tokens": taken.tokens / taken.batches,
    }


if __name__ == "__main__":
    main()
