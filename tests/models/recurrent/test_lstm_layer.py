import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.models.recurrent.recurrence import Recurrence, make_recurrence

UNITS = 5


def lstm(**options):
    return make_recurrence("lstm", UNITS, **options)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def equations(layer, inputs, lengths, hidden, cell):
    """The recurrence as the paper writes it, in float64, a sentence at a time."""
    kernel, recurrent, bias = (weight.astype(np.float64) for weight in layer.get_weights())
    outputs = np.zeros((*inputs.shape[:2], UNITS))
    last = np.zeros((2, len(inputs), UNITS))
    for row, length in enumerate(lengths):
        h, c = hidden[row].astype(np.float64), cell[row].astype(np.float64)
        steps = range(length)[::-1] if layer.backward else range(length)
        for step in steps:
            z = inputs[row, step] @ kernel + h @ recurrent + bias
            i, f, g, o = np.split(z, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            outputs[row, step] = h
        last[:, row] = h, c
    return outputs, last


def example(seed, sentences=4, steps=6, size=3):
    random = np.random.default_rng(seed)
    lengths = random.integers(1, steps + 1, sentences)
    mask = np.arange(steps) < lengths[:, None]
    inputs = random.normal(size=(sentences, steps, size)).astype(np.float32)
    states = [random.normal(size=(sentences, UNITS)).astype(np.float32) for _ in range(2)]
    return inputs, mask, lengths, states


@given(seed=st.integers(0, 10**6), steps=st.integers(1, 9), backward=st.booleans())
@settings(max_examples=15, deadline=None)
def test_outputs_equal_the_equations(seed, steps, backward):
    inputs, mask, lengths, states = example(seed, steps=steps)
    layer = lstm(backward=backward)
    outputs, last = layer(inputs, mask, [tf.constant(state) for state in states])
    expected, expected_last = equations(layer, inputs, lengths, *states)
    np.testing.assert_allclose(outputs * mask[..., None], expected, atol=1e-5)
    np.testing.assert_allclose(last, expected_last, atol=1e-5)


@pytest.mark.parametrize("backward", [False, True])
def test_outputs_and_gradients_equal_those_of_the_keras_layer(backward):
    inputs, mask, _, states = example(seed=3)
    ours = lstm(backward=backward)
    theirs = keras.layers.LSTM(
        UNITS, return_sequences=True, return_state=True, go_backwards=backward, use_cudnn=False
    )
    ours(inputs, mask)
    theirs(inputs)
    theirs.set_weights(ours.get_weights())

    def run(layer, is_ours):
        variables = [tf.constant(inputs), *map(tf.constant, states)]
        weights = [weight.value for weight in layer.trainable_weights]
        with tf.GradientTape() as tape:
            tape.watch(variables)
            if is_ours:
                outputs, (hidden, cell) = layer(variables[0], mask, variables[1:], training=True)
            else:
                outputs, hidden, cell = layer(
                    variables[0], initial_state=variables[1:], mask=tf.constant(mask)
                )
                outputs = tf.reverse(outputs, [1]) if backward else outputs
            real = outputs * tf.cast(mask, tf.float32)[..., None]
            random = np.random.default_rng(0)
            results = [real, hidden, cell]
            loss = sum(tf.reduce_sum(r * random.normal(size=r.shape)) for r in results)
        return [*results, *tape.gradient(loss, [*variables, *weights])]

    for mine, other in zip(run(ours, True), run(theirs, False), strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-5)


def test_a_compiled_call_has_the_gradients_of_an_eager_one():
    inputs, mask, _, _ = example(seed=4)
    layer = lstm()
    layer(inputs, mask)
    weights = [weight.value for weight in layer.trainable_weights]

    def gradients():
        with tf.GradientTape() as tape:
            outputs, _ = layer(inputs, mask, training=True)
            loss = tf.reduce_sum(outputs**2)
        return tape.gradient(loss, weights)

    for eager, compiled in zip(gradients(), tf.function(gradients)(), strict=True):
        np.testing.assert_allclose(eager, compiled, atol=1e-6)


@pytest.mark.parametrize("backward", [False, True])
def test_padding_changes_neither_outputs_nor_states(backward):
    inputs, mask, _, _ = example(seed=5)
    layer = lstm(backward=backward)
    outputs, states = layer(inputs, mask)
    wider = np.pad(inputs, ((0, 0), (0, 50), (0, 0)), constant_values=7.0)
    padded_mask = np.pad(mask, ((0, 0), (0, 50)))
    padded, padded_states = layer(wider, padded_mask)
    np.testing.assert_allclose(padded[:, :6] * mask[..., None], outputs * mask[..., None])
    np.testing.assert_allclose(padded_states, states)
    # Control: read as real steps, the same 50 do change the state.
    _, changed = layer(wider, np.ones_like(padded_mask))
    assert np.abs(changed[0] - states[0]).max() > 1e-3


def test_stepping_gives_the_outputs_of_the_whole_sequence():
    inputs, mask, _, states = example(seed=6)
    layer = lstm()
    whole, _ = layer(inputs, np.ones_like(mask), [tf.constant(state) for state in states])
    state = [tf.constant(state) for state in states]
    for step in range(inputs.shape[1]):
        state = layer.step(tf.constant(inputs[:, step]), state).states
        np.testing.assert_allclose(state[0], whole[:, step], atol=1e-6)


def test_bfloat16_products_stay_near_float32_and_keep_float32_states():
    inputs, mask, _, _ = example(seed=7)
    exact, narrow = lstm(), lstm(precision="bfloat16")
    expected, _ = exact(inputs, mask)
    narrow(inputs, mask)
    narrow.set_weights(exact.get_weights())
    outputs, states = narrow(inputs, mask)
    assert outputs.dtype == states[1].dtype == tf.float32
    difference = np.abs(outputs - expected).max()
    assert 0 < difference < 0.03  # 8 significant bits: other than float32, but not far


def test_the_forget_gate_starts_open():
    layer = lstm()
    layer.build((None, None, 3))
    assert layer.cell.bias.numpy().tolist() == [0.0] * UNITS + [1.0] * UNITS + [0.0] * 2 * UNITS


def test_a_layer_comes_back_from_its_config():
    layer = lstm(backward=True, precision="bfloat16", name="reader")
    again = Recurrence.from_config(layer.get_config())
    assert (again.units, again.backward, again.precision) == (UNITS, True, "bfloat16")
    assert again.name == "reader"
