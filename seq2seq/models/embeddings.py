"""Embedding layers, shared as the settings say."""

from typing import Any

import keras

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.products import Tensor, value_of


@keras.saving.register_keras_serializable(package="seq2seq")
class Embedding(keras.layers.Embedding):
    """`keras.layers.Embedding` that also gives its table, for an output layer to share.

    So the sharing is part of the drawn network, and a copy of it shares its own table.

    Call arguments:
        inputs: ids; with `table` anything, which is not looked at.
        table: whether to give the table (V, E) in place of the ids' vectors.
    """

    def call(self, inputs: Tensor, table: bool = False) -> Tensor:
        """See the class."""
        return value_of(self.embeddings) if table else super().call(inputs)

    def compute_output_spec(self, inputs: Tensor, table: bool = False) -> Any:
        """Shape of what `call` returns."""
        shape = (self.input_dim, self.output_dim) if table else (*inputs.shape, self.output_dim)
        return keras.KerasTensor(shape, self.compute_dtype)


def make_embeddings(config: ModelConfig, vocabulary_size: int) -> tuple[Embedding, Embedding]:
    """The source's and the target's, which may be one."""

    def embedding(name: str) -> Embedding:
        # Small enough for an output layer to share; as an input it is scaled up (`scaled`).
        deviation = config.embedding_size**-0.5
        start = keras.initializers.RandomNormal(stddev=deviation)
        return Embedding(vocabulary_size, config.embedding_size, start, name=name)

    target = embedding("target_embedding")
    shared = config.tied_embeddings in ("source", "all")
    return target if shared else embedding("source_embedding"), target


def embed(embedding: Embedding, ids: Tensor, dropout: float, word_dropout: float) -> Tensor:
    """(B, T) to (B, T, E), with training's noise."""
    vectors = scaled(embedding, ids)
    vectors = keras.layers.Dropout(word_dropout, noise_shape=(None, None, 1))(vectors)
    return keras.layers.Dropout(dropout)(vectors)


def scaled(embedding: Embedding, ids: Tensor) -> Tensor:
    """Embedded ids with values of about unit size (Vaswani et al. 2017, section 3.4)."""
    return keras.layers.Rescaling(embedding.output_dim**0.5)(embedding(ids))
