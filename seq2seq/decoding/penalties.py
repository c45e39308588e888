"""Length penalty: without it a search prefers short outputs, since every token lowers the sum."""

from typing import Any

from keras import ops


def length_penalty(length: Any, alpha: float) -> Any:
    """What a log-probability is divided by: ((5 + length) / 6) ** alpha.

    Wu et al. 2016 (GNMT), https://arxiv.org/abs/1609.08144, eq. 14. `length` counts EOS; alpha 0
    gives 1.
    """
    return ops.power((5.0 + ops.cast(length, "float32")) / 6.0, alpha)
