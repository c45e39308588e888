"""The written gradients of whole networks, beside those that the backend finds by itself.

Outside of training a recurrent loop is one that the backend differentiates (`recurrent_loop`).
"""

import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.recurrent import loop
from seq2seq.models.translator import build_translator
from seq2seq.training.train_step import seeded

VOCABULARY, PAD = 40, 0
SMALL = {"embedding_size": 8, "units": 8, "heads": 2, "dropout": 0.0}
DEEP = {"encoder_layers": 2, "decoder_layers": 2, "residual_from": 2}
FED = {
    "luong": {"bidirectional": "none", "reverse_source": True, "input_feeding": True} | DEEP,
    "fed context": {"attention_reads": "bottom", "input_feeding": True, "bridge": "dense"} | DEEP,
    "bahdanau": {"attention": "additive", "attention_reads": "before", "readout": "maxout"},
    "unfed": {"attention": "additive"} | DEEP,
    "many heads": {"attention": "multi_head_additive", "input_feeding": True},
}
CELLS = ("lstm", "peephole_lstm", "layer_norm_lstm", "gru", "simple_rnn", "ssru")


def both_gradients(settings):
    """Of all weights, by name: as training takes them, and as the backend finds them."""
    draw = np.random.default_rng(3)
    source, target = (draw.integers(4, VOCABULARY, (3, length)) for length in (6, 5))
    source[1, 4:] = target[2, 3:] = PAD
    ids = [source.astype("int32"), target.astype("int32")]
    with seeded(1):
        translator = build_translator(ModelConfig(**SMALL | settings), VOCABULARY, pad_id=PAD)
    weights = translator.training.trainable_variables
    wanted = draw.normal(size=(3, 5, VOCABULARY)) * (target != PAD)[:, :, None]
    found = []
    for training in (True, False):
        with tf.GradientTape() as tape:
            outputs = translator.training(ids, training=training)
            loss = tf.reduce_sum(outputs * wanted.astype("float32"))
        found.append([tf.convert_to_tensor(each) for each in tape.gradient(loss, weights)])
    paths = [weight.path for weight in weights]
    return zip(paths, *found, strict=True)


def assert_equal(settings):
    for name, written, by_backend in both_gradients(settings):
        scale = float(tf.reduce_max(tf.abs(by_backend)))
        assert scale > 0, name
        np.testing.assert_allclose(written, by_backend, atol=2e-5 * scale, err_msg=name)


@pytest.mark.parametrize("wiring", FED)
def test_a_wiring_has_the_gradient_of_its_loop(wiring):
    assert_equal(FED[wiring])


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_has_it_where_the_readout_is_fed_back(cell):
    assert_equal(FED["luong"] | {"cell": cell})


def test_control_a_lost_part_is_seen(monkeypatch):
    """Here what padding passes on to the positions before it."""
    monkeypatch.setattr(loop, "_where", lambda mask, yes, no: yes)
    with pytest.raises(AssertionError):
        assert_equal(FED["luong"])
