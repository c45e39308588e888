"""Gradients of a sentence's losses: from which words and which steps of time each token learns.

Norms are Euclidean, over units. The network runs a step at a time, see `seq2seq.inspection.trace`,
so that each step's state is a tensor of its own; without training's noise.

Shape suffixes: P losses, S source positions, T target positions, E embedding units, U units.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from seq2seq.inspection.trace import embedded, record
from seq2seq.models.translator import Translator


@dataclass(frozen=True)
class GradientNorms:
    """Norms of the gradients of P losses."""

    positions: list[int]  # target positions whose losses they are
    losses: np.ndarray  # (P,) nats: minus the log-probability of the token there
    source: np.ndarray  # (P, S) with respect to the embedded source, as the encoder reads it
    # By layer, named as in `Trace`: with respect to h, and c, after each step, (P, S) in the
    # encoder and (P, T) in the decoder. All that is made of a state counts, for c also the h of its
    # own step; 0 at steps after the loss's position.
    hidden: dict[str, np.ndarray]
    cell: dict[str, np.ndarray]  # no entry for kinds without c


def gradient_norms(
    translator: Translator,
    source_ids: Sequence[int],
    target_in: Sequence[int],
    target_out: Sequence[int],
    positions: Sequence[int] | None = None,
) -> GradientNorms:
    """Norms for each target position, or for some.

    Args:
        translator: whose losses they are, unsmoothed.
        source_ids: (S,) as the encoder reads them, EOS at the end, no padding.
        target_in: (T,) as the decoder reads them, BOS first.
        target_out: (T,) the token to be predicted at each position, EOS at the end.
        positions: of the losses; all if left out.

    Raises:
        ValueError: nothing to read, targets of two lengths, or no such position.
    """
    length = len(target_out)
    if len(target_in) != length:
        raise ValueError(f"the decoder reads {len(target_in)} tokens and is to write {length}")
    chosen = list(range(length) if positions is None else positions)
    if not chosen or not all(0 <= position < length for position in chosen):
        raise ValueError(f"positions {chosen} of a target of {length} tokens")
    vectors = tf.convert_to_tensor(embedded(translator.layers, source_ids))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(vectors)
        recording = record(translator.layers, vectors, target_in)
        losses_T = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.constant(list(target_out), tf.int32), recording.logits
        )
        losses = [losses_T[position] for position in chosen]
    layers = {name: layer.steps for name, layer in recording.layers.items()}
    hidden = {name: [step.states[0] for step in steps] for name, steps in layers.items()}
    cell = {
        name: [step.states[1] for step in steps]
        for name, steps in layers.items()
        if len(steps[0].states) > 1
    }
    tensors = {"source": vectors, "hidden": hidden, "cell": cell}
    rows = [_norms(tape, loss, tensors) for loss in losses]
    return GradientNorms(
        positions=chosen,
        losses=np.array([float(loss) for loss in losses]),
        source=np.stack([row["source"] for row in rows]),
        hidden={name: np.stack([row["hidden"][name] for row in rows]) for name in hidden},
        cell={name: np.stack([row["cell"][name] for row in rows]) for name in cell},
    )


def _norms(tape: tf.GradientTape, loss: tf.Tensor, tensors: dict) -> dict:
    """The norms at each position of one loss, in the structure of `tensors`."""
    found = tape.gradient(loss, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    both = {
        kind: {
            name: np.array([np.linalg.norm(step) for step in steps]) for name, steps in of.items()
        }
        for kind, of in found.items()
        if kind != "source"
    }
    return {"source": np.linalg.norm(found["source"][0], axis=-1), **both}
