"""Attention as a picture: a row for each subword written, a column for each subword read."""

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INCHES_PER_SUBWORD = 0.38
DOTS_PER_INCH = 150


def draw_attention(
    weights: np.ndarray,
    source_subwords: Sequence[str],
    target_subwords: Sequence[str],
    title: str = "",
) -> Figure:
    """Heat map of attention weights; dark is 1, white is 0.

    Args:
        weights: (target subwords, source subwords), each row summing to 1.
        source_subwords: labels of the columns.
        target_subwords: labels of the rows.
        title: written above.

    Raises:
        ValueError: labels and weights do not match.
    """
    if weights.shape != (len(target_subwords), len(source_subwords)):
        raise ValueError(
            f"weights {weights.shape} for {len(target_subwords)} target and "
            f"{len(source_subwords)} source subwords"
        )
    rows, columns = weights.shape
    size = (2.5 + INCHES_PER_SUBWORD * columns, 1.8 + INCHES_PER_SUBWORD * rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(columns), [_label(piece) for piece in source_subwords], rotation=90)
    axes.set_yticks(range(rows), [_label(piece) for piece in target_subwords])
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("read")
    axes.set_ylabel("written")
    if title:
        figure.suptitle(_label(title), fontsize="medium")
    figure.colorbar(image, ax=axes, label="attention weight", fraction=0.05)
    return figure


def save_png(figure: Figure, stream: BinaryIO) -> None:
    """Writes a figure; needs no display."""
    FigureCanvasAgg(figure)
    figure.savefig(stream, format="png", dpi=DOTS_PER_INCH)


def _label(piece: str) -> str:
    """A subword as text; "$" would start a formula."""
    return piece.replace("$", r"\$")
