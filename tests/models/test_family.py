"""Whatever the settings combine is a network: trained, stepped, padded and saved alike.

The product of all parts is too large for every run of the tests, so a sample of it is drawn here,
the same each time; `make test-family` goes through every encoder with every attention, reading
point, input feeding and bridge.
"""

import itertools
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.translator import build_translator
from seq2seq.training.train_step import seeded

VOCABULARY, PAD = 40, 0
SMALL = {"embedding_size": 8, "units": 8, "heads": 2, "encoder_heads": 2, "feed_forward": 12}
PRODUCT = {  # of which every combination is tried by the slow test
    "encoder": (
        {"bidirectional": "all"},
        {"bidirectional": "all", "directions": "full"},
        {"bidirectional": "first", "encoder_layers": 2},
        {
            "bidirectional": "first",
            "directions": "full",
            "encoder_layers": 3,
            "residual_from": 3,
        },
        {"bidirectional": "none"},
        {"bidirectional": "none", "reverse_source": True, "encoder_layers": 2},
        {"encoder_layers": 3, "residual_from": 2},
        {"encoder": "convolutional"},
        {"encoder": "transformer", "encoder_layers": 2},
    ),
    "attention": ("none", "dot", "general", "additive", "multi_head", "multi_head_additive"),
    "attention_reads": ("top", "bottom", "before"),
    "input_feeding": (False, True),
    "bridge": ("copy", "dense", "zero"),
}
DRAWN = {  # beside them
    "cell": ("lstm", "peephole_lstm", "layer_norm_lstm", "gru", "simple_rnn", "ssru"),
    "decoder_layers": (1, 3),
    "readout": ("tanh", "maxout", "top", "both"),
    "tied_embeddings": ("none", "source", "target", "all"),
    "recurrent_dropout": (0.0, 0.2),
}
AXES = PRODUCT | DRAWN


def draw_config(draw, fixed):
    """One that the settings accept, or None if a thousand draws find none.

    Args:
        draw: a source of random numbers.
        fixed: axes and their values; others are drawn.
    """
    for _ in range(1000):
        chosen = {name: draw.choice(values) for name, values in AXES.items()} | fixed
        try:
            rest = {name: value for name, value in chosen.items() if name != "encoder"}
            return chosen, ModelConfig(**SMALL, **rest, **chosen["encoder"], dropout=0.1)
        except ValueError:
            continue
    return None


def combinations():
    """Every combination of `PRODUCT` that the settings accept, each with a draw of the rest."""
    draw = random.Random(7)
    for values in itertools.product(*PRODUCT.values()):
        if found := draw_config(draw, dict(zip(PRODUCT, values, strict=True))):
            yield found[1]


def sample(count):
    """Some, with every value of every axis at least once."""
    draw = random.Random(5)
    wanted = [(name, value) for name, values in AXES.items() for value in values]
    draw.shuffle(wanted)
    found = []
    for name, value in wanted:
        if not any(chosen[name] == value for chosen, _ in found):
            found.append(draw_config(draw, {name: value}))
    assert len(found) <= count, f"{len(found)} draws for every value of every axis"
    found += [draw_config(draw, {}) for _ in range(count - len(found))]
    return [config for _, config in found]


def name_of(config):
    parts = (config.cell, config.encoder, config.attention, config.attention_reads, config.bridge)
    return "-".join([*parts, config.readout, "fed" if config.input_feeding else "plain"])


def batch():
    draw = np.random.default_rng(3)
    source = draw.integers(4, VOCABULARY, (3, 6)).astype("int32")
    target = draw.integers(4, VOCABULARY, (3, 5)).astype("int32")
    source[1, 4:] = PAD
    target[2, 3:] = PAD
    return source, target


def stepped(translator, source, target):
    """Logits and attention weights of one position after the other."""
    memory, keys, *state = translator.encoder(source, training=False)
    state, mask = [each[:, None] for each in state], tf.constant(source != PAD)
    logits, looked = [], []
    for step in range(target.shape[1]):
        previous = tf.constant(target[:, step : step + 1])
        each, state, weights = translator.decoder_step(
            [previous, memory, keys, mask, *state], training=False
        )
        logits.append(each)
        looked.append(weights)
    return np.concatenate(logits, axis=1), np.concatenate(looked, axis=1)


def check(config, folder):
    source, target = batch()
    with seeded(1):  # TensorFlow's own seed would reach other tests
        translator = build_translator(config, VOCABULARY, pad_id=PAD)
    weights = translator.training.trainable_variables
    before = [weight.numpy() for weight in weights]
    optimizer = keras.optimizers.Adam(0.01)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(translator.training([source, target], training=True) ** 2)
    gradients = tape.gradient(loss, weights)
    assert all(gradient is not None for gradient in gradients)
    optimizer.apply_gradients(zip(gradients, weights, strict=True))
    assert any((old != new.numpy()).any() for old, new in zip(before, weights, strict=True))

    logits = translator.training([source, target], training=False).numpy()
    one_by_one, looked = stepped(translator, source, target)
    real = target != PAD
    np.testing.assert_allclose(one_by_one[real], logits[real], atol=1e-5)
    if config.attention == "none":
        assert not looked.any()
    else:
        np.testing.assert_allclose(looked.sum(axis=-1), 1, atol=1e-5)
        assert not looked[1, :, 4:].any()

    padded = np.pad(source, [[0, 0], [0, 7]]), np.pad(target, [[0, 0], [0, 4]])
    wide = translator.training(list(padded), training=False).numpy()[:, : target.shape[1]]
    np.testing.assert_allclose(wide[real], logits[real], atol=1e-5)
    alone = translator.training([source[1:2, :4], target[1:2]], training=False).numpy()
    np.testing.assert_allclose(alone[0], logits[1], atol=1e-5)
    other = np.where(source == PAD, 7, source)  # what was padding is read: the control
    assert np.abs(translator.training([other, target], training=False)[1] - logits[1]).max() > 1e-4

    translator.training.save_weights(folder / "saved.weights.h5")
    again = build_translator(config, VOCABULARY, pad_id=PAD)
    assert np.abs(again.training([source, target], training=False) - logits).max() > 1e-3
    again.training.load_weights(folder / "saved.weights.h5")
    np.testing.assert_array_equal(again.training([source, target], training=False), logits)


@pytest.mark.parametrize("config", sample(18), ids=name_of)
def test_a_drawn_combination_trains_steps_ignores_padding_and_comes_back(config, tmp_path):
    check(config, tmp_path)


SHARES = 16  # of the whole, so that processes can share it


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_every_combination_trains_steps_ignores_padding_and_comes_back(share, tmp_path):
    for config in itertools.islice(combinations(), share, None, SHARES):
        check(config, tmp_path)
        keras.backend.clear_session()


TRANSFORMER = {"encoder": "transformer", "bridge": "zero"}
WIDENING = {"bidirectional": "first", "directions": "full", "bridge": "zero"}
UNTIED = {"tied_embeddings": "none"}
VECTORS = {"source_vectors": "a.vec", "target_vectors": "b.vec"}


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"attention": "none", "attention_reads": "bottom"}, "attention_reads: bottom needs"),
        ({"attention": "none", "input_feeding": True}, "input_feeding feeds"),
        ({"attention_reads": "before", "input_feeding": True}, "leave input_feeding out"),
        ({"attention": "dot", "directions": "full", "bridge": "zero"}, "attention: dot compares"),
        ({"attention": "multi_head", "heads": 3}, "heads: 3 does not divide units: 8"),
        ({"encoder": "transformer", "encoder_heads": 3, "bridge": "zero"}, "encoder_heads: 3"),
        ({"encoder": "transformer"}, "bridge: copy needs an encoder with states"),
        ({"directions": "full"}, "bridge: copy needs encoder states of 8 units"),
        ({"reverse_source": True}, "reverse_source is for an encoder that reads one way"),
        ({"readout": "top", "readout_size": 4}, "leave readout_size out"),
        ({"readout": "both", "tied_embeddings": "target"}, "the readout has 16"),
        ({"attention": "none", "readout": "both", "tied_embeddings": "none"}, "readout: both is"),
        ({"attention": "none", "bridge": "zero"}, "bridge: zero without attention"),
        ({"readout": "top", "tied_embeddings": "none"}, "readout: top would drop"),
        ({"cell": "gru", "forget_bias": 2.0}, "forget_bias: cell: gru has no forget gate"),
        ({"cell": "simple_rnn", "forget_bias": 2.0}, "forget_bias: cell: simple_rnn has no forget"),
        ({"cell": "ssru", "recurrent_dropout": 0.1}, "recurrent_dropout: cell: ssru has no recur"),
        ({"cell": "ssru", "weight_dropout": 0.1}, "weight_dropout: cell: ssru has no recurrent"),
        (TRANSFORMER | {"bidirectional": "none", "reverse_source": True}, "reverse_source is for"),
        ({"residual_from": 1}, "residual_from: 1 would add embeddings"),
        (WIDENING | {"encoder_layers": 2, "residual_from": 2}, "2 would add 16 units to 8"),
        (UNTIED | {"readout": "both", "readout_size": 4}, "readout: both has no size of its own"),
        (UNTIED | {"readout": "top", "attention_reads": "bottom"}, "readout: top would drop"),
        ({"tied_embeddings": "all", "readout_size": 4}, "embeddings .8., and the readout has 4"),
        (VECTORS | {"tied_embeddings": "source"}, "has one table for source and target; give"),
        (VECTORS | {"tied_embeddings": "all"}, "has one table for source and target; give"),
    ],
)
def test_a_combination_without_sense_is_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**SMALL | settings)
    ModelConfig(**SMALL)  # what is left makes sense


@pytest.mark.parametrize(
    "settings",
    [
        {"cell": "ssru", "forget_bias": 0.0},
        WIDENING | {"encoder_layers": 2, "residual_from": 3},
        WIDENING | {"residual_from": 2},  # for the decoder; the encoder has one layer
        TRANSFORMER | {"encoder_layers": 2, "residual_from": 2},
        UNTIED | {"readout": "top", "attention_reads": "bottom", "decoder_layers": 2},
        UNTIED | {"readout": "top", "input_feeding": True},
        UNTIED | {"readout_size": 4},
        VECTORS | {"tied_embeddings": "target"},
        VECTORS | {"tied_embeddings": "all", "target_vectors": "a.vec"},
    ],
)
def test_what_is_close_to_a_refused_combination_is_taken(settings):
    ModelConfig(**SMALL | settings)
