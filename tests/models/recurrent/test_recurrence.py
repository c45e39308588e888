import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.models.recurrent import loop
from seq2seq.models.recurrent.backend import scan
from seq2seq.models.recurrent.recurrence import make_recurrence

DROPPED = {"lstm": 2, "peephole_lstm": 2, "layer_norm_lstm": 2, "gru": 1, "simple_rnn": 1}
KINDS = DROPPED | {"ssru": 2}  # it has no recurrent weights, nothing is dropped on the way to them
UNITS, SIZE = 4, 3

each_kind = pytest.mark.parametrize("kind", KINDS)
each_dropped_kind = pytest.mark.parametrize("kind", DROPPED)
each_layer = pytest.mark.parametrize(
    ("kind", "dropout"), [*((kind, 0.0) for kind in KINDS), ("lstm", 0.5), ("gru", 0.5)]
)
both_directions = pytest.mark.parametrize("backward", [False, True])


def example(seed, count, sentences=4, steps=6, size=SIZE, units=UNITS):
    """Inputs, a mask with padding behind, and first states."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(sentences, steps, size)).astype("float32")
    mask = np.arange(steps) < random.integers(1, steps + 1, (sentences, 1))
    states = [random.normal(size=(sentences, units)) for _ in range(count)]
    return inputs, mask, [tf.constant(state, tf.float32) for state in states]


def built(kind, units=UNITS, size=SIZE, **options):
    """A layer whose weights, gains and biases too, are random, and the same for the same sizes."""
    layer = make_recurrence(kind, units, **options)
    layer.build((None, None, size))
    random = np.random.default_rng(units)
    layer.set_weights([random.normal(0, 0.7, weight.shape) for weight in layer.weights])
    return layer


@given(
    kind=st.sampled_from(list(KINDS)),
    shape=st.tuples(*[st.integers(1, 5)] * 4),
    dropout=st.sampled_from([0.0, 0.5]),
    backward=st.booleans(),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=30, deadline=None)
def test_a_call_equals_the_steps_of_each_sentence_alone(kind, shape, dropout, backward, seed):
    sentences, steps, size, units = shape
    if kind == "ssru":
        dropout = 0.0
    layer = built(kind, units, size, backward=backward, recurrent_dropout=dropout)
    inputs, _, states = example(seed, layer.states, *shape)
    mask = np.random.default_rng(seed).random((sentences, steps)) < 0.7  # padding anywhere
    outputs, last = layer(inputs, mask, states)
    for row in range(sentences):
        now = [state[row : row + 1] for state in states]
        for step in range(steps)[:: -1 if backward else 1]:
            if mask[row, step]:
                now = layer.step(inputs[row : row + 1, step], now).states
            # At padding the output is the one read before, the first state where there was none.
            np.testing.assert_allclose(outputs[row, step], now[0][0], atol=1e-5)
        for whole, alone in zip(last, now, strict=True):
            np.testing.assert_allclose(whole[row], alone[0], atol=1e-5)


@each_kind
def test_states_left_out_are_zeros(kind):
    layer = built(kind)
    inputs, mask, states = example(1, layer.states)
    zeros = [tf.zeros_like(state) for state in states]
    outputs, last = layer(inputs, mask)
    for given_zeros, left_out in zip(layer(inputs, mask, zeros)[1], last, strict=True):
        np.testing.assert_array_equal(given_zeros, left_out)
    np.testing.assert_array_equal(layer(inputs, mask, zeros)[0], outputs)
    # Control: other states are seen.
    assert np.abs(layer(inputs, mask, states)[0] - outputs).max() > 1e-2


@each_layer
@both_directions
def test_padding_and_other_sentences_change_neither_outputs_nor_states(kind, dropout, backward):
    layer = built(kind, backward=backward, recurrent_dropout=dropout)
    inputs, mask, _ = example(2, layer.states)
    outputs, last = layer(inputs, mask)
    room = ((1, 2), (3, 6), (0, 0))  # other sentences, and padding before and after
    wider, wider_mask = np.pad(inputs, room, constant_values=7.0), np.pad(mask, room[:2])
    wider_mask[[0, -1]] = True
    padded, padded_last = layer(wider, wider_mask)
    real = mask[..., None]
    np.testing.assert_allclose(padded[1:-2, 3:-6] * real, outputs * real, atol=1e-6)
    for after, before in zip(padded_last, last, strict=True):
        np.testing.assert_allclose(after[1:-2], before, atol=1e-6)
    # Control: read as real steps, the same padding does change outputs and states.
    changed, changed_last = layer(wider, np.ones_like(wider_mask))
    assert np.abs((changed[1:-2, 3:-6] - outputs) * real).max() > 1e-2
    assert np.abs(changed_last[0][1:-2] - last[0]).max() > 1e-2


@each_kind
def test_the_backward_direction_reads_each_sentence_from_its_last_real_token(kind):
    ahead, back = built(kind), built(kind, backward=True)
    inputs, mask, states = example(3, ahead.states)
    outputs, last = back(inputs, mask, states)
    for row, length in enumerate(mask.sum(axis=1)):
        turned = inputs[row : row + 1, :length][:, ::-1]
        first = [state[row : row + 1] for state in states]
        expected, expected_last = ahead(turned, np.ones((1, length), bool), first)
        np.testing.assert_allclose(outputs[row, :length], expected[0][::-1], atol=1e-6)
        np.testing.assert_allclose(last[0][row], expected_last[0][0], atol=1e-6)
    # Control: the forward direction gives something else.
    assert np.abs(ahead(inputs, mask, states)[0] - outputs).max() > 1e-2


@each_layer
def test_a_step_takes_any_number_of_leading_axes(kind, dropout):
    layer = built(kind, recurrent_dropout=dropout)
    random = np.random.default_rng(4)
    numbers = [
        random.normal(size=(2, 5, n)).astype("float32") for n in (SIZE, *KINDS[kind] * [UNITS])
    ]
    states = layer.step(numbers[0], numbers[1:]).states
    for place in np.ndindex(2, 5):
        row = [each[place][None] for each in numbers]
        for state, alone in zip(states, layer.step(row[0], row[1:]).states, strict=True):
            np.testing.assert_allclose(state[place], alone[0], atol=1e-6)


@each_dropped_kind
@pytest.mark.parametrize("dropout", ["recurrent_dropout", "weight_dropout"])
def test_inference_neither_drops_nor_draws(kind, dropout):
    layer, sure = built(kind, **{dropout: 0.5}), built(kind)
    inputs, mask, states = example(5, layer.states)
    before = np.array(layer.seed_generator.state)
    outputs, last = layer(inputs, mask, states)
    step = layer.step(inputs[:, 0], states).states[0]
    np.testing.assert_allclose(outputs, sure(inputs, mask, states)[0], atol=1e-6)
    np.testing.assert_allclose(step, sure.step(inputs[:, 0], states).states[0], atol=1e-6)
    np.testing.assert_array_equal(layer.seed_generator.state, before)
    # Control: training does both, and drops still after a step that was no training.
    dropped, _ = layer(inputs, mask, states, training=True)
    assert np.abs(dropped - outputs).max() > 1e-2
    assert np.any(layer.seed_generator.state != before)


@each_dropped_kind
def test_a_compiled_training_step_draws_new_masks_each_time_and_has_all_gradients(kind):
    layer = built(kind, recurrent_dropout=0.5, weight_dropout=0.5)
    inputs, mask, _ = example(6, layer.states)
    weights = [weight.value for weight in layer.trainable_weights]

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(inputs, mask, training=True)[0] ** 2)
        return tape.gradient(loss, weights)

    for first, second in zip(gradients(), gradients(), strict=True):
        assert np.abs(first - second).max() > 1e-4


@each_layer
def test_a_model_with_both_directions_trains_and_comes_back_from_its_file(kind, dropout, tmp_path):
    inputs, mask = keras.Input((None, SIZE)), keras.Input((None,), dtype="bool")
    states = [keras.Input((UNITS,)) for _ in range(KINDS[kind])]
    ahead, last = make_recurrence(kind, UNITS, recurrent_dropout=dropout)(inputs, mask, states)
    back = make_recurrence(kind, UNITS, backward=True, recurrent_dropout=dropout)
    model = keras.Model([inputs, mask, *states], back(ahead, mask, last)[0])
    numbers = [np.asarray(each) for each in flat(*example(7, KINDS[kind]))]
    before = model.get_weights()
    model.compile("adam", "mse", run_eagerly=True)
    model.train_on_batch(numbers, np.ones((4, 6, UNITS)))
    changed = [np.abs(a - b).max() for a, b in zip(before, model.get_weights(), strict=True)]
    assert min(changed) > 0

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(numbers), model(numbers), atol=1e-6)
    # Control: the same layers without the weights.
    fresh = keras.models.clone_model(model)
    assert np.abs(fresh(numbers) - model(numbers)).max() > 1e-3


def flat(inputs, mask, states):
    return [inputs, mask, *states]


@each_layer
def test_shapes_are_known_before_the_call(kind, dropout):
    layer = make_recurrence(kind, UNITS, recurrent_dropout=dropout, name="reader")
    outputs, states = layer(keras.Input((None, SIZE)), keras.Input((None,), dtype="bool"))
    assert (outputs.shape, layer.name) == ((None, None, UNITS), "reader")
    assert [state.shape for state in states] == [(None, UNITS)] * KINDS[kind]
    assert layer.states == KINDS[kind] and layer.units == UNITS


@each_layer
def test_bfloat16_products_stay_near_float32_and_keep_float32_states(kind, dropout):
    inputs, mask, states = example(8, KINDS[kind])
    exact, _ = built(kind, recurrent_dropout=dropout)(inputs, mask, states)
    layer = built(kind, precision="bfloat16", recurrent_dropout=dropout)
    narrow, last = layer(inputs, mask, states)
    assert {each.dtype for each in (narrow, *last)} == {tf.float32}
    assert 1e-4 < np.abs(narrow - exact).max() < 0.1  # 8 significant bits


@each_kind
def test_bfloat16_gradients_stay_near_float32(kind):
    inputs, mask, states = example(9, KINDS[kind])

    def gradients(precision):
        layer = built(kind, precision=precision)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(inputs, mask, states, training=True)[0] ** 2)
        return tape.gradient(loss, [weight.value for weight in layer.trainable_weights])

    for narrow, exact in zip(gradients("bfloat16"), gradients("float32"), strict=True):
        scale = np.abs(exact).max()
        assert 1e-4 * scale < np.abs(narrow - exact).max() < 0.1 * scale


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "rnn"}, "kind must be one of lstm, .* ssru .got 'rnn'."),
        ({"kind": "lstm", "recurrent_dropout": 1.0}, r"recurrent_dropout must be in .* .got 1.0."),
        ({"kind": "ssru", "weight_dropout": 0.1}, r"ssru has no recurrent product: .* .got 0.1."),
        ({"kind": "gru", "weight_dropout": -0.1}, r"weight_dropout must be in .* .got -0.1."),
        ({"kind": "gru", "forget_bias": 0.0}, "gru has no forget gate: .* .got 0.0."),
    ],
)
def test_what_cannot_be_built_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_recurrence(units=UNITS, **options)


@each_layer
def test_a_gain_says_how_large_input_kernels_begin(kind, dropout):
    options = {"recurrent_dropout": dropout}
    spreads = {}
    for gain in (None, 0.5, 1.83):
        layer = make_recurrence(kind, 64, initial_gain=gain, **options)
        layer.build((None, None, 400))
        (kernel,) = (each for each in layer.weights if each.name == "kernel")
        spreads[gain] = float(np.std(kernel)) * 400**0.5
    assert spreads[0.5] == pytest.approx(0.5, rel=0.05)
    assert spreads[1.83] == pytest.approx(1.83, rel=0.05)
    glorot = (2 / (400 + kernel.shape[1])) ** 0.5 * 400**0.5
    assert spreads[None] == pytest.approx(glorot, rel=0.05)


def test_with_a_gain_the_top_of_a_stack_hears_its_input():
    inputs = np.random.default_rng(1).normal(size=(8, 12, 64)).astype("float32")
    mask = np.ones((8, 12), bool)

    def heard(gain):
        outputs = inputs
        for _ in range(4):
            outputs, _ = make_recurrence("lstm", 64, initial_gain=gain)(outputs, mask)
        return float(np.std(outputs))

    assert heard(1.83) > 0.1
    assert heard(None) < 0.02  # the control: what Glorot's initialisation leaves


@each_kind
def test_training_an_input_gated_cell_multiplies_matrices_before_its_loop_alone(kind):
    layer = built(kind)

    @tf.function(autograph=False)
    def gradients(inputs, mask):
        with tf.GradientTape() as tape:
            outputs, _ = layer(inputs, mask, training=True)
        return tape.gradient(outputs, [weight.value for weight in layer.trainable_weights])

    specs = tf.TensorSpec((None, None, SIZE)), tf.TensorSpec((None, None), tf.bool)
    graph = gradients.get_concrete_function(*specs).graph.as_graph_def()
    loops = [each for each in graph.library.function if "body" in each.signature.name]
    products = [node for each in loops for node in each.node_def if "MatMul" in node.op]
    assert len(loops) == 2 and bool(products) == (kind != "ssru")


@pytest.mark.parametrize("differentiable", [True, False])
def test_a_gradient_outside_of_training_takes_time_proportional_to_the_length(
    differentiable, monkeypatch
):
    """No step has a gradient as large as the sentence; the control reads without copies."""
    if not differentiable:
        monkeypatch.setattr(loop, "scan", lambda *given, **_: scan(*given))
    layer = make_recurrence("lstm", 4)
    layer.build((None, None, 3))

    @tf.function(autograph=False)
    def gradient(inputs, mask):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs, _ = layer(inputs, mask, training=False)
        return tape.gradient(outputs, inputs)

    specs = tf.TensorSpec((None, None, 3)), tf.TensorSpec((None, None), tf.bool)
    graph = gradient.get_concrete_function(*specs).graph.as_graph_def()
    loops = [each for each in graph.library.function if "body" in each.signature.name]
    large = {node.op for each in loops for node in each.node_def} & {"StridedSliceGrad"}
    assert loops and bool(large) != differentiable
