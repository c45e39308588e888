"""A trace shows what the network computes, for every kind of cell and every wiring."""

import itertools

import numpy as np
import pytest

from seq2seq.config.architecture import ModelConfig
from seq2seq.inspection.trace import RecordedCell, trace
from seq2seq.models.recurrent.recurrence import make_recurrence
from seq2seq.models.translator import build_translator

VOCABULARY, UNITS, SIZE = 20, 8, 5
SOURCE, TARGET = [5, 9, 4, 7, 3], [2, 8, 6, 11]  # EOS is 3, BOS is 2
LSTM_GATES = {"input", "forget", "candidate", "output"}
GATES = {
    "lstm": LSTM_GATES,
    "peephole_lstm": LSTM_GATES,
    "layer_norm_lstm": LSTM_GATES,
    "gru": {"update", "reset", "candidate"},
    "simple_rnn": set(),
    "ssru": {"forget", "candidate"},
}
SMALL = {"embedding_size": UNITS, "units": UNITS, "heads": 2, "encoder_heads": 2}
WIRINGS = {
    "plain": {},
    "stacked, residual": {"encoder_layers": 3, "decoder_layers": 2, "residual_from": 2},
    "first both ways": {"bidirectional": "first", "encoder_layers": 2, "directions": "half"},
    "reversed": {"bidirectional": "none", "reverse_source": True, "attention": "none"},
    "fed": {"input_feeding": True, "readout": "maxout", "attention": "additive"},
    "before the cell": {"attention_reads": "before", "bridge": "dense", "directions": "full"},
    "bottom": {"attention_reads": "bottom", "decoder_layers": 2, "attention": "multi_head"},
    "convolutional": {"encoder": "convolutional"},
    "transformer": {"encoder": "transformer", "bridge": "dense", "feed_forward": 6},
}

each_kind = pytest.mark.parametrize("kind", GATES)
each_layer = pytest.mark.parametrize(
    ("kind", "dropout"), [*((kind, 0.0) for kind in GATES), ("lstm", 0.5)]
)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def normed(values, gain, bias=0.0):
    centred = values - values.mean()
    return centred / np.sqrt((centred**2).mean() + 1e-5) * gain + bias


def numpy_lstm(kind, weights, inputs):
    """Gates and states of every step in float64, one number after the other."""
    kernel, recurrent, bias, *rest = (np.asarray(each, np.float64) for each in weights)
    hidden, cell = np.zeros(UNITS), np.zeros(UNITS)
    found = []
    for row in inputs.astype(np.float64):
        if kind == "layer_norm_lstm":
            z = normed(row @ kernel, rest[0]) + normed(hidden @ recurrent, rest[1]) + bias
        else:
            z = row @ kernel + hidden @ recurrent + bias
        i, f, g, o = z.reshape(4, UNITS)
        peepholes = rest if kind == "peephole_lstm" else np.zeros((3, UNITS))
        i, f, g = sigmoid(i + peepholes[0] * cell), sigmoid(f + peepholes[1] * cell), np.tanh(g)
        cell = f * cell + i * g
        o = sigmoid(o + peepholes[2] * cell)
        shown = normed(cell, rest[2], rest[3]) if kind == "layer_norm_lstm" else cell
        hidden = o * np.tanh(shown)
        found.append({"input": i, "forget": f, "candidate": g, "output": o, "c": cell, "h": hidden})
    return found


def numpy_gru(weights, inputs):
    kernel, recurrent, bias = (np.asarray(each, np.float64) for each in weights)
    (k_z, k_r, k_h), (r_z, r_r, r_h) = (np.split(each, 3, axis=1) for each in (kernel, recurrent))
    b_z, b_r, b_h = np.split(bias.reshape(-1), 3)
    hidden, found = np.zeros(UNITS), []
    for row in inputs.astype(np.float64):
        z = sigmoid(row @ k_z + hidden @ r_z + b_z)
        r = sigmoid(row @ k_r + hidden @ r_r + b_r)
        g = np.tanh(row @ k_h + (r * hidden) @ r_h + b_h)
        hidden = z * hidden + (1 - z) * g
        found.append({"update": z, "reset": r, "candidate": g, "h": hidden})
    return found


def numpy_rnn(weights, inputs):
    kernel, recurrent, bias = (np.asarray(each, np.float64) for each in weights)
    hidden, found = np.zeros(UNITS), []
    for row in inputs.astype(np.float64):
        hidden = np.tanh(row @ kernel + hidden @ recurrent + bias)
        found.append({"h": hidden})
    return found


def numpy_ssru(weights, inputs):
    kernel, bias = (np.asarray(each, np.float64) for each in weights)
    k_f, k_g = np.split(kernel, 2, axis=1)
    cell, found = np.zeros(UNITS), []
    for row in inputs.astype(np.float64):
        f, g = sigmoid(row @ k_f + bias), row @ k_g
        cell = f * cell + (1 - f) * g
        found.append({"forget": f, "candidate": g, "h": np.maximum(cell, 0), "c": cell})
    return found


def in_numpy(kind, weights, inputs):
    if kind in ("gru", "ssru"):
        return (numpy_gru if kind == "gru" else numpy_ssru)(weights, inputs)
    return numpy_rnn(weights, inputs) if kind == "simple_rnn" else numpy_lstm(kind, weights, inputs)


def built(kind, dropout=0.0, backward=False):
    layer = make_recurrence(kind, UNITS, recurrent_dropout=dropout, backward=backward)
    layer.build((None, None, SIZE))
    random = np.random.default_rng(3)
    layer.set_weights([random.normal(0, 0.7, weight.shape) for weight in layer.weights])
    return layer


def sentence(seed=1, steps=6):
    return np.random.default_rng(seed).normal(size=(steps, SIZE)).astype("float32")


@each_layer
@pytest.mark.parametrize("backward", [False, True])
def test_gates_and_states_equal_an_independent_numpy_run(kind, dropout, backward):
    layer, inputs = built(kind, dropout, backward), sentence()
    recorded = RecordedCell(layer)
    recorded.read(inputs[None], None)
    turned = inputs[::-1] if backward else inputs
    expected = in_numpy(kind, layer.get_weights(), turned)
    for step, numbers in zip(recorded.steps, expected[::-1] if backward else expected, strict=True):
        assert step.gates.keys() == GATES[kind]
        for name, values in step.gates.items():
            np.testing.assert_allclose(values[0], numbers[name], atol=1e-5, err_msg=name)
        for state, name in zip(step.states, "hc", strict=False):
            np.testing.assert_allclose(state[0], numbers[name], atol=1e-5, err_msg=name)


@each_kind
def test_other_weights_give_other_gates_and_states(kind):
    """The control of the comparison above."""
    layer, inputs = built(kind), sentence()
    recorded = RecordedCell(layer)
    recorded.read(inputs[None], None)
    wrong = in_numpy(kind, [weight * 1.01 for weight in layer.get_weights()], inputs)
    assert np.abs(recorded.steps[-1].states[0][0] - wrong[-1]["h"]).max() > 1e-4


@each_layer
@pytest.mark.parametrize("backward", [False, True])
def test_recorded_outputs_and_last_states_are_the_layers_own(kind, dropout, backward):
    layer, inputs = built(kind, dropout, backward), sentence(2)[None]
    outputs, states = RecordedCell(layer).read(inputs, None)
    expected, expected_states = layer(inputs, np.ones((1, 6), bool))
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    for state, own in zip(states, expected_states, strict=True):
        np.testing.assert_allclose(state, own, atol=1e-5)


@each_kind
def test_a_layer_in_bfloat16_is_traced_in_bfloat16(kind):
    layer = make_recurrence(kind, UNITS, precision="bfloat16")
    layer.build((None, None, SIZE))
    inputs = sentence()[None]
    own, _ = layer(inputs, np.ones((1, 6), bool))
    np.testing.assert_allclose(RecordedCell(layer).read(inputs, None)[0], own, atol=1e-6)
    layer.precision = "float32"  # the control
    assert np.abs(RecordedCell(layer).read(inputs, None)[0] - own).max() > 1e-5


def network(**settings):
    config = ModelConfig(**{**SMALL, "dropout": 0.3, **settings})
    translator = build_translator(config, VOCABULARY)
    random = np.random.default_rng(5)  # biases too, so that each of them counts
    weights = [random.normal(0, 0.4, weight.shape) for weight in translator.training.weights]
    translator.training.set_weights(weights)
    return translator


def expected_layers(config):
    names = []
    for number in range(0 if config.encoder == "transformer" else config.encoder_layers):
        both = config.reads_both_ways(number)
        endings = ("_forward", "_backward") if both else ("",)
        names += [f"encoder_{number}{ending}" for ending in endings]
    return [*names, *(f"decoder_{number}" for number in range(config.decoder_layers))]


@pytest.mark.parametrize(
    ("wiring", "kind"), list(zip(WIRINGS, itertools.cycle(["lstm", "layer_norm_lstm", "gru"])))
)
def test_a_trace_of_any_wiring_ends_in_the_networks_own_logits(wiring, kind):
    settings = {"cell": kind, "recurrent_dropout": 0.2, **WIRINGS[wiring]}
    if settings.get("readout") or settings.get("attention") == "none":
        settings.setdefault("tied_embeddings", "none")
    translator = network(**settings)
    config = translator.layers.decoder.config
    found = trace(translator, SOURCE, TARGET)
    own = translator.training([np.array([SOURCE]), np.array([TARGET])], training=False)
    np.testing.assert_allclose(found.logits, own[0], atol=1e-5)
    # Control: another source word shows.
    assert np.abs(trace(translator, [6, *SOURCE[1:]], TARGET).logits - own[0]).max() > 1e-4

    assert list(found.layers) == expected_layers(config)
    for name, layer in found.layers.items():
        length = len(TARGET if name.startswith("decoder") else SOURCE)
        units = config.direction_units if name.endswith("ward") else UNITS
        assert layer.gates.keys() == GATES[kind]
        arrays = [layer.hidden, *layer.gates.values()]
        arrays += [] if kind == "gru" else [layer.cell]
        assert {each.shape for each in arrays} == {(length, units)}
        assert kind != "gru" or layer.cell is None
    sums = 0 if config.attention == "none" else 1
    np.testing.assert_allclose(found.attention.sum(axis=-1), np.full(len(TARGET), sums), atol=1e-5)


def test_the_encoders_hidden_states_are_the_memory_that_attention_reads():
    translator = network()
    found = trace(translator, SOURCE, TARGET)
    memory = translator.encoder(np.array([SOURCE]), training=False)[0][0]
    both = [found.layers[f"encoder_0_{way}"].hidden for way in ("forward", "backward")]
    np.testing.assert_allclose(np.concatenate(both, axis=1), memory, atol=1e-5)


def test_arrays_of_a_trace_have_names_of_their_own_and_fit_in_one_file(tmp_path):
    found = trace(network(), SOURCE, TARGET)
    np.savez(tmp_path / "trace.npz", **found.arrays())
    with np.load(tmp_path / "trace.npz") as stored:
        assert set(stored.files) == {"attention", "logits"} | {
            f"{layer}.{array}"
            for layer in ("encoder_0_forward", "encoder_0_backward", "decoder_0")
            for array in (*LSTM_GATES, "hidden", "cell")
        }
        np.testing.assert_array_equal(
            stored["decoder_0.forget"], found.layers["decoder_0"].gates["forget"]
        )


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [([], TARGET, "the source has no ids"), (SOURCE, [], "the target has no ids")],
)
def test_nothing_to_read_is_refused(source, target, message):
    with pytest.raises(ValueError, match=message):
        trace(network(), source, target)
