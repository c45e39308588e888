"""How far back can a cell remember? Accuracy against distance, as tables and a figure.

    python -m benchmarks.quality.long_range [--quick] [--seeds 5] [--tasks copying,order]
        [--output runs/long_range]

A symbol is copied, overwritten or put into order behind 10 to 500 distractors (see
`data_prep.memory_tasks`). Networks that differ in their cell alone are trained by the same recipe
on one core, in two ways: staged, at growing distances, and afresh at each. OUTPUT/cells.jsonl gets
a line after each cell of the tables, table.md and figure.png are written anew after each network;
called again, the command goes on with the networks that are not finished.
"""

import argparse
import itertools
import json
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.json_lines import add_json_line, read_json_lines
from benchmarks.quality.long_range_report import Cell, draw, markdown
from data_prep.memory_tasks import CopyTask, LastSymbolTask, MemoryTask, OrderTask
from seq2seq.inspection.figures.picture import save
from seq2seq.translation.quiet import load_tensorflow

if TYPE_CHECKING:
    from benchmarks.quality.long_range_training import Network, Way

TASKS: dict[str, MemoryTask] = {
    "copying": CopyTask(),
    "overwriting": LastSymbolTask(),
    "order": OrderTask(),
}
DISTANCES = (10, 20, 50, 100, 200, 500)
SEEDS = 5
QUICK_DISTANCES, QUICK_STEPS = (10, 100), 150


@dataclass(frozen=True)
class Plan:
    """What is trained."""

    distances: tuple[int, ...]
    seeds: tuple[int, ...]
    steps: int | None  # in place of the recipe's

    tasks: tuple[str, ...] = tuple(TASKS)

    def networks(self) -> Iterator[tuple[int, str, "Way", "Network"]]:
        """Seed, task, way and cell of each network: all once, then all again."""
        from benchmarks.quality.long_range_training import Network

        plain = [Network(kind) for kind in ("simple_rnn", "gru", "lstm", "peephole_lstm")]
        opened = [Network(kind, open_gate=True) for kind in ("lstm", "peephole_lstm")]
        for seed, task in itertools.product(self.seeds, self.tasks):
            yield from ((seed, task, "staged", cell) for cell in plain)
            yield from ((seed, task, "afresh", cell) for cell in [*plain, *opened])


class Records:
    """The cells that are measured, on disk.

    Args:
        path: a file of JSON lines.
        asked: what they were measured with; lines that say otherwise are left alone and not used.
    """

    def __init__(self, path: Path, asked: dict) -> None:
        self._path = path
        self._asked = json.loads(json.dumps(asked))  # as it will be read back
        self.cells: list[Cell] = []
        for known in read_json_lines(path):
            if known["asked"] == self._asked:
                self._keep(Cell(**known["cell"]))

    def add(self, cell: Cell) -> None:
        """Appends a line at once."""
        add_json_line(self._path, {"asked": self._asked, "cell": asdict(cell)})
        self._keep(cell)

    def finished(self, plan: Plan, seed: int, task: str, way: str, name: str) -> bool:
        """Whether a network was measured at every distance."""
        places = {each.place for each in self.cells}
        return all((task, way, name, seed, distance) in places for distance in plan.distances)

    def _keep(self, cell: Cell) -> None:
        """A cell that was measured again replaces the earlier one."""
        self.cells = [*(each for each in self.cells if each.place != cell.place), cell]


def run(plan: Plan, output: Path) -> str:
    """Trains what is not trained yet; returns the tables, which are written after each network."""
    from benchmarks.quality.long_range_training import Recipe, measure

    recipe = Recipe(steps=plan.steps) if plan.steps else Recipe()
    output.mkdir(parents=True, exist_ok=True)
    tasks = {name: asdict(task) for name, task in TASKS.items()}
    asked = {"tasks": tasks, "recipe": asdict(recipe), "distances": plan.distances}
    records = Records(output / "cells.jsonl", asked)
    for seed, task, way, cell in plan.networks():
        if records.finished(plan, seed, task, way, cell.name):
            continue
        try:
            for measured in measure(cell, way, plan.distances, seed, TASKS[task], recipe):
                records.add(Cell(task, way, cell.name, seed, **asdict(measured)))
                print(records.cells[-1].describe(), file=sys.stderr, flush=True)
        finally:
            if records.cells:
                _write(records.cells, output)
    return _write(records.cells, output)


def _write(cells: list[Cell], output: Path) -> str:
    chances = {name: task.chance for name, task in TASKS.items()}
    table = markdown(cells, chances)
    (output / "table.md").write_text(table, encoding="utf-8")
    with (output / "figure.png").open("wb") as stream:
        save(draw(cells, chances), stream, "png")
    return table


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="two distances, one seed, few steps")
    parser.add_argument("--seeds", type=int, metavar="N", help="networks of a kind, by default 5")
    parser.add_argument("--tasks", default=",".join(TASKS), metavar="TASK,TASK")
    parser.add_argument("--output", type=Path, default=Path("runs/long_range"), metavar="DIR")
    arguments = parser.parse_args()
    number = arguments.seeds or (1 if arguments.quick else SEEDS)
    if number < 1:
        parser.error(f"--seeds {number}: at least 1")
    tasks = tuple(arguments.tasks.split(","))
    if unknown := set(tasks) - set(TASKS):
        parser.error(
            f"--tasks {arguments.tasks}: no {', '.join(unknown)}; there are {', '.join(TASKS)}"
        )
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    load_tensorflow()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # each distance is compiled anew
    seeds = tuple(range(1, number + 1))
    plan = Plan(DISTANCES, seeds, None, tasks)
    if arguments.quick:
        plan = Plan(QUICK_DISTANCES, seeds, QUICK_STEPS, tasks)
    print(run(plan, arguments.output), end="")


if __name__ == "__main__":
    main()
