"""The output layer: from a readout vector to a score for every subword of the vocabulary."""

import keras
from keras import ops

from seq2seq.models.loss import cross_entropy
from seq2seq.models.products import Tensor, product, value_of


class Output(keras.layers.Layer):
    """Logits `readout kernel' + bias`; the kernel may be an embedding's (Press and Wolf 2017).

    Args:
        vocabulary_size: V.
        tied: the embedding layer whose weights are the kernel, or None for a kernel of its own.
        precision: of matrix products, "float32" or "bfloat16".

    Call arguments:
        readout: (..., R).

    Returns:
        Logits (..., V), float32.
    """

    def __init__(
        self,
        vocabulary_size: int,
        tied: keras.layers.Embedding | None = None,
        precision: str = "float32",
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.tied = tied
        self.precision = precision

    def build(self, readout_shape: tuple) -> None:
        """The kernel, unless it is tied, and the bias."""
        if self.tied is None:
            self.own_kernel = self.add_weight(
                shape=(self.vocabulary_size, readout_shape[-1]), name="kernel"
            )
        self.bias = self.add_weight(shape=(self.vocabulary_size,), initializer="zeros", name="bias")

    @property
    def kernel(self) -> Tensor:
        """(V, R)."""
        return value_of(self.own_kernel if self.tied is None else self.tied.embeddings)

    def call(self, readout: Tensor) -> Tensor:
        """See the class."""
        return product(readout, ops.transpose(self.kernel), self.precision) + self.bias

    def losses(self, readout_NR: Tensor, target_ids_N: Tensor, smoothing: float) -> Tensor:
        """Cross-entropy (N,) in nats of each target token; see `cross_entropy`."""
        bias = value_of(self.bias)
        return cross_entropy(readout_NR, self.kernel, bias, target_ids_N, smoothing, self.precision)
