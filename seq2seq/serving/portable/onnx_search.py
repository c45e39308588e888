"""A written search in ONNX Runtime; needs neither TensorFlow nor the packages that write one."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime

# Sums of 8-bit products are exact without VNNI too; see `rounded_weights`.
EXACT = ("session.x64quantprecision", "1")
QUIET = 3  # ONNX Runtime's severity of errors; its warnings are about shapes that loops change


class OnnxSearch:
    """A search from the ids of sentences to their outputs.

    Args:
        path: of the model.
        threads: of one call; as many as the process has processors if None.

    Attributes:
        outputs: their names.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        options.add_session_config_entry(*EXACT)
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [each.name for each in self._session.get_inputs()]
        self.outputs = [each.name for each in self._session.get_outputs()]

    def __call__(self, *inputs: np.ndarray) -> Mapping[str, np.ndarray]:
        """See `PortableSearch`."""
        values = self._session.run(self.outputs, dict(zip(self._inputs, inputs, strict=True)))
        return dict(zip(self.outputs, values, strict=True))
