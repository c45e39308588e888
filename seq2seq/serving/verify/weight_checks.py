"""Each weight is stored once: twice doubles the download, the memory and the loading time."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import tensorflow as tf

VARIABLES = "variables/variables"  # prefix of the checkpoint in a SavedModel
SMALL = 1024  # bytes: counters and seeds beside the weights, and too little to tell weights apart
CONSTANT_LIKE = 2  # distinct values: initial biases are alike without being the same weight


def check_weights(directory: Path, parameter_bytes: int | None = None) -> Iterator[str]:
    """Compares the stored variables with each other and with the model's parameters.

    Args:
        directory: the version directory.
        parameter_bytes: size of all parameters as stored; None if it is not known.
    """
    stored = 0
    seen: dict[tuple[object, ...], str] = {}
    try:
        reader = tf.train.load_checkpoint(str(directory / VARIABLES))
        for name, dtype in sorted(reader.get_variable_to_dtype_map().items()):
            if dtype == tf.string:  # the checkpoint's own table of contents
                continue
            values = np.ascontiguousarray(reader.get_tensor(name))
            stored += values.nbytes
            if values.nbytes < SMALL:
                continue
            content = (dtype, values.shape, sha256(values.view(np.uint8).data).digest())
            first = seen.setdefault(content, name)
            if first != name and np.unique(values).size > CONSTANT_LIKE:
                yield (
                    f"{first} and {name} hold the same {values.nbytes} bytes; "
                    "track the tokenizer only, the archive finds the variables by itself"
                )
    except (tf.errors.OpError, ValueError, LookupError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        yield f"{VARIABLES} cannot be read: {reason}; export the model again"
        return
    if parameter_bytes is not None and abs(stored - parameter_bytes) > SMALL:
        remedy = "store each weight once" if stored > parameter_bytes else "keep them as variables"
        yield (
            f"{VARIABLES} holds {stored} bytes, the model's parameters have {parameter_bytes}; "
            f"{remedy}"
        )
