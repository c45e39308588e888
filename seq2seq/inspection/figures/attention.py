"""Where a network looked: a row for each subword written, a column for each subword read."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from seq2seq.inspection.figures.picture import (
    MAP,
    label_columns,
    label_rows,
    picture,
    set_title,
)


def draw_attention(
    weights: np.ndarray,
    source_subwords: Sequence[str],
    target_subwords: Sequence[str],
    title: str = "",
) -> Figure:
    """Heat map of attention weights; bright is 1, dark is 0.

    Args:
        weights: (target subwords, source subwords), each row summing to 1.
        source_subwords: labels of the columns.
        target_subwords: labels of the rows.
        title: written above.

    Raises:
        ValueError: labels and weights do not match.
    """
    _check_shape("weights", weights, source_subwords, target_subwords)
    return _draw(weights, source_subwords, target_subwords, title, "attention weight")


def draw_source_gradients(
    norms: np.ndarray,
    source_subwords: Sequence[str],
    target_subwords: Sequence[str],
    title: str = "",
) -> Figure:
    """Heat map of which source vectors each subword's loss depends on; a row's largest is bright.

    Rows are drawn by themselves, because the loss of a subword that was certain has next to no
    gradient.

    Args:
        norms: (target subwords, source subwords), 0 or more; see
            `seq2seq.inspection.gradient_norms.GradientNorms.source`.
        source_subwords: labels of the columns.
        target_subwords: labels of the rows, those whose losses they are.
        title: written above.

    Raises:
        ValueError: labels and norms do not match, or one is no norm.
    """
    _check_shape("norms", norms, source_subwords, target_subwords)
    if not (np.isfinite(norms).all() and (norms >= 0).all()):
        raise ValueError("there are numbers that are no norms")
    largest = norms.max(axis=1, keepdims=True, initial=0.0)
    shares = norms / np.where(largest > 0, largest, 1.0)
    return _draw(shares, source_subwords, target_subwords, title, "share of the largest norm")


def _check_shape(
    name: str, values: np.ndarray, source_subwords: Sequence[str], target_subwords: Sequence[str]
) -> None:
    if values.shape != (len(target_subwords), len(source_subwords)):
        raise ValueError(
            f"{name} {values.shape} for {len(target_subwords)} target and "
            f"{len(source_subwords)} source subwords"
        )


def _draw(
    values: np.ndarray,
    source_subwords: Sequence[str],
    target_subwords: Sequence[str],
    title: str,
    label: str,
) -> Figure:
    rows, columns = values.shape
    figure = picture(columns, rows)
    axes = figure.add_subplot()
    image = axes.imshow(values, cmap=MAP, vmin=0, vmax=1, aspect="auto")
    label_columns(axes, source_subwords)
    label_rows(axes, target_subwords)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("read")
    axes.set_ylabel("written")
    set_title(figure, title)
    figure.colorbar(image, ax=axes, label=label, fraction=0.05)
    return figure
