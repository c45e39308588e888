import itertools

import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config.sections import ModelConfig
from seq2seq.models.translator import build_translator

PAD = 0
VOCABULARY = 300
ATTENTIONS = ("none", "dot", "general", "additive")
SOURCE = np.array([[4, 5, 6, 3], [7, 3, PAD, PAD]])
TARGET_IN = np.array([[2, 9, 8], [2, 5, PAD]])
REAL = TARGET_IN != PAD


def small(**settings):
    config = ModelConfig(**{"embedding_size": 6, "units": 8} | settings)
    return build_translator(config, VOCABULARY, pad_id=PAD)


def logits(translator, source):
    return translator.training([tf.constant(source), tf.constant(TARGET_IN)]).numpy()[REAL]


def stepped_logits(translator, target_in):
    memory, keys, *states = translator.encoder(tf.constant(SOURCE))
    states = [state[:, None] for state in states]
    mask = tf.constant(SOURCE != PAD)
    found = []
    for step in range(target_in.shape[1]):
        previous = tf.constant(target_in[:, step : step + 1])
        inputs = [previous, memory, keys, mask, *states]
        step_logits, states, weights = translator.decoder_step(inputs)
        found.append(step_logits[:, 0].numpy())
    return np.stack(found, axis=1), weights.numpy()


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize(("encoder_layers", "decoder_layers"), [(1, 1), (2, 1), (1, 3), (2, 2)])
def test_one_step_at_a_time_gives_the_training_logits(attention, encoder_layers, decoder_layers):
    translator = small(
        attention=attention, encoder_layers=encoder_layers, decoder_layers=decoder_layers
    )
    whole = logits(translator, SOURCE)
    stepped, _ = stepped_logits(translator, TARGET_IN)
    np.testing.assert_allclose(stepped[REAL], whole, atol=1e-5)
    # Control: fed another token, a step does give other logits.
    other = np.where(TARGET_IN == 9, 10, TARGET_IN)
    assert np.abs(stepped_logits(translator, other)[0][REAL] - whole).max() > 1e-4


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_source_padding_never_changes_logits(attention):
    translator = small(attention=attention, encoder_layers=2)
    before = logits(translator, SOURCE)
    padded = np.pad(SOURCE, ((0, 0), (0, 50)), constant_values=PAD)
    np.testing.assert_allclose(logits(translator, padded), before, atol=1e-6)
    # Control: a real token in place of one padding does change them.
    padded[:, 6] = 9
    assert np.abs(logits(translator, padded) - before).max() > 1e-4


@pytest.mark.parametrize("tied", ["none", "target", "all"])
def test_tied_embeddings_save_the_weights_they_share(tied):
    config = {"embedding_size": 6, "units": 8, "attention": "dot", "tied_embeddings": tied}
    embedding, lstm = (
        VOCABULARY * 6,
        {  # kernel, recurrent kernel, bias; 4 gates
            units: 4 * units * (inputs + units + 1) for units, inputs in ((4, 6), (8, 6))
        },
    )
    readout = 8 if tied == "none" else 6
    expected = {"none": 2, "target": 2, "all": 1}[tied] * embedding
    expected += 2 * lstm[4] + lstm[8] + 16 * readout  # both directions, decoder, tanh layer
    expected += VOCABULARY + (VOCABULARY * 8 if tied == "none" else 0)  # output bias and kernel
    assert small(**config).training.count_params() == expected


def test_all_views_share_one_set_of_weights():
    translator = small()
    weights = {id(weight) for weight in translator.training.weights}
    for view in (translator.readout, translator.encoder, translator.decoder_step):
        assert {id(weight) for weight in view.weights} <= weights


def test_reloaded_weights_give_identical_logits(tmp_path):
    translator, other = small(attention="additive"), small(attention="additive")
    before = logits(translator, SOURCE)
    assert np.abs(logits(other, SOURCE) - before).max() > 1e-4  # control: fresh weights differ
    translator.training.save_weights(tmp_path / "saved.weights.h5")
    other.training.load_weights(tmp_path / "saved.weights.h5")
    np.testing.assert_array_equal(logits(other, SOURCE), before)


def test_attention_of_a_step_covers_the_real_source():
    _, weights = stepped_logits(small(), TARGET_IN)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
    assert (weights[1, 0, 2:] == 0).all()


@pytest.mark.parametrize(("dropout", "word_dropout"), [(0.5, 0.0), (0.0, 0.5)])
def test_dropout_acts_in_training_alone(dropout, word_dropout):
    config = ModelConfig(embedding_size=6, units=8, dropout=dropout)
    translator = build_translator(config, VOCABULARY, word_dropout=word_dropout)
    inputs = [tf.constant(SOURCE), tf.constant(TARGET_IN)]
    calm = [translator.training(inputs, training=False).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*calm)
    noisy = [translator.training(inputs, training=True).numpy() for _ in range(2)]
    assert np.abs(noisy[0] - noisy[1]).max() > 1e-4


def test_hypotheses_side_by_side_step_as_if_alone():
    translator = small()
    memory, keys, *states = translator.encoder(tf.constant(SOURCE))
    mask = tf.constant(SOURCE != PAD)

    def step(previous, width):
        wide = [tf.repeat(state[:, None], width, axis=1) for state in states]
        return translator.decoder_step([tf.constant(previous), memory, keys, mask, *wide])[0]

    together = step([[5, 9, 2], [8, 8, 4]], 3).numpy()
    for row, column in itertools.product(range(2), range(3)):
        previous = [[[5, 9, 2], [8, 8, 4]][n][column : column + 1] for n in range(2)]
        alone = step(previous, 1).numpy()
        np.testing.assert_allclose(together[row, column], alone[row, 0], atol=1e-6)
