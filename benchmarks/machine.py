"""The processor: its cores, its name, and the rate of a large matrix product, its best."""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from seq2seq.translation.quiet import load_tensorflow

MATRIX = (1024, 2048, 2048)  # rows, inner, columns of the product that gives the machine's rate
REPEATS, WARM_UP = 9, 2


def load_on_cores(count: int) -> None:
    """Keeps this process to some of its cores, with a thread each, and loads TensorFlow there."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    os.environ["OMP_NUM_THREADS"] = str(count)
    load_tensorflow()


def machine_rate(precision: str = "float32", clock: Callable[[], float] = time.monotonic) -> float:
    """Multiply-adds a second of a large product: the median of a few.

    Args:
        precision: of the factors, "float32" or "bfloat16".
        clock: tells the seconds.
    """
    import tensorflow as tf  # here, because the number of threads is fixed before

    rows, inner, columns = MATRIX
    left, right = (
        tf.cast(tf.random.normal(shape), precision) for shape in ((rows, inner), (inner, columns))
    )
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(left, right)[0]))
    times = []
    for _ in range(REPEATS):
        started = clock()
        float(product())
        times.append(clock() - started)
    return rows * inner * columns / statistics.median(times[WARM_UP:])


def processor_name() -> str:
    """As Linux names it; "unknown" elsewhere."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")
