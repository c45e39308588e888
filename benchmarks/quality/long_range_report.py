"""Accuracy against distance, as Markdown tables and as a figure that needs no colour."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.spread import spread

# Marker and line of each curve, in the order of the kinds.
STYLES = (("o", ":"), ("s", "--"), ("^", "-"), ("D", "-."), ("v", (0, (5, 1))), ("x", (0, (1, 3))))
TITLES = {
    "staged": "begun at short distances",
    "afresh": "each distance from fresh weights",
}
SIDE_STEP = 1.04  # curves stand beside each other by this factor of distance


@dataclass(frozen=True)
class Cell:
    """One network at one distance of one task."""

    task: str  # a key of `benchmarks.quality.long_range.TASKS`
    way: str  # of training, see `benchmarks.quality.long_range_training.Way`
    name: str  # of what the networks differ in
    seed: int
    distance: int
    accuracy: float  # 0 to 1
    steps: int  # of training at this distance
    seconds: float  # of training at this distance

    @property
    def place(self) -> tuple[str, str, str, int, int]:
        """What tells it from others."""
        return self.task, self.way, self.name, self.seed, self.distance

    def describe(self) -> str:
        """One line."""
        percent, seconds = 100 * self.accuracy, self.seconds
        place = f"{self.task}, {self.name}, {self.way}, seed {self.seed}, distance {self.distance}"
        return f"{place}: {percent:.1f} % right after {self.steps} steps, {seconds:.1f} s"


def markdown(cells: Sequence[Cell], chances: Mapping[str, float]) -> str:
    """For each task and way a table: a row for each network, a column for each distance.

    Values are median and range over seeds, in per cent.

    Args:
        cells: at least one; where a network was not measured at a distance, nothing is written.
        chances: for each task, accuracy without looking, 0 to 1.
    """
    return "\n".join(
        f"{title.capitalize()}:\n\n{_table(panel, chances[panel[0].task])}"
        for title, panel in _panels(cells).items()
    )


def _table(cells: Sequence[Cell], chance: float) -> str:
    distances = sorted({cell.distance for cell in cells})
    lines = [f"| cell | {' | '.join(map(str, distances))} |", f"|---|{'---:|' * len(distances)}"]
    for name in _different(cells, "name"):
        found = [_percents(cells, name, distance) for distance in distances]
        texts = [spread(percents, 1) if percents else "" for percents in found]
        lines.append(f"| {name} | {' | '.join(texts)} |")
    lines.append(f"| chance | {' | '.join([f'{100 * chance:.1f}'] * len(distances))} |")
    return "\n".join(lines) + "\n"


def draw(cells: Sequence[Cell], chances: Mapping[str, float]) -> Figure:
    """A row of panels for each task, a panel for each way, and in it a curve for each network.

    Curves are medians; bars show the range over seeds, a grey line chance.
    """
    tasks, ways = _different(cells, "task"), _different(cells, "way")
    names = _different(cells, "name")
    size = 2 + 4.5 * len(ways), 0.5 + 3.5 * len(tasks)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(tasks), len(ways), sharex=True, sharey=True, squeeze=False)
    for task, row in zip(tasks, grid, strict=True):
        row[0].set_ylabel("right answers (%)")
        for way, axes in zip(ways, row, strict=True):
            _draw_panel(axes, [c for c in cells if (c.task, c.way) == (task, way)], names)
            axes.set_title(f"{task}, {TITLES[way]}", fontsize="medium")
            _draw_chance(axes, chances[task])
    for axes in grid[-1]:
        axes.set_xlabel("steps between the first and the question")
    curves = {each.get_label(): each for axes in grid.flat for each in axes.containers}
    figure.legend(curves.values(), curves, loc="outside right center", frameon=False)
    return figure


def _draw_chance(axes: Axes, chance: float) -> None:
    axes.axhline(100 * chance, color="0.6", linewidth=1, zorder=0)
    axes.annotate(
        "chance",
        (1, 100 * chance),
        (-4, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
    )


def _draw_panel(axes: Axes, cells: Sequence[Cell], names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        distances = sorted({cell.distance for cell in cells if cell.name == name})
        if not distances:
            continue
        percents = [_percents(cells, name, distance) for distance in distances]
        medians = [statistics.median(values) for values in percents]
        below = [middle - min(values) for middle, values in zip(medians, percents, strict=True)]
        above = [max(values) - middle for middle, values in zip(medians, percents, strict=True)]
        marker, line = STYLES[number % len(STYLES)]
        shift = SIDE_STEP ** (number - (len(names) - 1) / 2)  # or equal curves hide each other
        axes.errorbar(
            [distance * shift for distance in distances],
            medians,
            yerr=[below, above],
            marker=marker,
            linestyle=line,
            color=str(min(0.5, 0.1 * number)),  # a grey
            capsize=3,
            label=name,
        )
    axes.set_xscale("log")
    axes.set_xticks(ticks := sorted({cell.distance for cell in cells}), [str(n) for n in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0, 104)


def _panels(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Those of each task and way, by a title."""
    panels: dict[str, list[Cell]] = {}
    for task in _different(cells, "task"):
        for way in _different(cells, "way"):
            found = [cell for cell in cells if (cell.task, cell.way) == (task, way)]
            panels |= {f"{task}, {TITLES[way]}": found} if found else {}
    return panels


def _different(cells: Sequence[Cell], field: str) -> list[str]:
    """Values of a field, in the order in which they come."""
    return list(dict.fromkeys(getattr(cell, field) for cell in cells))


def _percents(cells: Sequence[Cell], name: str, distance: int) -> list[float]:
    found = (cell for cell in cells if (cell.name, cell.distance) == (name, distance))
    return [100 * cell.accuracy for cell in found]
