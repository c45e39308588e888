"""Peak memory of `seq2seq translate` on a pipe, for few lines and for many.

    python -m benchmarks.translation_speed.pipe_memory RUN [--lines 10000 1000000]

Lines come from a grammar, one at a time, so the text is never on disk. Each count runs in a process
of its own, whose largest resident set the operating system reports.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from data_prep.miniature.corpus import DEFAULT_SEED, make_corpus

OPTIONS = ["--beam", "1", "--precision", "bfloat16", "--shortlist"]


def main() -> None:
    """Prints a line for each count, then the difference of the first and the last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="RUN", type=Path)
    parser.add_argument("--lines", type=int, nargs="+", default=[10_000, 1_000_000])
    arguments = parser.parse_args()
    peaks = [measure(arguments.run, lines) for lines in arguments.lines]
    print(f"difference: {peaks[-1] - peaks[0]:.0f} MiB")


def measure(run: Path, lines: int) -> float:
    """Peak resident memory in MiB of translating so many lines through a pipe."""
    started = time.monotonic()
    command = [sys.executable, "-m", "seq2seq", "translate", str(run), *OPTIONS]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin and child.stdout
    writer = threading.Thread(target=_write, args=(child.stdin, lines))
    writer.start()
    found = sum(1 for _ in child.stdout)
    writer.join()
    _, status, usage = os.wait4(child.pid, 0)
    if status or found != lines:
        sys.exit(f"error: {found} of {lines} lines came back, exit status {status}")
    peak = usage.ru_maxrss / 1024
    seconds = time.monotonic() - started
    print(
        f"{lines} lines: {peak:.0f} MiB, {lines / seconds:,.0f} lines/s with start-up", flush=True
    )
    return peak


def _write(stream: BinaryIO, lines: int) -> None:
    sentences = [f"{source}\n".encode() for source, _ in make_corpus(DEFAULT_SEED)["train"]]
    for number in range(lines):
        stream.write(sentences[number % len(sentences)])
    stream.close()


if __name__ == "__main__":
    main()
