"""Steps of the optimizer: what Keras's Adam would do; and what two passes over a batch change."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config.loading import check_settings
from seq2seq.training.train_step import Adam, Optimization, seeded

START = (np.linspace(-2, 2, 6).reshape(2, 3), np.array([3.0]))
SIDES = ("source", "target")
OPTIONS = {"learning_rate": 0.01, "beta_2": 0.98, "epsilon": 1e-8, "global_clipnorm": 1.0}


def trajectory(adam, learning_rates):
    """Weights after some steps down a bowl; the first gradients are long enough to be clipped."""
    weights = [keras.Variable(each, dtype="float32") for each in START]
    adam.build(weights)

    @tf.function
    def step(rate):
        adam.learning_rate.assign(rate)
        adam.apply([tf.identity(2 * each.value) for each in weights], weights)

    for rate in learning_rates:
        step(tf.constant(rate))
    return np.concatenate([np.ravel(each) for each in weights])


def test_steps_are_those_of_keras():
    rates = [0.01 * number for number in range(1, 30)]
    own = trajectory(Adam(**OPTIONS), rates)
    np.testing.assert_allclose(own, trajectory(keras.optimizers.Adam(**OPTIONS), rates), atol=2e-6)


def test_steps_that_decay_are_those_of_adamw():
    options, rates = OPTIONS | {"weight_decay": 0.3}, [0.01 * number for number in range(1, 30)]
    own = trajectory(Adam(**options), rates)
    np.testing.assert_allclose(own, trajectory(keras.optimizers.AdamW(**options), rates), atol=2e-6)
    assert np.abs(own - trajectory(Adam(**OPTIONS), rates)).max() > 1e-3  # control


@pytest.mark.parametrize("changed", [{"beta_2": 0.999}, {"epsilon": 0.1}, {"beta_1": 0.8}])
def test_control_other_moments_are_other_steps(changed):
    rates = [0.01 * number for number in range(1, 30)]
    own = trajectory(Adam(**(OPTIONS | changed)), rates)
    other = trajectory(keras.optimizers.Adam(**OPTIONS), rates)
    assert np.abs(own - other).max() > 1e-3


def small_network(dropout=0.0, model=None, **training):
    """A small network in training."""
    files = {f"{split}_{side}": side for split in ("train", "validation") for side in SIDES}
    settings = {"units": 8, "embedding_size": 8, "dropout": dropout} | (model or {})
    sections = {"data": files, "model": settings, "training": {"averaging": 0.0, **training}}
    with seeded(3):
        return Optimization(check_settings(sections, "test settings"), 270)


def step(optimization):
    """Takes one; returns loss and tokens."""
    draw = np.random.default_rng(5)
    ids = draw.integers(4, 270, (3, 4, 6)).astype("int32")
    ids[:, 2, 3:] = 0
    return optimization.step(tuple(map(tf.constant, ids)), 0.1)


def after_a_step(consistency, dropout):
    """Loss, tokens and weights of a small network after one step."""
    optimization = small_network(dropout, consistency=consistency)
    weights = optimization.translation_weights
    return *step(optimization), np.concatenate([np.ravel(each) for each in weights()])


def test_a_step_takes_its_share_of_matrices_and_leaves_biases():
    plain, decaying = small_network(), small_network(weight_decay=0.5)
    before = decaying.translation_weights()
    for optimization in (plain, decaying):
        step(optimization)
    pairs = zip(plain.translation_weights(), decaying.translation_weights(), strict=True)
    for first, (without, with_decay) in zip(before, pairs, strict=True):
        share = 0.1 * 0.5 if first.ndim > 1 else 0.0
        np.testing.assert_allclose(without - with_decay, share * first, atol=1e-6)
    assert {each.ndim for each in before} == {1, 2}


def test_biases_of_attention_heads_stay_though_they_are_no_vectors():
    heads = {"encoder": "transformer", "encoder_heads": 2, "feed_forward": 8, "bridge": "zero"}
    plain, decaying = (small_network(model=heads, weight_decay=decay) for decay in (0.0, 0.5))
    for optimization in (plain, decaying):
        for weight in optimization._weights:  # biases begin at 0, where nothing fades
            weight.assign(tf.ones_like(weight))
        step(optimization)
    seen = set()
    for without, with_decay in zip(plain._weights, decaying._weights, strict=True):
        faded = not np.allclose(without, with_decay, atol=1e-6)
        assert faded == (without.name in ("kernel", "recurrent_kernel", "embeddings")), without.path
        seen.add((without.name, len(without.shape)))
    assert {("bias", 1), ("bias", 2), ("kernel", 3)} <= seen


def test_averages_are_the_weights_until_there_is_something_to_average():
    """Else a training of a few steps would give the weights that it began with."""
    averaging, plain = small_network(averaging=0.9), small_network()
    for taken in range(1, 10):
        for optimization in (averaging, plain):
            step(optimization)
        pairs = zip(averaging.translation_weights(), plain.translation_weights(), strict=True)
        equal = all(np.array_equal(*pair) for pair in pairs)
        assert equal == (taken < 8)


def test_a_weight_that_is_no_number_is_seen_before_the_averages_have_it():
    optimization = small_network(averaging=0.9)
    for _ in range(8):
        step(optimization)
    assert optimization.is_finite()
    optimization._weights[0].assign(optimization._weights[0] * np.nan)
    assert all(np.isfinite(each).all() for each in optimization.translation_weights())
    assert not optimization.is_finite()


def test_two_passes_that_drop_nothing_are_one():
    """To the bit: the second, which would cost as much as the first, is not made."""
    loss, tokens, weights = after_a_step(5.0, 0.0)
    one_loss, one_tokens, one_weights = after_a_step(0.0, 0.0)
    assert tokens == one_tokens == 21
    assert loss == one_loss
    np.testing.assert_array_equal(weights, one_weights)


def test_two_passes_cost_the_more_the_more_they_differ():
    losses = [after_a_step(each, 0.5)[0] for each in (0.001, 5.0, 50.0)]
    assert losses[0] + 0.01 < losses[1] < losses[2]
