"""Attention as a picture: a row for each subword written, a column for each subword read."""

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from matplotlib.figure import Figure

from seq2seq.inspection.figures.picture import (
    SHARES,
    label_columns,
    label_rows,
    picture,
    save,
    set_title,
)


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
    figure = picture(columns, rows)
    axes = figure.add_subplot()
    image = axes.imshow(weights, cmap=SHARES, vmin=0, vmax=1, aspect="auto")
    label_columns(axes, source_subwords)
    label_rows(axes, target_subwords)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("read")
    axes.set_ylabel("written")
    set_title(figure, title)
    figure.colorbar(image, ax=axes, label="attention weight", fraction=0.05)
    return figure


def save_png(figure: Figure, stream: BinaryIO) -> None:
    """Writes a figure; needs no display."""
    save(figure, stream, "png")
