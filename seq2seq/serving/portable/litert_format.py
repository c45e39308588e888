"""A search as a LiteRT model of builtin operations, and such a model in the LiteRT interpreter."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter


def write_litert(
    search: tf.types.experimental.GenericFunction, variables: Sequence[tf.Variable], path: Path
) -> None:
    """Writes a search, a function of source_ids (1, S) with any S, as one file.

    Args:
        search: what is written.
        variables: those that it reads.
        path: the file.
    """
    owner = tf.Module()
    owner.variables_read = list(variables)  # what nobody tracks cannot be saved
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [search.get_concrete_function()], owner
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    path.write_bytes(converter.convert())


class LitertSearch:
    """A written search in the LiteRT interpreter."""

    def __init__(self, path: Path) -> None:
        # The runner does not keep the interpreter alive.
        self._interpreter = Interpreter(model_path=str(path))
        self._run = self._interpreter.get_signature_runner()

    def __call__(self, source_ids: np.ndarray) -> Mapping[str, np.ndarray]:
        """See `PortableSearch`; one sentence."""
        return self._run(source_ids=source_ids)
