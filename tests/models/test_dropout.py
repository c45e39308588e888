"""Dropout acts where the settings say, once, in decoders with feedback as in others."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.recurrent.recurrence import dropped, make_recurrence
from seq2seq.models.translator import build_translator

CELLS = ("lstm", "peephole_lstm", "layer_norm_lstm", "gru", "simple_rnn")
SOURCE = tf.constant([[4, 5, 6, 3], [7, 3, 8, 9]])
TARGET_IN = tf.constant(np.arange(40).reshape(2, 20) % 20 + 4)
LOOPS = ({}, {"input_feeding": True}, {"attention_reads": "before"})


def small(**settings):
    """A network's readouts."""
    config = ModelConfig(**{"embedding_size": 64, "units": 64, "dropout": 0.0} | settings)
    return build_translator(config, 30).readout


def differ(model, training):
    """Whether two calls do."""
    given = [SOURCE, TARGET_IN[:, :6]]
    first, second = (model(given, training=training).numpy() for _ in range(2))
    return np.abs(first - second).max() > 1e-4


@functools.cache
def without_dropout_differ(settings):
    """Whether two calls of a network do that drops nothing."""
    return differ(small(**dict(settings)), training=True)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("dropout", ["recurrent_dropout", "weight_dropout"])
def test_recurrent_dropout_reaches_every_decoder_in_training_alone(cell, loop, dropout):
    settings = {"cell": cell, "encoder": "transformer", "bridge": "dense", **loop}
    model = small(**{dropout: 0.5}, **settings)
    assert differ(model, training=True)
    assert not differ(model, training=False)
    assert not without_dropout_differ(tuple(settings.items()))


def test_weight_dropout_reaches_the_encoder_and_layers_above_the_loop():
    settings = {"attention_reads": "bottom", "decoder_layers": 2, "input_feeding": True}
    config = ModelConfig(embedding_size=8, units=8, dropout=0.0, weight_dropout=0.5, **settings)
    translator = build_translator(config, 30)
    recurrent = [*translator.layers.encoder.recurrent[0], *translator.layers.decoder.recurrent]

    def draws(training):
        before = [layer.seed_generator.state.numpy() for layer in recurrent]
        translator.readout([SOURCE, TARGET_IN], training=training)
        after = [layer.seed_generator.state.numpy() for layer in recurrent]
        return [np.any(old != new) for old, new in zip(before, after, strict=True)]

    assert draws(training=True) == [True] * 4
    assert draws(training=False) == [False] * 4


@pytest.mark.parametrize("cell", CELLS)
def test_steps_of_a_sentence_share_a_mask(cell):
    layer = make_recurrence(cell, 16, recurrent_dropout=0.5)
    layer.build((None, None, 3))
    inputs, states = tf.ones((2, 3)), [tf.ones((2, 16)) for _ in range(layer.states)]
    weights = layer.weights_of_a_step(by_gate=True)
    projected = layer.cell.projected(tf.matmul(inputs, layer.cell.kernel), weights)

    def step(masks):
        found = layer.cell.advance(projected, states, dropped(weights, layer.cell, masks))
        return found.states[0].numpy()

    masks = layer.dropout_masks(states[0])
    first = step(masks)
    np.testing.assert_array_equal(step(masks), first)
    assert np.abs(step(layer.dropout_masks(states[0])) - first).max() > 1e-4
    undropped = layer.step(inputs, states).states[0].numpy()
    assert np.abs(undropped - first).max() > 1e-4


@pytest.mark.parametrize("loop", [{"input_feeding": True}, {}])
@pytest.mark.parametrize("readout", ["tanh", "maxout", "both"])
def test_what_the_output_layer_gets_is_dropped_once(loop, readout):
    tied = "none" if readout == "both" else "target"
    model = small(dropout=0.5, readout=readout, tied_embeddings=tied, decoder_layers=2, **loop)
    dropped = np.mean([np.mean(model([SOURCE, TARGET_IN], training=True) == 0) for _ in range(4)])
    assert dropped == pytest.approx(0.5, abs=0.03)


DEEP = {"decoder_layers": 7, "readout": "top"}


def survivors(model_of, **settings):
    """Share of values that are not 0 in training, behind six residual layers that add nothing."""
    settings = {"bridge": "zero", "tied_embeddings": "none", **settings}
    config = ModelConfig(embedding_size=64, units=64, dropout=0.5, residual_from=2, **settings)
    translator = build_translator(config, 30)
    decoder = translator.layers.decoder.recurrent
    encoder = [layer for both in translator.layers.encoder.recurrent[1:] for layer in both]
    for layer in [*encoder, *decoder[1:]]:
        layer.set_weights([np.zeros(weight.shape) for weight in layer.weights])
    model, inputs = model_of(translator)
    return np.mean([np.mean(model(inputs, training=True) != 0) for _ in range(4)])


def reads(translator):
    return lambda *given, **options: translator.encoder(*given, **options)[0], SOURCE


def writes(translator):
    return translator.readout, [SOURCE, TARGET_IN]


@pytest.mark.parametrize(
    ("settings", "model_of", "share"),
    [
        ({"encoder_layers": 7}, reads, 0.5),
        ({**DEEP, "attention_reads": "bottom"}, writes, 0.25),
        ({**DEEP, "input_feeding": True}, writes, 0.25),
        ({**DEEP, "attention_reads": "bottom", "input_feeding": True}, writes, 0.25),
    ],
    ids=["encoder", "decoder", "feedback", "feedback of the bottom"],
)
def test_what_passes_residual_layers_by_is_not_dropped(settings, model_of, share):
    # The first layer's outputs are dropped once, and once more before the output layer.
    assert survivors(model_of, **settings) == pytest.approx(share, abs=0.04)
