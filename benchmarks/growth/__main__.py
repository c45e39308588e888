"""How time and memory grow with sentences, beam, vocabulary, units and batch.

    python -m benchmarks.growth [--axes translating.length,training.units] [--output runs/growth]

One size at a time is another than `Ask` has it. Each point is measured in a process of its own on
one core; times are of that core, so that other work beside it changes them little.
OUTPUT/points.jsonl gets a line after each point, growth.md and growth.png are written at the end;
called again, the command goes on with the points that are missing.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.growth.point import Ask, Point
from benchmarks.growth.report import Axis, draw, markdown
from benchmarks.json_lines import add_json_line, read_json_lines
from benchmarks.machine import processor_name
from benchmarks.peers.child import run_child
from seq2seq.inspection.figures.picture import save

LENGTHS, VOCABULARIES = (5, 10, 20, 50, 100, 200), (2000, 8000, 32000, 64000)
UNITS = (256, 512, 1024, 2048)
AXES = (
    Axis("translating", "length", LENGTHS),
    Axis("translating", "beam", (1, 2, 5, 10, 20)),
    Axis("translating", "vocabulary", VOCABULARIES),
    Axis("translating", "units", UNITS),
    Axis("translating", "sentences", (1, 4, 16, 64)),
    Axis("training", "length", LENGTHS),
    Axis("training", "vocabulary", VOCABULARIES),
    Axis("training", "units", UNITS),
    Axis("training", "tokens", (256, 1024, 4096, 16384)),
)


def measured(axes: tuple[Axis, ...], path: Path) -> dict[Ask, Point]:
    """All points of the axes; those that the file has are not measured again."""
    known = dict(_read(path))
    for ask in (ask for axis in axes for ask in axis.asks()):
        if ask not in known:
            command = [sys.executable, "-m", "benchmarks.growth.point", ask.doing]
            sizes = {name: value for name, value in asdict(ask).items() if name != "doing"}
            command += [f"--{name}={value}" for name, value in sizes.items()]
            printed = run_child(command, f"measuring {ask}")
            known[ask] = Point(**json.loads(printed.splitlines()[-1]))
            add_json_line(path, {"ask": asdict(ask), "point": asdict(known[ask])})
            print(ask, f"{1000 * known[ask].seconds:.1f} ms", file=sys.stderr, flush=True)
    return known


def _read(path: Path) -> Iterator[tuple[Ask, Point]]:
    for known in read_json_lines(path):
        yield Ask(**known["ask"]), Point(**known["point"])


def main() -> None:
    """See the module."""
    names = [axis.title for axis in AXES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--axes", default=",".join(names), metavar="AXIS,AXIS")
    parser.add_argument("--output", type=Path, default=Path("runs/growth"), metavar="DIR")
    arguments = parser.parse_args()
    wanted = arguments.axes.split(",")
    if unknown := set(wanted) - set(names):
        missing, known = ", ".join(sorted(unknown)), ", ".join(names)
        parser.error(f"--axes {arguments.axes}: no {missing}; there are {known}")
    axes = tuple(axis for axis in AXES if axis.title in wanted)
    arguments.output.mkdir(parents=True, exist_ok=True)
    found = measured(axes, arguments.output / "points.jsonl")
    curves = {axis: [found[ask] for ask in axis.asks()] for axis in axes}
    table = f"{processor_name()}, one core\n\n{markdown(curves)}"
    (arguments.output / "growth.md").write_text(table, encoding="utf-8")
    with (arguments.output / "growth.png").open("wb") as stream:
        save(draw(curves), stream, "png")
    print(table, end="")


if __name__ == "__main__":
    main()
