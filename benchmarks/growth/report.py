"""Points of `benchmarks.growth` as tables and as a figure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from benchmarks.growth.point import DOINGS, Ask, Point

LABELS = {
    "length": "subwords of a sentence",
    "beam": "beam width",
    "vocabulary": "vocabulary",
    "units": "units",
    "sentences": "sentences a batch",
    "tokens": "target tokens a step",
}
COLUMNS = ("ms", "of products alone", "growth", "MiB")


@dataclass(frozen=True)
class Axis:
    """A size that grows, of a network that translates or is trained."""

    doing: str
    name: str
    values: tuple[int, ...]

    @property
    def title(self) -> str:
        """How the command calls it."""
        return f"{self.doing}.{self.name}"

    def asks(self) -> Iterator[Ask]:
        """Its points."""
        for value in self.values:
            sizes: dict[str, Any] = {self.name: value}
            yield replace(Ask(self.doing), **sizes)

    def sizes(self) -> list[int]:
        """What grows: the values, or the tokens that whole sentences have in a step."""
        if self.name == "tokens":
            return [ask.sentences_trained * ask.length for ask in self.asks()]
        return list(self.values)


Curves = Mapping[Axis, Sequence[Point]]


def markdown(curves: Curves) -> str:
    """A table for each axis.

    `growth` is the exponent between a point and the one above it: 1 where time grows as the size
    does.
    """
    tables = []
    for axis, points in curves.items():
        head = f"{axis.doing}: {LABELS[axis.name]}"
        rows = [f"| {head} | " + " | ".join(COLUMNS) + " |", "|---:" * 5 + "|"]
        products = product_times(curves, axis)
        for number, (value, point) in enumerate(zip(axis.values, points, strict=True)):
            spread = f"{_ms(point.seconds)} ({_ms(point.least)} to {_ms(point.most)})"
            grown = _exponent(axis, points, number) if number else ""
            rows.append(
                f"| {value:,} | {spread} | {_ms(products[number])} | {grown} | "
                f"{point.mebibytes:,.0f} |"
            )
        tables.append("\n".join(rows) + "\n")
    return "\n".join(tables)


def product_times(curves: Curves, axis: Axis) -> list[float]:
    """Seconds that the products of an axis's points would take at the rate of a large one.

    The rate is the median of those beside all points of the same kind.
    """
    alike = (points for each, points in curves.items() if each.doing == axis.doing)
    rate = median(point.machine_rate for points in alike for point in points)
    return [point.multiply_adds / rate for point in curves[axis]]


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.1f}"


def _exponent(axis: Axis, points: Sequence[Point], number: int) -> str:
    times = points[number].seconds / points[number - 1].seconds
    sizes = axis.sizes()
    return f"{log(times) / log(sizes[number] / sizes[number - 1]):.2f}"


def draw(curves: Curves) -> Figure:
    """Time against each size, both on logarithmic scales, with the time of the products alone."""
    rows = [[axis for axis in curves if axis.doing == doing] for doing in DOINGS]
    rows = [row for row in rows if row]
    columns = max(len(row) for row in rows)
    size = 0.5 + 2.6 * columns, 0.6 + 2.6 * len(rows)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for row, panels in zip(rows, grid, strict=True):
        for axis, axes in zip(row, panels, strict=False):
            _draw_panel(axes, axis, curves[axis], product_times(curves, axis))
        for axes in panels[len(row) :]:
            axes.set_axis_off()
        panels[0].set_ylabel(f"{row[0].doing}: ms a call")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _draw_panel(axes: Axes, axis: Axis, points: Sequence[Point], products: Sequence[float]) -> None:
    axes.loglog(
        axis.values, [1000 * each.seconds for each in points], "o-", color="0.1", label="measured"
    )
    axes.loglog(
        axis.values,
        [1000 * each for each in products],
        "--",
        color="0.5",
        label="its products at the rate of a large one",
    )
    axes.set_xlabel(LABELS[axis.name])
    axes.set_xticks(axis.values, [f"{value:,}" for value in axis.values], rotation=30)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_minor_locator(NullLocator())
