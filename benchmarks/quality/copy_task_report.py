"""Accuracy against distance, as Markdown tables and as a figure that needs no colour."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.spread import spread

# Marker and line of each curve, in the order of the kinds.
STYLES = (("o", ":"), ("s", "--"), ("^", "-"), ("D", "-."), ("v", (0, (5, 1))), ("x", (0, (1, 3))))
TITLES = {
    "staged": "begun at short distances",
    "afresh": "each distance by itself, from fresh weights",
}
SIDE_STEP = 1.04  # curves stand beside each other by this factor of distance


@dataclass(frozen=True)
class Cell:
    """One network at one distance."""

    way: str  # of training, see `benchmarks.quality.copy_task_training.Way`
    name: str  # of what the networks differ in
    seed: int
    distance: int
    accuracy: float  # 0 to 1
    steps: int  # of training at this distance
    seconds: float  # of training at this distance

    @property
    def place(self) -> tuple[str, str, int, int]:
        """What tells it from others."""
        return self.way, self.name, self.seed, self.distance

    def describe(self) -> str:
        """One line."""
        percent, seconds = 100 * self.accuracy, self.seconds
        place = f"{self.name}, {self.way}, seed {self.seed}, distance {self.distance}"
        return f"{place}: {percent:.1f} % right after {self.steps} steps, {seconds:.1f} s"


def markdown(cells: Sequence[Cell], chance: float) -> str:
    """For each way a table: a row for each network, a column for each distance.

    Values are median and range over seeds, in per cent.

    Args:
        cells: at least one; where a network was not measured at a distance, nothing is written.
        chance: accuracy without looking, 0 to 1.
    """
    return "\n".join(
        f"{TITLES[way].capitalize()}:\n\n{_table(_of_way(cells, way), chance)}"
        for way in _ways(cells)
    )


def _table(cells: Sequence[Cell], chance: float) -> str:
    distances = sorted({cell.distance for cell in cells})
    lines = [f"| cell | {' | '.join(map(str, distances))} |", f"|---|{'---:|' * len(distances)}"]
    for name in _names(cells):
        found = [_percents(cells, name, distance) for distance in distances]
        texts = [spread(percents, 1) if percents else "" for percents in found]
        lines.append(f"| {name} | {' | '.join(texts)} |")
    lines.append(f"| chance | {' | '.join([f'{100 * chance:.1f}'] * len(distances))} |")
    return "\n".join(lines) + "\n"


def draw(cells: Sequence[Cell], chance: float) -> Figure:
    """A panel for each way, and in it a curve of medians for each network.

    Bars show the range over seeds, a grey line chance.
    """
    ways, names = _ways(cells), _names(cells)
    figure = Figure(figsize=(2 + 4.5 * len(ways), 4), layout="constrained")
    every_axes = figure.subplots(1, len(ways), sharey=True, squeeze=False)[0]
    for axes, way in zip(every_axes, ways, strict=True):
        _draw_way(axes, _of_way(cells, way), names)
        axes.set_title(TITLES[way], fontsize="medium")
        axes.axhline(100 * chance, color="0.6", linewidth=1, zorder=0)
        axes.annotate(
            "chance",
            (1, 100 * chance),
            (-4, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
        )
    every_axes[0].set_ylabel("right answers (%)")
    curves = {each.get_label(): each for axes in every_axes for each in axes.containers}
    figure.legend(curves.values(), curves, loc="outside right center", frameon=False)
    return figure


def _draw_way(axes: Axes, cells: Sequence[Cell], names: Sequence[str]) -> None:
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
    axes.set_xlabel("distractors between the symbol and the question")


def _ways(cells: Sequence[Cell]) -> list[str]:
    """In the order in which they come."""
    return list(dict.fromkeys(cell.way for cell in cells))


def _names(cells: Sequence[Cell]) -> list[str]:
    """In the order in which they come."""
    return list(dict.fromkeys(cell.name for cell in cells))


def _of_way(cells: Sequence[Cell], way: str) -> list[Cell]:
    return [cell for cell in cells if cell.way == way]


def _percents(cells: Sequence[Cell], name: str, distance: int) -> list[float]:
    found = (cell for cell in cells if (cell.name, cell.distance) == (name, distance))
    return [100 * cell.accuracy for cell in found]
