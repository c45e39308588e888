"""The output layer as translation runs it: prepared weights, over the vocabulary or some of it.

Shape suffixes: R readout units, V vocabulary.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from seq2seq.models.output import Output
from seq2seq.models.products import Tensor

SUPPRESSED_LOGIT = -1e9  # logit of what is no output; finite, so that it can be summed and rounded
MULTIPLE = 64  # the vocabulary is filled up to one: a search looks at it in blocks


class OutputKernel:
    """What scores the vocabulary, transposed and rounded once.

    Args:
        output: built and trained.
        suppressed_ids: ids that are no output.
        precision: of matrix products, "float32" or "bfloat16".
        cache_weights: see `FastDecoderStep`.
    """

    def __init__(
        self, output: Output, suppressed_ids: Sequence[int], precision: str, cache_weights: bool
    ) -> None:
        self._output = output
        self._suppressed_ids = list(suppressed_ids)
        self._precision = precision
        self._filling = -output.vocabulary_size % MULTIPLE
        self._weights = self._prepare()
        if cache_weights:
            self._weights = [
                keras.Variable(value, trainable=False, dtype=value.dtype, name=f"output_{name}")
                for name, value in zip(("kernel", "bias"), self._weights, strict=True)
            ]

    def refresh(self) -> None:
        """Takes the layer's weights over as they are now."""
        for variable, value in zip(self._weights, self._prepare(), strict=True):
            variable.assign(value)

    def __call__(self, ids: Tensor | None = None) -> list[Tensor]:
        """What scores the vocabulary, or only `ids` (V'): kernel (R, V'), bias (V')."""
        kernel, bias = (ops.convert_to_tensor(each) for each in self._weights)
        if ids is None:
            return [kernel, bias]
        kernel = ops.take(ops.convert_to_tensor(self._output.kernel), ids, axis=0)
        return [ops.cast(ops.transpose(kernel), self._precision), ops.take(bias, ids)]

    def _prepare(self) -> list[Tensor]:
        columns = [[0, 0], [0, self._filling]]
        kernel = ops.pad(ops.transpose(self._output.kernel), columns)
        bias = ops.convert_to_tensor(self._output.bias)
        bias = ops.pad(bias, [[0, self._filling]], constant_values=SUPPRESSED_LOGIT)
        written = np.ones(bias.shape, bool)
        written[self._suppressed_ids] = False
        return [ops.cast(kernel, self._precision), ops.where(written, bias, SUPPRESSED_LOGIT)]
