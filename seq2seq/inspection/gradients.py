"""How far back learning reaches: what gradient norms at each step say, as curves and one number."""

from collections.abc import Sequence

import numpy as np

LEAST_SHARE = 0.01  # of the largest norm; what is smaller hardly moves a weight


def by_distance(norms: np.ndarray, ends: Sequence[int]) -> np.ndarray:
    """Mean norm at each number of steps back.

    Args:
        norms: (P, N) of P losses at N steps of time.
        ends: (P,) the step that counts as 0 back for each loss: its own position in the decoder;
            in an encoder the last step read.

    Returns:
        (D,) for 0 to the largest distance that every step from some end on has; each is the mean
        over the losses whose row goes back as far.

    Raises:
        ValueError: the ends do not match the rows, or lie beyond them.
    """
    rows, steps = norms.shape
    if len(ends) != rows or not all(0 <= end < steps for end in ends):
        raise ValueError(f"norms {norms.shape} with ends {list(ends)}")
    return np.array(
        [
            np.mean([norms[row, end - back] for row, end in enumerate(ends) if end >= back])
            for back in range(max(ends, default=-1) + 1)
        ]
    )


def reach(curve: np.ndarray, share: float = LEAST_SHARE) -> int:
    """The farthest step back at which the norm is at least `share` of the curve's largest.

    Args:
        curve: (D,) norms by distance, see `by_distance`.
        share: in (0, 1].

    Raises:
        ValueError: the curve is empty, 0 everywhere or not finite: there is nothing to measure.
    """
    if not len(curve) or not np.isfinite(curve).all() or curve.max() <= 0:
        raise ValueError("a curve without any gradient has no reach")
    return int(np.flatnonzero(curve >= share * curve.max())[-1])
