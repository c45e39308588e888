"""Penalties: without them a search prefers short outputs, and outputs that skip source words.

Wu et al. 2016 (GNMT), https://arxiv.org/abs/1609.08144, eq. 14.
"""

from typing import Any

from keras import ops

LEAST_ATTENTION = 1e-6  # keeps the logarithm finite where nothing was attended


def length_penalty(length: Any, alpha: float) -> Any:
    """What a log-probability is divided by: ((5 + length) / 6) ** alpha.

    `length` counts EOS; alpha 0 gives 1.
    """
    return ops.power((5.0 + ops.cast(length, "float32")) / 6.0, alpha)


def coverage_penalty(attended: Any, mask: Any, beta: float) -> Any:
    """What is added to a score: beta * sum over source positions of log(min(attended, 1)).

    Args:
        attended: (..., S) attention that each source position got, summed over output tokens.
        mask: (..., S) bool, False at padding.
        beta: 0 gives 0.
    """
    logs = ops.log(ops.clip(attended, LEAST_ATTENTION, 1.0))
    return beta * ops.sum(ops.where(mask, logs, 0.0), axis=-1)
