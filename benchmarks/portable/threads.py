"""`seq2seq translate` on several processors: N batches at once, or one by N threads.

    python -m benchmarks.portable.threads RUN SOURCE [--processors 2] [--rounds 5]
        [--engines tensorflow onnx onnx-int8]

Each engine translates a line, and then the whole text, in processes of its own, which take turns:
on one processor; on N by one run at a time, which all threads share; and on N by `--threads N`.
Tokens a second are output subwords, EOS counted, over the seconds (of the clock) that the whole
text takes beyond the line: nothing else may run meanwhile. The share of the processors that a
measurement had is told.
"""

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import processor_name
from benchmarks.portable.__main__ import OPTIONS, Process, translate
from benchmarks.spread import spread
from seq2seq.data.lines import read_lines
from seq2seq.run_folder import RunFolder

ENGINES = ("tensorflow", "onnx", "onnx-int8")


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="RUN", type=Path)
    parser.add_argument("source", metavar="SOURCE", type=Path)
    parser.add_argument("--processors", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engines", nargs="+", choices=OPTIONS, default=ENGINES)
    arguments = parser.parse_args()
    here = len(os.sched_getaffinity(0))
    if not 1 <= arguments.processors <= here:
        parser.error(f"--processors {arguments.processors}: this process may use {here}")
    lines = list(read_lines(arguments.source))
    count = arguments.processors
    ways: dict[str, tuple[int, list[str]]] = {
        "1 processor": (1, []),
        f"{count}, one run": (count, []),
    }
    ways[f"{count}, `--threads {count}`"] = (count, ["--threads", str(count)])
    for engine in arguments.engines:  # exports what is not there yet
        translate(arguments.run, engine, lines[:1])
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    shares: dict[tuple[str, str], list[float]] = defaultdict(list)
    subwords = RunFolder.open(arguments.run).subwords()
    for number in range(arguments.rounds):
        for engine in arguments.engines:
            for way, (processors, options) in ways.items():
                seconds, process, texts = _beyond_a_line(
                    arguments.run, engine, lines, processors, options
                )
                tokens = sum(len(ids) + 1 for ids in subwords.encode_all(texts))
                rates[engine, way].append(tokens / seconds)
                shares[engine, way].append(process.seconds / seconds / processors)
                print(f"round {number + 1}, {engine}, {way}: {seconds:.1f} s", file=sys.stderr)
    print(f"{processor_name()}, {len(lines)} lines, {arguments.rounds} rounds\n")
    print("| engine | processors | tokens/s | beside one | of them busy |\n|---|---|---|---|---|")
    for (engine, way), found in rates.items():
        gain = [rate / one for rate, one in zip(found, rates[engine, "1 processor"], strict=True)]
        busy = spread([100 * each for each in shares[engine, way]], 0)
        print(f"| {engine} | {way} | {spread(found, 0)} | {spread(gain, 2)} | {busy} % |")


def _beyond_a_line(
    run: Path, engine: str, lines: Sequence[str], processors: int, options: Sequence[str]
) -> tuple[float, Process, list[str]]:
    """Seconds of the clock and of processors that all lines take beyond one; the translations.

    Args:
        run: the run folder.
        engine: of `OPTIONS`.
        lines: of the source.
        processors: that the processes may use.
        options: of the command.
    """
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(mine)[:processors])  # children inherit it
    try:
        started = time.monotonic()
        alone, _ = translate(run, engine, lines[:1], options)
        between = time.monotonic()
        whole, texts = translate(run, engine, lines, options)
        seconds = (time.monotonic() - between) - (between - started)
    finally:
        os.sched_setaffinity(0, mine)
    return seconds, Process(whole.seconds - alone.seconds, whole.peak), texts


if __name__ == "__main__":
    main()
