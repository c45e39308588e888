"""Embedding layers, shared as the settings say."""

import keras

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.products import Tensor


def make_embeddings(
    config: ModelConfig, vocabulary_size: int
) -> tuple[keras.layers.Embedding, keras.layers.Embedding]:
    """The source's and the target's, which may be one."""

    def embedding(name: str) -> keras.layers.Embedding:
        # Small enough for an output layer to share; as an input it is scaled up (`scaled`).
        deviation = config.embedding_size**-0.5
        start = keras.initializers.RandomNormal(stddev=deviation)
        return keras.layers.Embedding(vocabulary_size, config.embedding_size, start, name=name)

    target = embedding("target_embedding")
    shared = config.tied_embeddings in ("source", "all")
    return target if shared else embedding("source_embedding"), target


def embed(
    embedding: keras.layers.Embedding, ids: Tensor, dropout: float, word_dropout: float
) -> Tensor:
    """(B, T) to (B, T, E), with training's noise."""
    vectors = scaled(embedding, ids)
    vectors = keras.layers.Dropout(word_dropout, noise_shape=(None, None, 1))(vectors)
    return keras.layers.Dropout(dropout)(vectors)


def scaled(embedding: keras.layers.Embedding, ids: Tensor) -> Tensor:
    """Embedded ids with values of about unit size (Vaswani et al. 2017, section 3.4)."""
    return keras.layers.Rescaling(embedding.output_dim**0.5)(embedding(ids))
