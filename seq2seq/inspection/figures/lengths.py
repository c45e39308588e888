"""Quality by length of the source: where long sentences cost."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from seq2seq.inspection.figures.picture import (
    COLOURS,
    HATCHES,
    MAP,
    Picture,
    set_title,
    show_legend,
)
from seq2seq.inspection.figures.text import shown

BARS_WIDTH = 0.8  # of all bars of a group
LIGHTEST, DARKEST = 0.95, 0.4  # of bars, on the map: hatches show on all of them


def draw_bleu_by_length(
    bins: Sequence[tuple[int, int]],
    scores: Mapping[str, np.ndarray],
    counts: np.ndarray,
    title: str = "",
) -> Figure:
    """A group of bars for each range of lengths, a bar for each system, and its score above.

    Args:
        bins: shortest and longest source, in subwords or words, of each range.
        scores: BLEU by system, each (bins,), 0 to 100; not a number where there is no sentence.
        counts: (bins,) sentences in each range.
        title: written above.

    Raises:
        ValueError: there are no bins or systems, or they do not match.
    """
    sizes = [len(counts), *(len(values) for values in scores.values())]
    if not bins or not scores or set(sizes) != {len(bins)}:
        raise ValueError(f"{len(bins)} ranges with counts and scores of {sizes}")
    figure = Picture(figsize=(2.5 + 0.9 * len(bins), 3.8), layout="constrained")
    axes = figure.add_subplot()
    width = BARS_WIDTH / len(scores)
    for number, (name, values) in enumerate(scores.items()):
        places = np.arange(len(bins)) - BARS_WIDTH / 2 + width * (number + 0.5)
        bars = axes.bar(
            places,
            values,
            width,
            label=shown(name),
            facecolor=MAP(LIGHTEST - (LIGHTEST - DARKEST) * number / max(1, len(scores) - 1)),
            edgecolor=COLOURS[0],
            hatch=HATCHES[number % len(HATCHES)],
        )
        axes.bar_label(bars, fmt="%.0f", fontsize="small", padding=1)
    names = [
        f"{first}–{last}\n({count})" for (first, last), count in zip(bins, counts, strict=True)
    ]
    axes.set_xticks(range(len(bins)), names)
    axes.set_xlabel("source length (number of sentences)")
    axes.set_ylabel("BLEU")
    axes.set_ylim(bottom=0)
    if len(scores) > 1:
        show_legend(axes, beside=True)
    set_title(figure, title)
    return figure
