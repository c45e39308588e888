"""Curves: how gradients fade over time, and how trainings went."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seq2seq.inspection.figures.picture import Picture, line_styles, set_title, show_legend
from seq2seq.inspection.figures.text import shown

MEASURES = {  # columns of history.csv
    "training_loss": "training loss (nats a token)",
    "validation_perplexity": "validation perplexity",
    "validation_bleu": "validation BLEU",
}


def draw_gradient_flow(
    curves: Mapping[str, np.ndarray], title: str = "", label: str = "gradient norm"
) -> Figure:
    """Gradient norms by steps back, on a logarithmic scale; a norm of 0 is left out.

    Args:
        curves: by name, each (D,), see `seq2seq.inspection.gradients.by_distance`.
        title: written above.
        label: of the vertical axis.

    Raises:
        ValueError: there are no curves, or one holds a number that is no norm.
    """
    if not curves:
        raise ValueError("there are no curves to draw")
    figure = Picture(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for (name, curve), style in zip(curves.items(), line_styles(), strict=False):
        if not (np.isfinite(curve).all() and (curve >= 0).all()):
            raise ValueError(f"{name} holds numbers that are no norms")
        distances = np.flatnonzero(curve)
        axes.plot(distances, curve[distances], label=shown(name), **style)
    axes.set_yscale("log")
    axes.set_xlabel("steps back")
    axes.set_ylabel(label)
    show_legend(axes)
    set_title(figure, title)
    return figure


def draw_training(runs: Mapping[str, Sequence[Mapping[str, Any]]], title: str = "") -> Figure:
    """A panel for each measure, a curve for each run; a ring is around the best weights.

    Args:
        runs: by name, the rows of each history.csv, numbers or text; a value that is missing, or
            empty, is left out.
        title: written above.

    Raises:
        ValueError: there are no runs, or a run has no rows.
    """
    if not runs:
        raise ValueError("there are no runs to draw")
    for name, rows in runs.items():
        if not rows:
            raise ValueError(f"{name} has no history yet")
    figure = Picture(figsize=(4.0 * len(MEASURES), 3.6), layout="constrained")
    every_axes = figure.subplots(1, len(MEASURES), squeeze=False)[0]
    for axes, (column, label) in zip(every_axes, MEASURES.items(), strict=True):
        for (name, rows), style in zip(runs.items(), line_styles(), strict=False):
            _draw_measure(axes, shown(name), rows, column, style)
        axes.set_xlabel("optimizer steps")
        axes.set_ylabel(label)
    show_legend(every_axes[0])
    set_title(figure, title)
    return figure


def _draw_measure(
    axes: Axes,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    column: str,
    style: dict[str, Any],
) -> None:
    known = [row for row in rows if row.get(column) not in (None, "")]
    steps = [float(row["step"]) for row in known]
    values = [float(row[column]) for row in known]
    axes.plot(steps, values, label=name, **style)
    best = [place for place, row in enumerate(known) if _is_true(row.get("best"))]
    if best:
        axes.plot(
            steps[best[-1]],
            values[best[-1]],
            marker="o",
            markersize=11,
            fillstyle="none",
            color=style["color"],
            linestyle="none",
        )


def _is_true(value: Any) -> bool:
    return str(value) in ("1", "True", "true")
