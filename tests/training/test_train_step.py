"""Steps of the optimizer: what Keras's Adam would do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seq2seq.training.train_step import Adam

START = (np.linspace(-2, 2, 6).reshape(2, 3), np.array([3.0]))
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


@pytest.mark.parametrize("changed", [{"beta_2": 0.999}, {"epsilon": 0.1}, {"beta_1": 0.8}])
def test_control_other_moments_are_other_steps(changed):
    rates = [0.01 * number for number in range(1, 30)]
    own = trajectory(Adam(**(OPTIONS | changed)), rates)
    other = trajectory(keras.optimizers.Adam(**OPTIONS), rates)
    assert np.abs(own - other).max() > 1e-3
