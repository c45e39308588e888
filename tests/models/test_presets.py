"""Published networks have the size that their papers imply, counted from the description."""

import keras
import pytest

from seq2seq.config.architecture import ModelConfig
from seq2seq.config.presets import PRESETS, WIDTH_MULTIPLE, WIDTHS, expand_preset
from seq2seq.errors import ConfigError
from seq2seq.models.translator import build_translator
from seq2seq.workflows.network_size import draw_shapes_only

PARTS = (
    "embedding",
    "encoder",
    "transformer",
    "bridge",
    "attention",
    "decoder",
    "combine",
    "output",
)


def parameters(preset, vocabulary):
    """Of each part, without making the weights."""
    config = ModelConfig(**expand_preset({"preset": preset}, "test"))
    translator = draw_shapes_only(config, vocabulary)
    counts = dict.fromkeys(PARTS, 0)
    for weight in translator.training.trainable_weights:
        part = next(name for name in PARTS if name in weight.path)
        size = 1
        for each in weight.shape:
            size *= each
        counts[part] += size
    return counts


def lstm(inputs, units, gates=4):
    """Each gate: a matrix for the input, one for h, and a bias."""
    return gates * (inputs * units + units * units + units)


def layer_norm_lstm(inputs, units):
    """Beside it gains of both products, gain and bias of the cell."""
    return lstm(inputs, units) + 2 * 4 * units + 2 * units


def test_sutskever2014():
    """Section 3.4: "384M parameters, of which 64M are pure recurrent connections (32M for the
    encoder LSTM and 32M for the decoder LSTM)", 160,000 source and 80,000 target words; the rest is
    embeddings and softmax. Here source and target have one vocabulary: of 80,000 words, so that the
    source embedding is 80M smaller. The paper counts no biases."""
    counts = parameters("sutskever2014", 80_000)
    assert counts["encoder"] == counts["decoder"] == 4 * (4 * (1000 + 1000) * 1000 + 4 * 1000)
    assert round(counts["encoder"] / 1e6) == 32
    assert counts["embedding"] == 2 * 80_000 * 1000
    assert counts["output"] == 80_000 * 1000 + 80_000
    assert round((sum(counts.values()) + 80e6) / 1e6) == 384
    assert counts["attention"] == counts["bridge"] == counts["combine"] == 0


def test_bahdanau2015():
    """A.2.3: n = 1000, m = 620, l = 500, n' = 1000; a GRU's three gates. W_s reads both directions'
    last states here, 2000 units in place of 1000. The output layer is 500 wide."""
    counts = parameters("bahdanau2015", 30_000)
    assert counts["encoder"] == 2 * lstm(620, 1000, gates=3)
    assert counts["decoder"] == lstm(620 + 2000, 1000, gates=3)
    assert counts["attention"] == 1000 * 1000 + 2000 * 1000 + 1000
    assert counts["bridge"] == 2000 * 1000 + 1000
    assert counts["combine"] == (1000 + 620 + 2000) * 2 * 500 + 2 * 500
    assert counts["output"] == 30_000 * 500 + 30_000
    assert counts["embedding"] == 2 * 30_000 * 620


def test_luong2015():
    """Section 4.1: 4 layers of 1000 cells, 1000-dimensional embeddings, 50,000 words each; input
    feeding makes the decoder's first layer read 2000 units (section 3.3)."""
    counts = parameters("luong2015", 50_000)
    assert counts["encoder"] == 4 * lstm(1000, 1000)
    assert counts["decoder"] == lstm(2000, 1000) + 3 * lstm(1000, 1000)
    assert counts["attention"] == 1000 * 1000
    assert counts["combine"] == 2000 * 1000
    assert counts["output"] == 50_000 * 1000 + 50_000
    assert counts["embedding"] == 2 * 50_000 * 1000
    assert counts["bridge"] == 0


def test_gnmt2016():
    """Section 3 and 8.3: 1024 units, 8 + 8 layers, the first of the encoder bidirectional, 32,000
    wordpieces. Shazeer et al. 2017, https://arxiv.org/abs/1701.06538, give it 278 million."""
    counts = parameters("gnmt2016", 32_000)
    assert counts["encoder"] == 2 * lstm(1024, 1024) + lstm(2048, 1024) + 6 * lstm(1024, 1024)
    assert counts["decoder"] == lstm(1024, 1024) + 7 * lstm(2048, 1024)
    assert counts["attention"] == 2 * 1024 * 1024 + 1024
    assert counts["embedding"] + counts["output"] == 3 * 32_000 * 1024 + 32_000
    assert sum(counts.values()) == pytest.approx(278e6, rel=0.01)


def test_rnmt_plus2018():
    """Section 4.1: 6 bidirectional and 8 decoder layers of 1024, 4 heads, the context in every
    decoder layer and the softmax; table 1: 378.9 million parameters with 32,000 wordpieces."""
    counts = parameters("rnmt_plus2018", 32_000)
    assert counts["encoder"] == 2 * layer_norm_lstm(1024, 1024) + 10 * layer_norm_lstm(2048, 1024)
    assert counts["decoder"] == 8 * layer_norm_lstm(2048, 1024)
    assert counts["attention"] == 2 * 2048 * 1024 + 2 * 1024 * 1024 + 1024
    assert counts["output"] == 32_000 * 2048 + 32_000
    assert sum(counts.values()) == pytest.approx(378.9e6, rel=0.01)


def test_hybrid2018():
    """Section 6: the big Transformer's encoder, 6 layers of 1024 units and 8192 inner ones (section
    5), and RNMT+'s decoder."""
    counts = parameters("hybrid2018", 32_000)
    attention = 4 * (1024 * 1024 + 1024)
    feed_forward = 2 * 1024 * 8192 + 8192 + 1024
    norms = 2 * 2 * 1024
    assert counts["transformer"] == 6 * (attention + feed_forward + norms) + 2 * 1024
    assert counts["decoder"] == 8 * layer_norm_lstm(2048, 1024)
    assert counts["attention"] == 2 * 1024 * 1024 + 2 * 1024 * 1024 + 1024
    assert counts["embedding"] == 2 * 32_000 * 1024
    assert counts["output"] == 32_000 * 2048 + 32_000


def test_ssru2019():
    """The base students of https://github.com/browsermt/students: 6 encoder and 2 decoder layers of
    512 units, 2048 inner ones, one table for a shared vocabulary of 32,000. A decoder layer has two
    matrices and a bias; the second reads what the first found in the source, too."""
    counts = parameters("ssru2019", 32_000)
    encoder = 4 * (512 * 512 + 512) + 2 * 512 * 2048 + 2048 + 512 + 2 * 2 * 512
    assert counts["transformer"] == 6 * encoder + 2 * 512
    assert counts["decoder"] == 2 * 512 * 512 + 512 + 2 * 1024 * 512 + 512
    assert counts["attention"] == 4 * 512 * 512
    assert counts["combine"] == 1024 * 512
    assert counts["embedding"] == 32_000 * 512
    assert counts["output"] == 32_000
    assert counts["bridge"] == 0


def test_a_network_that_was_only_counted_never_gets_its_weights():
    config = ModelConfig(embedding_size=8, units=8)

    def have_values(translator):
        build_translator(config, 30)  # with a layer drawn, Keras gives values to what waits
        return [weight._value is not None for weight in translator.training.weights]

    assert not any(have_values(draw_shapes_only(config, 30)))
    with keras.StatelessScope(initialize_variables=False):  # the same in this thread: the control
        waiting = build_translator(config, 30)
    assert all(have_values(waiting))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", [0.01, 0.137, 0.5, 1])
def test_a_size_scales_widths_alone_to_a_network_that_makes_sense(preset, size):
    whole = expand_preset({"preset": preset}, "test")
    scaled = expand_preset({"preset": preset, "size": size}, "test")
    for name, value in whole.items():
        if name not in WIDTHS or size == 1:
            assert scaled[name] == value
        else:
            assert scaled[name] % WIDTH_MULTIPLE == 0
            assert abs(scaled[name] - size * value) <= WIDTH_MULTIPLE
    ModelConfig(**scaled)


def test_half_of_a_network_is_half_as_wide_everywhere():
    def half(preset, *names):
        settings = expand_preset({"preset": preset, "size": 0.5}, "test")
        return [settings[name] for name in names]

    assert half("hybrid2018", "embedding_size", "units", "feed_forward") == [512, 512, 4096]
    assert half("bahdanau2015", "embedding_size", "units", "readout_size") == [304, 496, 256]


# What the number of weights does not show.
@pytest.mark.parametrize(
    ("preset", "name", "value"),
    [
        ("sutskever2014", "reverse_source", True),  # section 3.3
        ("luong2015", "reverse_source", True),  # table 1
        ("luong2015", "dropout", 0.2),  # section 4.1
        ("gnmt2016", "residual_from", 3),  # figure 1: from the third layer on
        ("rnmt_plus2018", "residual_from", 3),  # section 4.1
        ("hybrid2018", "residual_from", 3),  # section 6: the decoder is the same
    ],
)
def test_a_network_is_built_as_its_paper_has_it(preset, name, value):
    assert getattr(ModelConfig(**expand_preset({"preset": preset}, "test")), name) == value


def test_what_the_section_says_itself_goes_before_the_preset():
    settings = expand_preset(
        {"preset": "gnmt2016", "size": 0.25, "units": 80, "cell": "gru"}, "test"
    )
    assert (settings["units"], settings["cell"], settings["embedding_size"]) == (80, "gru", 256)
    assert expand_preset({"units": 80}, "test") == {"units": 80}


@pytest.mark.parametrize(
    "model, message",
    [
        ({"preset": "gnmt"}, "model.preset: no such network .got 'gnmt'.; there are sutskever2014"),
        ({"preset": ["gnmt2016"]}, "model.preset: no such network .got ..gnmt2016"),
        ({"size": 0.5}, "model.size: scales a preset, and none is named"),
        ({"preset": "gnmt2016", "size": 0.009}, "model.size: from 0.01 to 1 .got 0.009."),
        ({"preset": "gnmt2016", "size": 2}, "model.size: from 0.01 to 1 .got 2."),
        ({"preset": "gnmt2016", "size": "half"}, "got 'half'"),
        ({"preset": "gnmt2016", "size": True}, "got True"),
    ],
)
def test_a_preset_that_cannot_be_is_refused(model, message):
    with pytest.raises(ConfigError, match=message):
        expand_preset(model, "test")
