"""What a recurrent layer remembers: the state of some units over time, the gates beneath."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seq2seq.inspection.figures.picture import MAP, label_columns, picture, set_title

UNITS_SHOWN = 8
SIGNED_GATES = ("candidate",)  # a tanh, or without bounds (SSRU); all others are from 0 to 1


def liveliest_units(state: np.ndarray, count: int = UNITS_SHOWN) -> list[int]:
    """The units (of T, U) whose values differ most over time, in their own order."""
    ranges = np.ptp(state, axis=0)
    return sorted(np.argsort(-ranges, kind="stable")[:count].tolist())


def draw_memory(
    state: np.ndarray,
    gates: Mapping[str, np.ndarray],
    subwords: Sequence[str],
    units: Sequence[int] | None = None,
    state_name: str = "cell state",
    title: str = "",
) -> Figure:
    """Heat maps, one above the other: a column a subword, a row a unit.

    Args:
        state: (T, U) c, or h of a kind without c.
        gates: by name, each (T, U); the candidate is drawn from -1 to 1, or to its largest number
            on both sides; others from 0 to 1.
        subwords: the T that were read.
        units: rows to show; those with the liveliest states if left out.
        state_name: what the state is called.
        title: written above.

    Raises:
        ValueError: arrays, subwords and units do not match, or there is nothing to show.
    """
    shapes = {np.shape(each) for each in (state, *gates.values())}
    if shapes != {(len(subwords), state.shape[1])} or not state.size:
        raise ValueError(f"arrays of {sorted(shapes)} for {len(subwords)} subwords")
    chosen = liveliest_units(state) if units is None else list(units)
    if not chosen or not all(0 <= unit < state.shape[1] for unit in chosen):
        raise ValueError(f"units {chosen} of {state.shape[1]}")
    maps = 1 + len(gates)
    figure = picture(len(subwords), 0.6 * len(chosen) * maps, height=1.5 + 0.5 * maps)
    every_axes = figure.subplots(maps, sharex=True, squeeze=False)[:, 0]
    largest = float(np.abs(state[:, chosen]).max()) or 1.0
    _draw(every_axes[0], state[:, chosen], chosen, state_name, (-largest, largest))
    for axes, (name, values) in zip(every_axes[1:], gates.items(), strict=True):
        signed, drawn = name in SIGNED_GATES, values[:, chosen]
        label = name if signed else f"{name} gate"
        bound = max(1.0, float(np.abs(drawn).max()))
        _draw(axes, drawn, chosen, label, (-bound, bound) if signed else (0.0, 1.0))
    label_columns(every_axes[-1], subwords)
    every_axes[-1].set_xlabel("read")
    set_title(figure, title)
    return figure


def _draw(
    axes: Axes, values: np.ndarray, units: Sequence[int], label: str, limits: tuple[float, float]
) -> None:
    low, high = limits
    image = axes.imshow(values.T, cmap=MAP, vmin=low, vmax=high, aspect="auto")
    axes.set_yticks(range(len(units)), [str(unit) for unit in units])
    axes.set_ylabel(f"{label}\n(unit)")
    axes.figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02)
