"""How repeated measurements are printed."""

import statistics
from collections.abc import Sequence


def spread(values: Sequence[float], digits: int) -> str:
    """The median, and the range it was taken from."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"
