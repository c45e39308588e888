"""The prepared encoder gives what the drawn one gives."""

import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config.sections import ModelConfig
from seq2seq.models.table_encoder import TableEncoder
from seq2seq.models.translator import build_translator

VOCABULARY = 90


def build(tied="none", layers=1):
    config = ModelConfig(
        embedding_size=12,
        units=16,
        tied_embeddings=tied,
        encoder_layers=layers,
        decoder_layers=layers,
    )
    return build_translator(config, VOCABULARY)


def sentences():
    ids = np.random.default_rng(1).integers(4, VOCABULARY, (3, 7)).astype("int32")
    ids[1, 4:] = 0
    return tf.constant(ids)


def both(translator, encoder):
    memory, keys, states = encoder(sentences())
    drawn = translator.encoder(sentences(), training=False)
    return zip([memory, keys, *states], drawn, strict=True)


@pytest.mark.parametrize("tied, layers", [("none", 1), ("all", 2)])
def test_a_prepared_encoder_equals_the_drawn_encoder(tied, layers):
    translator = build(tied, layers)
    for found, expected in both(translator, TableEncoder(translator.layers, 0, "float32")):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_it_follows_the_weights_once_it_is_refreshed():
    translator = build()
    encoder = TableEncoder(translator.layers, 0, "float32")
    translator.layers.source_embedding.embeddings.assign_add(tf.ones((VOCABULARY, 12)))
    assert any(
        np.abs(found - expected).max() > 1e-3 for found, expected in both(translator, encoder)
    )
    encoder.refresh()
    for found, expected in both(translator, encoder):
        np.testing.assert_allclose(found, expected, atol=1e-6)
