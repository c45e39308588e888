"""The Transformer encoder is what its papers write: equal to an independent one in NumPy."""

from dataclasses import replace

import numpy as np
import pytest
from plain_network import softmax, values

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.transformer import TransformerEncoder

CONFIG = ModelConfig(
    encoder="transformer", bridge="dense", embedding_size=6, units=8, encoder_layers=2,
    encoder_heads=2, feed_forward=10,
)  # fmt: skip


def positions(length, units):
    """Section 3.5; the sines first, then the cosines."""
    angles = np.arange(length)[:, None] / 10_000 ** (2 * np.arange(units // 2) / units)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def norm(layer, x):
    w = values(layer)
    centred = x - x.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + 1e-6)
    return centred / spread * w["gamma"] + w["beta"]


def dense(layer, x):
    w = values(layer)
    return x @ w["kernel"] + w["bias"]


def attention(layer, x):
    """Sections 3.2.1 and 3.2.2."""
    w = {weight.path.split("/", 2)[-1]: np.array(weight, np.float64) for weight in layer.weights}
    w = {"/".join(name.split("/")[-2:]): value for name, value in w.items()}
    found = w["attention_output/bias"]
    for head in range(CONFIG.encoder_heads):
        q, k, v = (
            x @ w[f"{name}/kernel"][:, head] + w[f"{name}/bias"][head]
            for name in ("query", "key", "value")
        )
        weights = np.array([softmax(scores) for scores in q @ k.T / np.sqrt(q.shape[1])])
        found = found + weights @ v @ w["attention_output/kernel"][head]
    return found


def encode(layer, vectors):
    """Chen et al. 2018, section 5: what is normalised is read, and added to what was there."""
    x = vectors @ values(layer.widen)["kernel"] + positions(len(vectors), CONFIG.units)
    for n in range(CONFIG.encoder_layers):
        x = x + attention(layer.attentions[n], norm(layer.norms[2 * n], x))
        inner = np.maximum(dense(layer.inner[n], norm(layer.norms[2 * n + 1], x)), 0)
        x = x + dense(layer.outer[n], inner)
    return norm(layer.norms[-1], x)


@pytest.fixture
def layer():
    layer = TransformerEncoder(CONFIG)
    layer.build((None, None, CONFIG.embedding_size))
    random = np.random.default_rng(2)
    layer.set_weights([random.normal(0, 0.4, weight.shape) for weight in layer.weights])
    return layer


def test_the_encoder_equals_its_equations(layer):
    vectors = np.random.default_rng(1).normal(size=(5, 6)).astype("float32")
    found = layer(vectors[None], np.ones((1, 5), bool))[0]
    np.testing.assert_allclose(found, encode(layer, vectors), atol=1e-4)
    # Control: where a word stands matters.
    assert np.abs(encode(layer, vectors[::-1])[::-1] - found).max() > 1e-2


def deviations(layers):
    """Of fresh matrices in the first of so many layers: the last of each branch, and the first."""
    config = replace(CONFIG, units=64, feed_forward=128, encoder_layers=layers)
    layer = TransformerEncoder(config)
    layer.build((None, None, config.embedding_size))
    attention = layer.attentions[0]
    last, first = (attention.output_dense, layer.outer[0]), (attention.query_dense, layer.inner[0])
    return [[float(np.std(each.kernel)) for each in both] for both in (last, first)]


def test_branches_begin_smaller_the_more_of_them_add():
    """Radford et al. 2019, section 2.3: by the root of their number."""
    (few_last, few_first), (many_last, many_first) = deviations(2), deviations(8)
    np.testing.assert_allclose(np.divide(few_last, many_last), 2, rtol=0.1)
    np.testing.assert_allclose(np.divide(few_first, many_first), 1, rtol=0.1)
