"""The output layer: from a readout vector to a score for every subword; as drawn, and prepared.

Shape suffixes: N target tokens, R readout units, V vocabulary.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from seq2seq.gather import gather
from seq2seq.models.loss import cross_entropy
from seq2seq.models.products import Tensor, product, value_of

SUPPRESSED_LOGIT = -1e9  # logit of what is no output; finite, so that it can be summed and rounded
MULTIPLE = 64  # the vocabulary is filled up to one: a search looks at it in blocks


@keras.saving.register_keras_serializable(package="seq2seq")
class Output(keras.layers.Layer):
    """Logits `readout kernel' + bias`; the kernel may be an embedding's (Press and Wolf 2017).

    Args:
        vocabulary_size: V.
        tied: whether the kernel is an embedding's: see `tie`.
        precision: of matrix products, "float32" or "bfloat16".

    Call arguments:
        readout: (..., R).
        kernel: (V, R), the table of the embedding that is tied; its own, if left out.

    Returns:
        Logits (..., V), float32.
    """

    def __init__(
        self,
        vocabulary_size: int,
        tied: bool = False,
        precision: str = "float32",
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.tied = tied
        self.precision = precision

    def build(self, readout_shape: tuple, kernel_shape: tuple | None = None) -> None:
        """The kernel, unless it is tied, and the bias."""
        if not self.tied:
            self.own_kernel = self.add_weight(
                shape=(self.vocabulary_size, readout_shape[-1]), name="kernel"
            )
        self.bias = self.add_weight(shape=(self.vocabulary_size,), initializer="zeros", name="bias")

    def tie(self, embedding: keras.layers.Embedding) -> None:
        """Takes an embedding's weights for the kernel outside of a drawn network too."""
        self._table = lambda: embedding.embeddings  # Keras would take the layer for a part of this

    @property
    def kernel(self) -> Tensor:
        """(V, R)."""
        return value_of(self._table() if self.tied else self.own_kernel)

    def call(self, readout: Tensor, kernel: Tensor | None = None) -> Tensor:
        """See the class."""
        kernel = self.kernel if kernel is None else kernel
        return product(readout, ops.transpose(kernel), self.precision) + self.bias

    def compute_output_shape(self, readout_shape: tuple, *_: tuple) -> tuple:
        """(..., V)."""
        return (*readout_shape[:-1], self.vocabulary_size)

    def get_config(self) -> dict:
        """Constructor arguments."""
        own = {"vocabulary_size": self.vocabulary_size, "tied": self.tied}
        return {**super().get_config(), **own, "precision": self.precision}

    def losses(
        self,
        readout_NR: Tensor,
        target_ids_N: Tensor,
        smoothing: float,
        consistency: float = 0.0,
    ) -> Tensor:
        """What each target token costs, in nats: see `cross_entropy`."""
        weights, how = (self.kernel, value_of(self.bias)), (self.precision, consistency)
        return cross_entropy(readout_NR, *weights, target_ids_N, smoothing, *how)


class OutputKernel:
    """What scores the vocabulary as translation runs it, transposed and rounded once.

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
        kernel = gather(ops.convert_to_tensor(self._output.kernel), ids)
        return [ops.cast(ops.transpose(kernel), self._precision), gather(bias, ids)]

    def _prepare(self) -> list[Tensor]:
        columns = [[0, 0], [0, self._filling]]
        kernel = ops.pad(ops.transpose(self._output.kernel), columns)
        bias = ops.convert_to_tensor(self._output.bias)
        bias = ops.pad(bias, [[0, self._filling]], constant_values=SUPPRESSED_LOGIT)
        written = np.ones(bias.shape, bool)
        written[self._suppressed_ids] = False
        return [ops.cast(kernel, self._precision), ops.where(written, bias, SUPPRESSED_LOGIT)]
