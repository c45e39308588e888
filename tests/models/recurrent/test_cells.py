"""Every kind of cell against its equations, written plainly in NumPy, a sentence at a time."""

from contextlib import contextmanager

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from mingru_keras import MinGRU

from seq2seq.models.recurrent.cells import EPSILON, ForgetBias, LSTMCell, PeepholeLSTMCell
from seq2seq.models.recurrent.recurrence import CELLS, Recurrence, make_recurrence

UNITS, SIZE = 4, 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def norm(x, gain, bias=0.0):
    return gain * (x - x.mean()) / np.sqrt(((x - x.mean()) ** 2).mean() + EPSILON) + bias


def times(h, kernel, drops):
    """h times a kernel of as many gates as there are dropout masks."""
    parts = np.split(kernel, len(drops), axis=1)
    return np.concatenate([(h * drop) @ part for drop, part in zip(drops, parts, strict=True)])


def lstm(w, x, states, drops):
    h, c = states
    i, f, g, o = np.split(x @ w["kernel"] + times(h, w["recurrent_kernel"], drops) + w["bias"], 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def peephole_lstm(w, x, states, drops):
    h, before = states
    i, f, g, o = np.split(x @ w["kernel"] + times(h, w["recurrent_kernel"], drops) + w["bias"], 4)
    i = sigmoid(i + np.diag(w["input_peephole"]) @ before)
    f = sigmoid(f + np.diag(w["forget_peephole"]) @ before)
    c = f * before + i * np.tanh(g)
    o = sigmoid(o + np.diag(w["output_peephole"]) @ c)
    return [o * np.tanh(c), c]


def layer_norm_lstm(w, x, states, drops):
    h, c = states
    z = norm(times(h, w["recurrent_kernel"], drops), w["recurrent_gain"])
    z = z + norm(x @ w["kernel"], w["input_gain"]) + w["bias"]
    i, f, g, o = np.split(z, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(norm(c, w["cell_gain"], w["cell_bias"])), c]


def gru(w, x, states, drops):
    (h,) = states
    of_x = [x @ kernel + b for kernel, b in zip(*thirds(w, "kernel", "bias"), strict=True)]
    (recurrent,) = thirds(w, "recurrent_kernel")
    z = sigmoid(of_x[0] + (h * drops[0]) @ recurrent[0])
    r = sigmoid(of_x[1] + (h * drops[1]) @ recurrent[1])
    candidate = np.tanh(of_x[2] + (r * (h * drops[2])) @ recurrent[2])
    return [z * h + (1 - z) * candidate]


def thirds(w, *names):
    return [np.split(w[name], 3, axis=-1) for name in names]


def simple_rnn(w, x, states, drops):
    (h,) = states
    return [np.tanh(x @ w["kernel"] + (h * drops[0]) @ w["recurrent_kernel"] + w["bias"])]


def ssru(w, x, states, drops):
    _, c = states
    forget, candidate = np.split(w["kernel"], 2, axis=1)
    f = sigmoid(x @ forget + w["bias"])
    c = f * c + (1 - f) * (x @ candidate)
    return [np.maximum(c, 0), c]


EQUATIONS = {
    "lstm": lstm,
    "peephole_lstm": peephole_lstm,
    "layer_norm_lstm": layer_norm_lstm,
    "gru": gru,
    "simple_rnn": simple_rnn,
    "ssru": ssru,
}
GATES = {"gru": 3, "simple_rnn": 1}  # masks of recurrent dropout; the others have 4
WITH_R = [kind for kind in EQUATIONS if kind != "ssru"]  # recurrent weights, which can be dropped
LSTMS = [kind for kind in WITH_R if kind not in GATES]


def equations(kind, weights, inputs, mask, states, backward=False, drops=None):
    """Outputs (B, T, U), 0 at padding, and the list of last states (B, U)."""
    if drops is None:
        drops = np.ones((GATES.get(kind, 4), len(inputs), UNITS))
    outputs = np.zeros((*inputs.shape[:2], UNITS))
    last = [np.array(state) for state in states]
    for row, real in enumerate(mask):
        now = [state[row] for state in states]
        for step in np.flatnonzero(real)[:: -1 if backward else 1]:
            now = EQUATIONS[kind](weights, inputs[row, step], now, drops[:, row])
            outputs[row, step] = now[0]
        for state, value in zip(last, now, strict=True):
            state[row] = value
    return outputs, last


@contextmanager
def float64():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def example(seed, count, sentences=3, steps=5):
    """Inputs, a mask with padding anywhere, and first states."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(sentences, steps, SIZE))
    mask = random.random((sentences, steps)) < 0.7
    return inputs, mask, [random.normal(size=(sentences, UNITS)) for _ in range(count)]


def layer_of(kind, seed, **options):
    """A float64 layer with random weights, biases and gains too, and these by their names."""
    with float64():
        layer = make_recurrence(kind, UNITS, **options)
        layer.build((None, None, SIZE))
    random = np.random.default_rng(seed)
    weights = {w.name: random.normal(size=w.shape) for w in layer.weights}
    layer.set_weights([weights[w.name] for w in layer.weights])
    return layer, weights


@pytest.mark.parametrize("kind", EQUATIONS)
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 7), backward=st.booleans())
@settings(max_examples=8, deadline=None)
def test_outputs_and_states_equal_the_equations(kind, seed, steps, backward):
    layer, weights = layer_of(kind, seed, backward=backward)
    inputs, mask, states = example(seed, layer.states, steps=steps)
    outputs, last = layer(inputs, mask, states)
    expected, expected_last = equations(kind, weights, inputs, mask, states, backward)
    np.testing.assert_allclose(outputs * mask[..., None], expected, atol=1e-6)
    np.testing.assert_allclose(last, expected_last, atol=1e-6)


def test_the_check_against_the_equations_sees_other_weights_masks_and_states():
    for kind in EQUATIONS:
        layer, weights = layer_of(kind, seed=1)
        inputs, mask, states = example(1, layer.states)
        right, _ = equations(kind, weights, inputs, mask, states)
        for name, weight in weights.items():
            other = {**weights, name: weight + 0.1 * np.arange(weight.size).reshape(weight.shape)}
            wrong, _ = equations(kind, other, inputs, mask, states)
            assert np.abs(wrong - right).max() > 1e-4, (kind, name)
        wrong, _ = equations(kind, weights, inputs, np.ones_like(mask), states)
        assert np.abs((wrong - right) * mask[..., None]).max() > 1e-3
        for number in range(kind == "ssru", len(states)):  # it never reads its h
            moved = [state + 0.1 * (n == number) for n, state in enumerate(states)]
            wrong, _ = equations(kind, weights, inputs, mask, moved)
            assert np.abs(wrong - right).max() > 1e-4, (kind, number)


def float32_layer(kind, backward):
    """A float32 layer with random weights, and these by their names."""
    layer = make_recurrence(kind, UNITS, backward=backward)
    layer.build((None, None, SIZE))
    random = np.random.default_rng(2)
    weights = {w.name: np.float64(np.float32(random.normal(size=w.shape))) for w in layer.weights}
    layer.set_weights([weights[w.name] for w in layer.weights])
    return layer, weights


@pytest.mark.parametrize("kind", EQUATIONS)
@pytest.mark.parametrize("backward", [False, True])
def test_a_float32_layer_equals_the_equations_to_float32(kind, backward):
    layer, weights = float32_layer(kind, backward)
    inputs, mask, states = example(2, layer.states)
    inputs, *states = (each.astype("float32") for each in (inputs, *states))
    outputs, last = layer(inputs, mask, [tf.constant(state) for state in states])
    expected, expected_last = equations(kind, weights, inputs, mask, states, backward)
    # Values below 1 rounded to 2**-24 of that, over 5 steps: about 2e-7 is left of exactness.
    np.testing.assert_allclose(outputs * mask[..., None], expected, atol=1e-6)
    np.testing.assert_allclose(last, expected_last, atol=1e-6)


@pytest.mark.parametrize("kind", EQUATIONS)
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize(("dtype", "training"), [("float64", 1), ("float32", 1), ("float64", 0)])
def test_gradients_equal_finite_differences_of_the_equations(kind, backward, dtype, training):
    if dtype == "float32":
        tolerance = {"rtol": 2e-4, "atol": 1e-4}
        layer, weights = float32_layer(kind, backward)
    else:
        tolerance = {"rtol": 1e-5, "atol": 1e-7}
        layer, weights = layer_of(kind, seed=3, backward=backward)
    inputs, mask, states = example(3, layer.states, sentences=2, steps=4)
    ramp = np.linspace(1, 2, UNITS)  # the loss: outputs and last states times this, summed

    with tf.GradientTape() as tape:
        tensors = [tf.constant(each, dtype) for each in (inputs, *states)]
        tape.watch(tensors)
        outputs, last = layer(tensors[0], mask, tensors[1:], training=bool(training))
        total = sum(tf.reduce_sum(e * ramp) for e in (outputs * mask[..., None], *last))
    gradients = tape.gradient(total, [*tensors, *(weight.value for weight in layer.weights)])

    def loss():
        outputs, last = equations(kind, weights, inputs, mask, states, backward)
        return sum((each * ramp).sum() for each in (outputs, *last))

    arrays = [inputs, *states, *(weights[w.name] for w in layer.weights)]
    for array, gradient in zip(arrays, gradients, strict=True):
        np.testing.assert_allclose(gradient, differences(loss, array), **tolerance)


def differences(loss, array, width=1e-5):
    """The gradient of `loss()` in an array that it reads, by central differences."""
    gradient = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        value = array[place]
        array[place] = value + width
        above = loss()
        array[place] = value - width
        gradient[place] = (above - loss()) / (2 * width)
        array[place] = value
    return gradient


@pytest.mark.parametrize("kind", WITH_R)
def test_recurrent_dropout_is_one_mask_for_all_steps_of_a_sentence(kind):
    layer, weights = layer_of(kind, seed=4, recurrent_dropout=0.5)
    inputs, mask, states = example(4, layer.states)
    draws = keras.random.SeedGenerator(0)
    draws.state.assign(layer.seed_generator.state)
    ones = np.ones((GATES.get(kind, 4), len(inputs), UNITS))
    drops = np.array(keras.random.dropout(ones, 0.5, seed=draws))
    assert set(drops.flat) == {0.0, 2.0}

    outputs, last = layer(inputs, mask, states, training=True)
    expected, expected_last = equations(kind, weights, inputs, mask, states, drops=drops)
    np.testing.assert_allclose(outputs * mask[..., None], expected, atol=1e-6)
    np.testing.assert_allclose(last, expected_last, atol=1e-6)
    # Control: the next batch has other masks.
    again, _ = layer(inputs, mask, states, training=True)
    assert np.abs(again - outputs).max() > 1e-3


@pytest.mark.parametrize("kind", WITH_R)
def test_weight_dropout_is_one_mask_of_the_recurrent_weights_for_a_whole_batch(kind):
    layer, weights = layer_of(kind, seed=4, weight_dropout=0.5)
    inputs, mask, states = example(4, layer.states)
    draws = keras.random.SeedGenerator(0)
    draws.state.assign(layer.seed_generator.state)
    drops = np.concatenate(
        [
            keras.random.dropout(np.ones(each.shape), 0.5, seed=draws)
            for each in layer.cell.recurrent_matrices().values()
        ],
        axis=1,
    )
    assert set(drops.flat) == {0.0, 2.0}

    with tf.GradientTape() as tape:
        outputs, last = layer(inputs, mask, states, training=True)
        total = tf.reduce_sum(outputs)
    masked = weights | {"recurrent_kernel": weights["recurrent_kernel"] * drops}
    expected, expected_last = equations(kind, masked, inputs, mask, states)
    np.testing.assert_allclose(outputs * mask[..., None], expected, atol=1e-6)
    np.testing.assert_allclose(last, expected_last, atol=1e-6)
    gradient = tape.gradient(total, layer.cell.recurrent_kernel.value).numpy()
    assert not gradient[drops == 0].any()
    assert np.mean(gradient[drops != 0] != 0) > 0.8
    # Control: the next batch has another mask.
    again, _ = layer(inputs, mask, states, training=True)
    assert np.abs(again - outputs).max() > 1e-3


@pytest.mark.parametrize("kind", LSTMS)
@pytest.mark.parametrize("recurrent_dropout", [0.0, 0.1])
def test_the_forget_gate_starts_as_open_as_it_is_told_to(kind, recurrent_dropout):
    def bias(**options):
        layer = make_recurrence(kind, 2, recurrent_dropout=recurrent_dropout, **options)
        layer.build((None, None, SIZE))
        return next(w for w in layer.weights if w.name == "bias").numpy().tolist()

    assert bias(forget_bias=-2.5) == [0, 0, -2.5, -2.5, 0, 0, 0, 0]
    assert bias() == [0, 0, 1, 1, 0, 0, 0, 0]


def test_the_forget_gate_of_a_unit_with_no_other_starts_as_it_is_told_to():
    layer = make_recurrence("ssru", 2, forget_bias=-2.5)
    layer.build((None, None, SIZE))
    assert [w.numpy().tolist() for w in layer.weights if w.name == "bias"] == [[-2.5, -2.5]]


def test_an_input_gated_cell_is_the_mingru_of_its_own_package_below_a_rectifier():
    """Feng et al. 2024, summed by a parallel scan where the cell here goes step by step."""
    layer, weights = layer_of("ssru", seed=7)
    inputs, _, _ = example(7, layer.states, steps=9)
    forget, candidate = np.split(weights["kernel"], 2, axis=1)
    with float64():
        peer = MinGRU(UNITS)
        peer.build(inputs.shape)
    # Its gate is 1 - f, and sigmoid(-x) is 1 - sigmoid(x).
    peer.gate.set_weights([-forget, -weights["bias"]])
    peer.candidate.set_weights([candidate, np.zeros(UNITS)])
    found = np.array(peer(inputs))
    outputs, (_, last) = layer(inputs, np.ones(inputs.shape[:2], bool))
    np.testing.assert_allclose(outputs, np.maximum(found, 0), atol=1e-6)
    np.testing.assert_allclose(last, found[:, -1], atol=1e-6)
    # Control: a gate the other way round is another unit.
    peer.gate.set_weights([forget, weights["bias"]])
    assert np.abs(np.maximum(peer(inputs), 0) - outputs).max() > 1e-2


def test_a_fresh_peephole_cell_is_a_plain_lstm():
    inputs, mask, states = example(5, 2)
    plain = Recurrence(LSTMCell(UNITS, dtype="float64"), dtype="float64")
    peepholes = Recurrence(PeepholeLSTMCell(UNITS, dtype="float64"), dtype="float64")
    expected, _ = plain(inputs, mask, states)
    peepholes.build(inputs.shape)
    fresh = peepholes.get_weights()
    peepholes.set_weights([*plain.get_weights(), *fresh[3:]])
    np.testing.assert_allclose(peepholes(inputs, mask, states)[0], expected, atol=1e-12)
    # Control: opened, the peepholes show.
    peepholes.set_weights([*plain.get_weights(), *(each + 1 for each in fresh[3:])])
    assert np.abs(peepholes(inputs, mask, states)[0] - expected).max() > 1e-3


def test_layer_norm_makes_the_outputs_independent_of_the_kernels_scale():
    layer, weights = layer_of("layer_norm_lstm", seed=6)
    inputs, mask, states = example(6, 2)
    outputs, _ = layer(inputs, mask, states)
    weights["kernel"] *= 50
    layer.set_weights([weights[w.name] for w in layer.weights])
    np.testing.assert_allclose(layer(inputs, mask, states)[0], outputs, atol=1e-4)
    # Control: the gain's scale does matter.
    weights["input_gain"] *= 2
    layer.set_weights([weights[w.name] for w in layer.weights])
    assert np.abs(layer(inputs, mask, states)[0] - outputs).max() > 1e-2


@pytest.mark.parametrize("cell", CELLS.values())
def test_a_cell_comes_back_from_its_config_and_refuses_what_it_would_ignore(cell):
    made = cell(UNITS, 0.5, 0.3, name="one", dtype="float64")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
    assert type(again) is cell
    kept = (again.units, again.initial_gain, again.forget_bias, again.name)
    assert (*kept, again.compute_dtype) == (UNITS, 0.5, 0.3, "one", "float64")
    with pytest.raises(ValueError, match="Unrecognized keyword arguments .*activation"):
        cell(UNITS, activation="relu")


def test_a_forget_bias_comes_back_from_its_config():
    again = keras.initializers.deserialize(keras.initializers.serialize(ForgetBias(3.0)))
    assert np.array(again((4,))).tolist() == [0, 3, 0, 0]
