import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.models.loss import cross_entropy


def example(seed, tokens=6, size=4, vocabulary=9):
    random = np.random.default_rng(seed)
    readout = random.normal(size=(tokens, size)).astype(np.float32)
    kernel = random.normal(size=(vocabulary, size)).astype(np.float32)
    bias = random.normal(size=vocabulary).astype(np.float32)
    targets = random.integers(0, vocabulary, tokens).astype(np.int32)
    return [tf.constant(each) for each in (readout, kernel, bias)], tf.constant(targets)


def with_one_hot(readout, kernel, bias, targets, smoothing):
    """The textbook form, with a target distribution spelled out."""
    vocabulary = kernel.shape[0]
    wanted = (1 - smoothing) * tf.one_hot(targets, vocabulary) + smoothing / vocabulary
    log_probabilities = tf.nn.log_softmax(readout @ tf.transpose(kernel) + bias)
    return -tf.reduce_sum(wanted * log_probabilities, axis=-1)


def values_and_gradients(loss, inputs, scale):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        losses = loss()
        total = tf.reduce_sum(losses * scale)
    return [losses, *tape.gradient(total, inputs)]


@given(
    seed=st.integers(0, 10**6),
    tokens=st.integers(1, 12),
    vocabulary=st.integers(2, 30),
    smoothing=st.sampled_from([0.0, 0.1, 0.5]),
)
@settings(max_examples=30, deadline=None)
def test_losses_and_gradients_equal_the_textbook_form(seed, tokens, vocabulary, smoothing):
    inputs, targets = example(seed, tokens, vocabulary=vocabulary)
    scale = tf.range(1.0, tokens + 1)
    ours = values_and_gradients(
        lambda: cross_entropy(*inputs, targets, smoothing, "float32"), inputs, scale
    )
    theirs = values_and_gradients(lambda: with_one_hot(*inputs, targets, smoothing), inputs, scale)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4)


def two_passes(readout, kernel, bias, targets, smoothing, consistency):
    """R-Drop's loss, halved, with both divergences spelled out."""
    losses = tf.split(with_one_hot(readout, kernel, bias, targets, smoothing), 2)
    p, q = tf.split(tf.nn.log_softmax(readout @ tf.transpose(kernel) + bias), 2)
    divergences = [
        tf.reduce_sum(tf.exp(one) * (one - other), axis=-1) for one, other in ((p, q), (q, p))
    ]
    return sum(losses) / 2 + consistency / 4 * sum(divergences)


@given(
    seed=st.integers(0, 10**6),
    tokens=st.integers(1, 8),
    vocabulary=st.integers(2, 30),
    consistency=st.sampled_from([0.5, 5.0]),
)
@settings(max_examples=30, deadline=None)
def test_two_passes_cost_what_they_differ(seed, tokens, vocabulary, consistency):
    inputs, targets = example(seed, 2 * tokens, vocabulary=vocabulary)
    arguments, scale = (targets, 0.1, "float32", consistency), tf.range(1.0, tokens + 1)
    ours = values_and_gradients(lambda: cross_entropy(*inputs, *arguments), inputs, scale)
    theirs = values_and_gradients(
        lambda: two_passes(*inputs, targets, 0.1, consistency), inputs, scale
    )
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3)


def test_a_uniform_guess_costs_the_log_of_the_vocabulary():
    losses = cross_entropy(
        tf.zeros((1, 4)), tf.zeros((8, 4)), tf.zeros(8), tf.constant([5]), 0.0, "float32"
    )
    np.testing.assert_allclose(losses, [np.log(8)], atol=1e-6)


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_far_logits_give_finite_losses(logit):
    kernel = tf.constant([[logit], [0.0]])
    losses = cross_entropy(tf.ones((1, 1)), kernel, tf.zeros(2), tf.constant([0]), 0.0, "float32")
    np.testing.assert_allclose(losses, [max(0.0, -logit)], atol=1e-4)


def test_bfloat16_losses_stay_near_float32():
    inputs, targets = example(seed=1)
    exact = cross_entropy(*inputs, targets, 0.1, "float32")
    narrow = cross_entropy(*inputs, targets, 0.1, "bfloat16")
    assert narrow.dtype == tf.float32
    np.testing.assert_allclose(narrow, exact, atol=0.05)
