"""The prepared decoder step gives what the drawn one gives."""

import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config.sections import ModelConfig
from seq2seq.models.fast_decoder import FastDecoderStep
from seq2seq.models.output import SUPPRESSED_LOGIT
from seq2seq.models.translator import build_translator

VOCABULARY, SENTENCES, WIDTH, LENGTH = 90, 3, 4, 7
NEVER = (0, 1, 2)


def networks():
    for attention in ("none", "dot", "general", "additive"):
        for tied, layers in (("none", 1), ("target", 2), ("all", 1)):
            yield pytest.param(attention, tied, layers, id=f"{attention}-{tied}-{layers}")


def build(attention, tied, layers):
    config = ModelConfig(
        embedding_size=12,
        units=16,
        attention=attention,
        tied_embeddings=tied,
        decoder_layers=layers,
        encoder_layers=layers,
    )
    return build_translator(config, VOCABULARY)


def one_step(translator, step, kernel_ids=None):
    """Logits, states and weights of both steps from the same random start."""
    draw = np.random.default_rng(1)
    source = draw.integers(4, VOCABULARY, (SENTENCES, LENGTH)).astype("int32")
    source[1, 4:] = 0
    source = tf.constant(source)
    mask = tf.not_equal(source, 0)
    memory, keys, *states = translator.encoder(source, training=False)
    states = [
        tf.repeat(state[:, None], WIDTH, axis=1)
        + tf.constant(draw.normal(size=(SENTENCES, WIDTH, 1)).astype("float32"))
        for state in states
    ]
    previous = tf.constant(draw.integers(3, VOCABULARY, (SENTENCES, WIDTH)), tf.int32)
    drawn = translator.decoder_step([previous, memory, keys, mask, *states], training=False)
    kernel, bias = step.vocabulary(kernel_ids)
    products, state, weights = step(previous, states, step.context(memory, keys, mask), kernel)
    return drawn, (products + bias, state, weights)


@pytest.mark.parametrize("attention, tied, layers", list(networks()))
def test_a_prepared_step_equals_the_drawn_step(attention, tied, layers):
    translator = build(attention, tied, layers)
    step = FastDecoderStep(translator.layers, NEVER, "float32")
    (logits, states, weights), (found, found_states, found_weights) = one_step(translator, step)
    written = [i for i in range(VOCABULARY) if i not in NEVER]
    np.testing.assert_allclose(
        found.numpy()[:, :, written], logits.numpy()[:, :, written], atol=1e-5
    )
    np.testing.assert_allclose(found_weights, weights, atol=1e-6)
    for state, expected in zip(found_states, states, strict=True):
        np.testing.assert_allclose(state, expected, atol=1e-6)


def test_what_is_no_output_and_what_fills_the_vocabulary_up_is_never_chosen():
    translator = build("general", "target", 1)
    _, (found, _, _) = one_step(translator, FastDecoderStep(translator.layers, NEVER, "float32"))
    outside = [*NEVER, *range(VOCABULARY, found.shape[-1])]
    assert len(outside) > len(NEVER)
    assert (found.numpy()[:, :, outside] <= SUPPRESSED_LOGIT / 2).all()


def test_a_shortlist_scores_its_ids_as_the_whole_vocabulary_does():
    translator = build("general", "target", 1)
    step = FastDecoderStep(translator.layers, NEVER, "float32")
    ids = tf.constant([3, 70, 5, 41])
    (logits, _, _), (found, _, _) = one_step(translator, step, ids)
    np.testing.assert_allclose(found, tf.gather(logits, ids, axis=2), atol=1e-5)


def test_refresh_takes_new_weights_over_and_without_it_the_old_ones_stay():
    translator = build("general", "target", 1)
    step = FastDecoderStep(translator.layers, NEVER, "float32")
    other = build("general", "target", 1)
    translator.training.set_weights(other.training.get_weights())
    (logits, _, _), (found, _, _) = one_step(translator, step)
    assert abs(found.numpy()[:, :, 3:VOCABULARY] - logits.numpy()[:, :, 3:]).max() > 1e-2
    step.refresh()
    (logits, _, _), (found, _, _) = one_step(translator, step)
    np.testing.assert_allclose(found[:, :, 3:VOCABULARY], logits[:, :, 3:], atol=1e-5)


def test_bfloat16_rounds_and_stays_near():
    translator = build("general", "target", 1)
    exact = FastDecoderStep(translator.layers, NEVER, "float32")
    rounded = FastDecoderStep(translator.layers, NEVER, "bfloat16")
    _, (expected, _, _) = one_step(translator, exact)
    _, (found, _, _) = one_step(translator, rounded)
    difference = abs(found - expected).numpy()[:, :, 3:VOCABULARY].max()
    assert 0 < difference < 0.1
