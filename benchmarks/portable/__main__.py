"""`seq2seq translate` by TensorFlow and by ONNX Runtime: start, memory, speed, cost of rounding.

    python -m benchmarks.portable RUN SOURCE REFERENCE [--rounds 3] [--engines tensorflow onnx-int8]

Each engine translates a line, and then the whole text, in processes of its own on one CPU, which
take turns. Times are processor seconds, which other work on the machine changes little: those of
the first line are the start; tokens a second are output subwords, EOS counted, over what the whole
text takes beyond that. Models are exported first, into RUN/onnx.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import processor_name
from benchmarks.spread import spread
from seq2seq.data.lines import read_pairs
from seq2seq.run_folder import RunFolder
from seq2seq.scoring.scores import corpus_bleu

OPTIONS = {
    "tensorflow": [],
    "tensorflow-bfloat16": ["--precision", "bfloat16"],
    "onnx": ["--engine", "onnx"],
    "onnx-float16": ["--engine", "onnx", "--weights", "float16"],
    "onnx-int8": ["--engine", "onnx", "--weights", "int8"],
    "onnx-int8-shortlist": ["--engine", "onnx", "--weights", "int8", "--shortlist"],
}
REFERENCE = "tensorflow"  # whose translations others are compared with
MEBI = 2**20


@dataclass(frozen=True)
class Process:
    """What the operating system says of one."""

    seconds: float  # of the processor
    peak: float  # MiB


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="RUN", type=Path)
    parser.add_argument("source", metavar="SOURCE", type=Path)
    parser.add_argument("reference", metavar="REFERENCE", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", nargs="+", choices=OPTIONS, default=list(OPTIONS))
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # children inherit it
    pairs = list(read_pairs(arguments.source, arguments.reference))
    sources, references = ([pair[side] for pair in pairs] for side in (0, 1))
    starts, wholes = defaultdict(list), defaultdict(list)
    texts: dict[str, list[str]] = {}
    for engine in arguments.engines:  # exports what is not there yet
        translate(arguments.run, engine, sources[:1])
    for number in range(arguments.rounds):
        for engine in arguments.engines:
            start, _ = translate(arguments.run, engine, sources[:1])
            whole, texts[engine] = translate(arguments.run, engine, sources)
            starts[engine].append(start)
            wholes[engine].append(whole)
            print(f"round {number + 1}, {engine}: {start}, {whole}", file=sys.stderr, flush=True)
    subwords = RunFolder.open(arguments.run).subwords()
    print(f"{processor_name()}, one CPU, {len(sources)} lines, {arguments.rounds} rounds\n")
    print("| engine | first line, CPU s | its memory, MiB | tokens/s | BLEU | changed lines |")
    print("|---|---|---|---|---|---|")
    for engine in arguments.engines:
        tokens = sum(len(ids) + 1 for ids in subwords.encode_all(texts[engine]))
        rates = [
            tokens / (whole.seconds - start.seconds)
            for whole, start in zip(wholes[engine], starts[engine], strict=True)
        ]
        print(
            f"| {engine} | {spread([each.seconds for each in starts[engine]], 2)} "
            f"| {statistics.median(each.peak for each in starts[engine]):.0f} "
            f"| {spread(rates, 0)} | {corpus_bleu(texts[engine], references):.2f} "
            f"| {changed(texts.get(REFERENCE), texts[engine])} |"
        )


def translate(
    run: Path, engine: str, lines: Sequence[str], options: Sequence[str] = ()
) -> tuple[Process, list[str]]:
    """A process that translates the lines, and their translations.

    Args:
        run: the run folder.
        engine: of `OPTIONS`.
        lines: of the source.
        options: further ones of the command.
    """
    with tempfile.TemporaryDirectory() as name:
        source, output = Path(name) / "source", Path(name) / "output"
        source.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        command: list[str | Path] = [sys.executable, "-m", "seq2seq", "translate"]
        command += [run, source, "-o", output]
        child = subprocess.Popen([*command, *OPTIONS[engine], *options])
        _, status, usage = os.wait4(child.pid, 0)
        if status:
            sys.exit(f"error: {engine} ended with status {status}")
        process = Process(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / MEBI)
        return process, output.read_text(encoding="utf-8").split("\n")[:-1]


def changed(before: list[str] | None, after: list[str]) -> str:
    """How many lines differ."""
    if before is None:
        return "-"
    return str(sum(one != other for one, other in zip(before, after, strict=True)))


if __name__ == "__main__":
    main()
