"""Accuracy against distance, as a Markdown table and as a figure that needs no colour."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.spread import spread

# Marker and line of each curve, in the order of the kinds.
STYLES = (("o", ":"), ("s", "--"), ("^", "-"), ("D", "-."), ("v", (0, (5, 1))))
SIDE_STEP = 1.04  # curves stand beside each other by this factor of distance


@dataclass(frozen=True)
class Cell:
    """One network at one distance."""

    kind: str
    seed: int
    distance: int
    accuracy: float  # 0 to 1
    steps: int  # of training at this distance
    seconds: float  # of training at this distance

    def describe(self) -> str:
        """One line."""
        percent, seconds = 100 * self.accuracy, self.seconds
        place = f"{self.kind}, seed {self.seed}, distance {self.distance}"
        return f"{place}: {percent:.1f} % right after {self.steps} steps, {seconds:.1f} s"


def markdown(cells: Sequence[Cell], chance: float) -> str:
    """A row for each kind, a column for each distance: median and range over seeds, in per cent.

    Args:
        cells: at least one; where a kind was not measured at a distance, nothing is written.
        chance: accuracy without looking, 0 to 1.
    """
    distances = sorted({cell.distance for cell in cells})
    lines = [f"| cell | {' | '.join(map(str, distances))} |", f"|---|{'---:|' * len(distances)}"]
    for kind in _kinds(cells):
        found = [_percents(cells, kind, distance) for distance in distances]
        texts = [spread(percents, 1) if percents else "" for percents in found]
        lines.append(f"| {kind} | {' | '.join(texts)} |")
    lines.append(f"| chance | {' | '.join([f'{100 * chance:.1f}'] * len(distances))} |")
    return "\n".join(lines) + "\n"


def draw(cells: Sequence[Cell], chance: float) -> Figure:
    """A curve of medians for each kind; bars show the range over seeds, a grey line chance."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    kinds = _kinds(cells)
    for number, kind in enumerate(kinds):
        distances = sorted({cell.distance for cell in cells if cell.kind == kind})
        percents = [_percents(cells, kind, distance) for distance in distances]
        medians = [statistics.median(values) for values in percents]
        below = [middle - min(values) for middle, values in zip(medians, percents, strict=True)]
        above = [max(values) - middle for middle, values in zip(medians, percents, strict=True)]
        marker, line = STYLES[number % len(STYLES)]
        shift = SIDE_STEP ** (number - (len(kinds) - 1) / 2)  # or equal curves hide each other
        axes.errorbar(
            [distance * shift for distance in distances],
            medians,
            yerr=[below, above],
            marker=marker,
            linestyle=line,
            color=str(0.15 * number),  # a grey
            capsize=3,
            label=kind,
        )
    axes.axhline(100 * chance, color="0.6", linewidth=1, zorder=0)
    axes.annotate(
        "chance",
        (1, 100 * chance),
        (-4, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
    )
    axes.set_xscale("log")
    axes.set_xticks(ticks := sorted({cell.distance for cell in cells}), [str(n) for n in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0, 104)
    axes.set_xlabel("distractors between the symbol and the question")
    axes.set_ylabel("right answers (%)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def _kinds(cells: Sequence[Cell]) -> list[str]:
    """In the order in which they come."""
    return list(dict.fromkeys(cell.kind for cell in cells))


def _percents(cells: Sequence[Cell], kind: str, distance: int) -> list[float]:
    found = (cell for cell in cells if (cell.kind, cell.distance) == (kind, distance))
    return [100 * cell.accuracy for cell in found]
