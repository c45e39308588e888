"""The output layer: from a readout vector to a score for every subword of the vocabulary."""

import keras
from keras import ops

from seq2seq.models.loss import cross_entropy
from seq2seq.models.products import Tensor, product, value_of


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

    def losses(self, readout_NR: Tensor, target_ids_N: Tensor, smoothing: float) -> Tensor:
        """Cross-entropy (N,) in nats of each target token; see `cross_entropy`."""
        bias = value_of(self.bias)
        return cross_entropy(readout_NR, self.kernel, bias, target_ids_N, smoothing, self.precision)
