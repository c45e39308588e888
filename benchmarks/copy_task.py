"""How far back can a cell remember? Accuracy against distance, as a table and a figure.

    python -m benchmarks.copy_task [--quick] [--seeds 3] [--output runs/long_range]

A symbol is shown first and asked for after 10 to 500 distractors (see `data_prep.copy_task`).
Networks that differ in their cell alone are trained by the same recipe on one core, at growing
distances. OUTPUT/cells.jsonl gets a line after each cell of the table, table.md and figure.png are
written anew; called again, the command goes on with the networks that are not finished.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.copy_task_report import Cell, draw, markdown
from data_prep.copy_task import CopyTask
from seq2seq.cli.quiet import load_tensorflow
from seq2seq.inspection.figures.picture import save

if TYPE_CHECKING:
    from seq2seq.models.recurrence import Kind

KINDS: "tuple[Kind, ...]" = ("simple_rnn", "gru", "lstm", "peephole_lstm")
DISTANCES = (10, 20, 50, 100, 200, 500)
SEEDS = 3
QUICK_DISTANCES, QUICK_STEPS = (10, 100), 150


@dataclass(frozen=True)
class Plan:
    """What is trained."""

    distances: tuple[int, ...]
    seeds: tuple[int, ...]
    steps: int | None  # in place of the recipe's

    def networks(self) -> Iterator[tuple[int, "Kind"]]:
        """Seed and kind of each network: all kinds once, then all again."""
        return ((seed, kind) for seed in self.seeds for kind in KINDS)


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
        for line in path.read_text().splitlines() if path.exists() else ():
            known = json.loads(line)
            if known["asked"] == self._asked:
                self._keep(Cell(**known["cell"]))

    def add(self, cell: Cell) -> None:
        """Appends a line at once."""
        with self._path.open("a") as stream:
            stream.write(json.dumps({"asked": self._asked, "cell": asdict(cell)}) + "\n")
        self._keep(cell)

    def finished(self, plan: Plan, seed: int, kind: str) -> bool:
        """Whether a network was measured at every distance."""
        known = {each.distance for each in self.cells if (each.seed, each.kind) == (seed, kind)}
        return known >= set(plan.distances)

    def _keep(self, cell: Cell) -> None:
        """A cell that was measured again replaces the earlier one."""
        place = (cell.kind, cell.distance, cell.seed)
        others = (each for each in self.cells if (each.kind, each.distance, each.seed) != place)
        self.cells = [*others, cell]


def run(plan: Plan, output: Path) -> str:
    """Trains what is not trained yet; returns the table, which is written after each cell."""
    from benchmarks.copy_task_training import Recipe, build_network, train_in_stages

    task, recipe = CopyTask(), Recipe()
    if plan.steps:
        recipe = Recipe(steps=plan.steps)
    output.mkdir(parents=True, exist_ok=True)
    asked = {"task": asdict(task), "recipe": asdict(recipe), "distances": plan.distances}
    records = Records(output / "cells.jsonl", asked)
    for seed, kind in plan.networks():
        if records.finished(plan, seed, kind):
            continue
        network = build_network(kind, task, recipe, seed)
        for measured in train_in_stages(network, plan.distances, seed, task, recipe):
            records.add(Cell(kind, seed, **asdict(measured)))
            print(records.cells[-1].describe(), file=sys.stderr, flush=True)
            _write(records.cells, task.chance, output)
    return _write(records.cells, task.chance, output)


def _write(cells: list[Cell], chance: float, output: Path) -> str:
    table = markdown(cells, chance)
    (output / "table.md").write_text(table, encoding="utf-8")
    with (output / "figure.png").open("wb") as stream:
        save(draw(cells, chance), stream, "png")
    return table


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="two distances, one seed, few steps")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="networks of a kind")
    parser.add_argument("--output", type=Path, default=Path("runs/long_range"), metavar="DIR")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error(f"--seeds {arguments.seeds}: at least 1")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    load_tensorflow()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # each distance is compiled anew
    seeds = tuple(range(1, arguments.seeds + 1))
    plan = Plan(DISTANCES, seeds, None)
    if arguments.quick:
        plan = Plan(QUICK_DISTANCES, seeds[:1], QUICK_STEPS)
    print(run(plan, arguments.output), end="")


if __name__ == "__main__":
    main()
