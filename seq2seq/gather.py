"""Elements by index, on each backend: `keras.ops.take` for indices that are never negative.

On TensorFlow, `keras.ops` looks for indices that count from the end, by several small operations
beside each lookup, in every step of a search.
"""

import importlib
from typing import Any

Tensor = Any  # a tensor of whichever backend Keras runs on

# Keras is imported by the functions: its import brings our layers along, which import this.


def gather(values: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    """What stands at the indices of an axis.

    Args:
        values: (..., V, ...) any tensor.
        indices: integers of any shape from 0 to V - 1, which replaces the axis.
        axis: of the values, not negative.
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        return _tensorflow().gather(values, indices, axis=axis)
    return keras.ops.take(values, indices, axis=axis)


def gather_along(values: Tensor, indices: Tensor) -> Tensor:
    """What stands at the indices of the last axis, for each place of the other axes.

    Args:
        values: (..., V) any tensor.
        indices: (..., N) integers from 0 to V - 1; the other axes are those of the values.

    Returns:
        (..., N).
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        return _tensorflow().gather(values, indices, batch_dims=len(values.shape) - 1)
    return keras.ops.take_along_axis(values, indices, axis=-1)


def _tensorflow() -> Any:
    return importlib.import_module("tensorflow")
