"""Gradient norms of each loss equal what small changes of the network's states do to it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config.architecture import ModelConfig
from seq2seq.inspection.gradient_norms import gradient_norms
from seq2seq.inspection.gradients import by_distance, reach
from seq2seq.inspection.trace import RecordedCell, embedded, record
from seq2seq.models.recurrent.cells import CellStep
from seq2seq.models.translator import build_translator
from seq2seq.training.train_step import seeded

UNITS, STEP = 6, 1e-2
SOURCE, TARGET_IN, TARGET_OUT = [5, 9, 4, 3], [2, 8, 6], [8, 6, 3]
KINDS = ("lstm", "peephole_lstm", "layer_norm_lstm", "gru", "simple_rnn")


def network(**settings):
    config = ModelConfig(**{"embedding_size": UNITS, "units": UNITS, "dropout": 0.2, **settings})
    with seeded(2):
        return build_translator(config, 12)


def losses(translator, vectors):
    logits = np.asarray(record(translator.layers, vectors, TARGET_IN).logits, np.float64)
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return -log_probs[range(len(TARGET_OUT)), TARGET_OUT]


def differences(loss_with, size):
    """Norm (T,) of the central differences over `size` numbers; `loss_with(delta)` gives (T,)."""
    slopes = [
        (loss_with(STEP * row) - loss_with(-STEP * row)) / (2 * STEP)
        for row in np.eye(size, dtype="float32")
    ]
    return np.linalg.norm(slopes, axis=0)


@pytest.mark.parametrize("kind", KINDS)
def test_norms_of_source_words_equal_finite_differences(kind):
    translator = network(cell=kind)
    found = gradient_norms(translator, SOURCE, TARGET_IN, TARGET_OUT)
    vectors = np.asarray(embedded(translator.layers, SOURCE))
    np.testing.assert_allclose(found.losses, losses(translator, vectors), atol=1e-5)
    for place in (0, 2):

        def loss_with(delta, place=place):
            moved = vectors.copy()
            moved[0, place] += delta
            return losses(translator, moved)

        expected = differences(loss_with, UNITS)
        np.testing.assert_allclose(found.source[:, place], expected, rtol=0.02, atol=1e-4)
        assert expected.max() > 1e-3  # the control: there is something to compare
    assert np.abs(found.source[:, 0] - found.source[:, 2]).max() > 1e-4


@pytest.mark.parametrize(
    ("kind", "layer", "step", "state"),
    [
        *((kind, "encoder_0_forward", 1, 0) for kind in KINDS),
        ("lstm", "encoder_0_backward", 2, 1),
        ("lstm", "decoder_0", 0, 1),
        ("gru", "decoder_0", 1, 0),
    ],
)
def test_norms_of_states_equal_finite_differences(kind, layer, step, state, monkeypatch):
    translator = network(cell=kind, input_feeding=True)
    found = gradient_norms(translator, SOURCE, TARGET_IN, TARGET_OUT)
    vectors = embedded(translator.layers, SOURCE)
    order = len(SOURCE) - 1 - step if layer.endswith("backward") else step

    def loss_with(delta):
        calls = []

        def moved(recorded, projected, states, operands):
            made = recorded.layer.cell.advance(projected, states, operands)
            if recorded.layer.name == layer:
                calls.append(1)
                if len(calls) - 1 == order and state == 0:
                    made = CellStep([made.states[0] + delta, *made.states[1:]], made.gates)
                elif len(calls) - 1 == order:
                    cell = made.states[1] + delta  # before h is made of it, as in an lstm
                    made = CellStep([made.gates["output"] * np.tanh(cell), cell], made.gates)
            recorded._steps.append(made)
            return made

        monkeypatch.setattr(RecordedCell, "advance", moved)
        return losses(translator, vectors)

    size = UNITS if layer.startswith("decoder") else UNITS // 2
    expected = differences(loss_with, size)
    norms = (found.hidden, found.cell)[state][layer][:, step]
    np.testing.assert_allclose(norms, expected, rtol=0.02, atol=1e-4)
    assert expected.max() > 1e-3


def test_no_loss_has_a_gradient_at_a_later_step_of_the_decoder():
    found = gradient_norms(network(decoder_layers=2), SOURCE, TARGET_IN, TARGET_OUT)
    for norms in (*found.hidden.values(), *found.cell.values()):
        assert (norms >= 0).all()
    for name in ("decoder_0", "decoder_1"):
        assert (found.hidden[name][np.triu_indices(3, 1)] == 0).all()
        assert (found.hidden[name][np.tril_indices(3)] > 0).all()  # the control


def test_some_positions_have_the_norms_that_they_have_among_all():
    translator = network(cell="gru")
    every = gradient_norms(translator, SOURCE, TARGET_IN, TARGET_OUT)
    some = gradient_norms(translator, SOURCE, TARGET_IN, TARGET_OUT, positions=[2, 0])
    assert some.positions == [2, 0] and every.positions == [0, 1, 2]
    np.testing.assert_allclose(some.source, every.source[[2, 0]], rtol=1e-4)
    np.testing.assert_allclose(some.hidden["decoder_0"], every.hidden["decoder_0"][[2, 0]], 1e-4)
    assert every.cell == {}


def copy_batch(random, sentences, length=16):
    """A source of random words and the same words as its target, as the network reads them."""
    words = random.integers(4, 12, (sentences, length)).astype("int32")
    ends, starts = (np.full((sentences, 1), special, "int32") for special in (3, 2))
    return np.hstack([words, ends]), np.hstack([starts, words]), np.hstack([words, ends])


def learnt_reach(kind, steps, seed=1):
    """Steps back over which an encoder that copies learns, by gradients of h."""
    config = ModelConfig(
        cell=kind,
        embedding_size=16,
        units=32,
        bidirectional="none",
        attention="none",
        dropout=0.0,
        tied_embeddings="none",
    )
    with seeded(seed):
        translator = build_translator(config, 12)
    weights = translator.training.trainable_variables
    optimizer = keras.optimizers.Adam(0.005, clipnorm=1.0)
    random = np.random.default_rng(0)

    @tf.function(autograph=False)
    def learn(source, target_in, target_out):
        with tf.GradientTape() as tape:
            logits = translator.training([source, target_in], training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(target_out, logits)
            loss = tf.reduce_mean(losses)
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    for _ in range(steps):
        learn(*map(tf.constant, copy_batch(random, 32)))
    rows = [row[0].tolist() for row in copy_batch(random, 1)]
    norms = gradient_norms(translator, *rows, positions=[0, 5, 10, 15]).hidden["encoder_0"]
    return reach(by_distance(norms, [norms.shape[1] - 1] * 4), share=0.05)


@pytest.mark.long
def test_on_the_copy_task_an_lstm_learns_from_three_times_as_far_back_as_a_simple_rnn():
    assert learnt_reach("lstm", 200) >= 3 * max(1, learnt_reach("simple_rnn", 200))


@pytest.mark.parametrize(
    ("target_in", "positions", "message"),
    [
        ([2, 8], None, "the decoder reads 2 tokens and is to write 3"),
        (TARGET_IN, [3], r"positions \[3\] of a target of 3 tokens"),
        (TARGET_IN, [], r"positions \[\] of a target of 3 tokens"),
    ],
)
def test_what_has_no_loss_is_refused(target_in, positions, message):
    with pytest.raises(ValueError, match=message):
        gradient_norms(network(), SOURCE, target_in, TARGET_OUT, positions)
