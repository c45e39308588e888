"""The pictures of an inspected sentence, each by the name of its file."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from seq2seq.inspection.figures.attention import draw_attention, draw_source_gradients
from seq2seq.inspection.figures.curves import draw_gradient_flow
from seq2seq.inspection.figures.memory import SIGNED_GATES, draw_memory
from seq2seq.inspection.figures.saturation import draw_saturation
from seq2seq.inspection.gradients import by_distance
from seq2seq.inspection.sentence import Inspection

# What gradients of each side are shown as, see `gradient_curves`.
SIDES = {"encoder": "gradient norm", "decoder": "share of the gradient at the loss's own step"}
START = "<s>"  # what the decoder reads first, as SentencePiece writes it


@dataclass(frozen=True)
class NamedFigure:
    """A picture, what its file is called, and what it shows."""

    name: str
    caption: str
    figure: Figure


def sentence_figures(inspection: Inspection) -> Iterator[NamedFigure]:
    """Attention, source gradients, a memory map for each layer, gates and gradient flow.

    What a network does not have is left out: attention, or gates.
    """
    if inspection.has_attention:
        yield NamedFigure(
            "attention",
            "Where each subword looked: bright is much attention.",
            attention_figure(inspection),
        )
    yield NamedFigure(
        "source_gradients",
        "Which source vectors the loss of each subword depends on: bright is a row's largest norm.",
        source_gradients_figure(inspection),
    )
    for layer, traced in inspection.trace.layers.items():
        kept = "hidden state" if traced.cell is None else "cell state"
        caption = f"{layer}: the {kept} of its liveliest units. Bright is positive, dark negative."
        if traced.gates:
            caption = (
                f"{layer}: the {kept} of its liveliest units, and the gates that made it. Bright "
                "is positive or open, dark is negative or closed."
            )
        yield NamedFigure(f"memory_{layer}", caption, memory_figure(inspection, layer))
    for side in SIDES:
        gates = _gates(inspection, side)
        if gates:
            title = f"gates of the {side}"
            caption = f"How often the {side}'s gates are all but closed, or all but open (hatched)."
            yield NamedFigure(f"gates_{side}", caption, draw_saturation(gates, title))
    for side in SIDES:
        curves = gradient_curves(inspection, side)
        if curves:
            title = f"gradient flow, {side}"
            caption = f"How far back the losses reach in the {side}: the flatter, the farther."
            figure = draw_gradient_flow(curves, title, SIDES[side])
            yield NamedFigure(f"gradient_flow_{side}", caption, figure)


def attention_figure(inspection: Inspection) -> Figure:
    """The attention of the translation."""
    return draw_attention(
        inspection.trace.attention,
        inspection.source_subwords,
        inspection.target_subwords,
        inspection.translation,
    )


def source_gradients_figure(inspection: Inspection) -> Figure:
    """Norms of the gradients with respect to the source's vectors."""
    norms = inspection.gradients
    written = [inspection.target_subwords[position] for position in norms.positions]
    return draw_source_gradients(
        norms.source, inspection.source_subwords, written, inspection.translation
    )


def memory_figure(inspection: Inspection, layer: str, units: list[int] | None = None) -> Figure:
    """State and gates of one layer; of its liveliest units, or of some.

    Raises:
        ValueError: there is no such layer or unit.
    """
    if layer not in inspection.trace.layers:
        raise ValueError(f"no layer {layer!r}; there are {', '.join(inspection.trace.layers)}")
    traced = inspection.trace.layers[layer]
    state = traced.hidden if traced.cell is None else traced.cell
    name = "hidden state" if traced.cell is None else "cell state"
    labels = _read_by(inspection, layer, len(state))
    title = f"{layer}, reads from right to left" if layer in inspection.backward else layer
    return draw_memory(state, traced.gates, labels, units, name, title)


def gradient_curves(inspection: Inspection, side: str) -> dict[str, np.ndarray]:
    """By layer of the encoder or decoder: the mean gradient at each number of steps back.

    Norms are with respect to the cell state, or to the hidden state of kinds that have no other.
    In the decoder steps count back from the loss's own, and norms are shares of that there; in the
    encoder steps count from the last one read.
    """
    found = {}
    for layer, hidden in inspection.gradients.hidden.items():
        if not layer.startswith(side):
            continue
        norms = inspection.gradients.cell.get(layer, hidden)
        if side == "decoder":
            ends = list(inspection.gradients.positions)
            # Fewer losses reach farther back: of norms, the large ones would decide the curve.
            own = norms[np.arange(len(norms)), ends][:, None]
            norms = norms / np.where(own > 0, own, 1.0)
        else:
            norms = norms[:, ::-1] if layer in inspection.backward else norms
            ends = [norms.shape[1] - 1] * len(norms)
        found[layer] = by_distance(norms, ends)
    return found


def _gates(inspection: Inspection, side: str) -> dict[str, np.ndarray]:
    """All values of each gate, over layers, steps and units."""
    values: dict[str, list[np.ndarray]] = {}
    for layer, traced in inspection.trace.layers.items():
        for gate, each in traced.gates.items():
            if layer.startswith(side) and gate not in SIGNED_GATES:
                values.setdefault(gate, []).append(each.ravel())
    return {gate: np.concatenate(each) for gate, each in values.items()}


def _read_by(inspection: Inspection, layer: str, steps: int) -> list[str]:
    """What the layer read at each step; numbers where it read segments of several subwords."""
    if layer.startswith("decoder"):
        return [START, *inspection.target_subwords[:-1]]
    if steps == len(inspection.source_subwords):
        return inspection.source_subwords
    return [str(number) for number in range(1, steps + 1)]
