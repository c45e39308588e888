"""What a network would also have written: for each token of an output, the runners-up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Alternatives:
    """For T tokens, the C likeliest at each place, likeliest first."""

    ids: np.ndarray  # (T, C)
    probabilities: np.ndarray  # (T, C)
    written: np.ndarray  # (T,) the probability of the token that was written
    ranks: np.ndarray  # (T,) how many tokens were likelier than it


def alternatives(log_probs: np.ndarray, written_ids: Sequence[int], count: int) -> Alternatives:
    """The likeliest tokens, the written one among them where it is likely enough.

    Args:
        log_probs: (T, V) in nats.
        written_ids: (T,).
        count: C; where the vocabulary is smaller, its size.

    Raises:
        ValueError: lengths that differ, an id that does not exist, or a count below 1.
    """
    steps, vocabulary = log_probs.shape
    written = np.asarray(written_ids, int)
    if len(written) != steps or count < 1:
        raise ValueError(f"{len(written)} tokens, log-probabilities of {steps}, {count} wanted")
    if steps and not (0 <= written.min() and written.max() < vocabulary):
        raise ValueError(f"ids from {written.min()} to {written.max()}, vocabulary {vocabulary}")
    ids = np.argsort(-log_probs, axis=1, kind="stable")[:, :count]
    own = np.take_along_axis(log_probs, written[:, None], axis=1)
    return Alternatives(
        ids=ids,
        probabilities=np.exp(np.take_along_axis(log_probs, ids, axis=1)),
        written=np.exp(own[:, 0]),
        ranks=(log_probs > own).sum(axis=1),
    )
