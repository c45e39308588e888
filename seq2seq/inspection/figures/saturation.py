"""How decided gates are: how often they are all but closed, or all but open.

Karpathy et al. 2016, https://arxiv.org/abs/1506.02078, section 4.2.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from seq2seq.inspection.figures.picture import COLOURS, HATCHES, MAP, Picture, set_title

CLOSED, OPEN = 0.1, 0.9  # a gate below, or above, is saturated, as in the paper
BARS = 20


def saturation(values: np.ndarray) -> tuple[float, float]:
    """Shares of a gate's values that are below `CLOSED`, and above `OPEN`."""
    return float(np.mean(values < CLOSED)), float(np.mean(values > OPEN))


def draw_saturation(gates: Mapping[str, np.ndarray], title: str = "") -> Figure:
    """A histogram for each gate: bars are shares of its values, saturated ones are hatched.

    Args:
        gates: by name, of any shape, from 0 to 1.
        title: written above.

    Raises:
        ValueError: there are no gates, or one has no values or some beyond 0 to 1.
    """
    if not gates:
        raise ValueError("there are no gates to draw")
    for name, values in gates.items():
        if not values.size or not (np.min(values) >= 0 and np.max(values) <= 1):
            raise ValueError(f"the {name} gate has no values, or some that are not from 0 to 1")
    figure = Picture(figsize=(1.5 + 3.0 * len(gates), 3.2), layout="constrained")
    every_axes = figure.subplots(1, len(gates), sharey=True, squeeze=False)[0]
    edges = np.linspace(0, 1, BARS + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    for axes, (name, values) in zip(every_axes, gates.items(), strict=True):
        shares = np.histogram(values, edges)[0] / values.size
        bars = axes.bar(centres, shares, 1 / BARS, edgecolor=COLOURS[0], facecolor=MAP(0.8))
        for bar, centre in zip(bars, centres, strict=True):
            if not CLOSED < centre < OPEN:
                bar.set_hatch(HATCHES[1])
        closed, opened = saturation(values)
        axes.set_title(f"{name} gate\n{closed:.0%} closed, {opened:.0%} open", fontsize="medium")
        axes.set_xlabel("value")
        axes.set_xlim(0, 1)
    every_axes[0].set_ylabel("share of values")
    set_title(figure, title)
    return figure
