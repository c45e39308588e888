"""Training, search, tracing and both exports compute one network: a change reaches all of them."""

import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config.architecture import ModelConfig
from seq2seq.config.sections import DecodingConfig
from seq2seq.inspection.trace import trace
from seq2seq.models.decoder import Decoder
from seq2seq.models.recurrent.cells import CellStep
from seq2seq.models.recurrent.recurrence import CELLS
from seq2seq.models.translator import build_translator
from seq2seq.translation.portable_graphs import portable_search
from seq2seq.translation.search import make_engine, make_search
from seq2seq.translation.serving_graph import StoredNetwork

SOURCE, TARGET_IN = [5, 9, 14, 3], [2, 8, 6]  # EOS is 3, BOS is 2
SIZE = 40  # of the vocabulary
SUPPRESSED = (0, 1, 2)
DECODING = DecodingConfig(beam_width=1)
WIRINGS = {
    "plain": {"residual_from": 2, "encoder_layers": 2, "decoder_layers": 2},
    "fed": {"input_feeding": True, "attention": "additive", "decoder_layers": 2},
    "bottom": {"attention_reads": "bottom", "decoder_layers": 2, "input_feeding": True},
}


def network(**settings):
    config = ModelConfig(embedding_size=8, units=8, dropout=0.0, **settings)
    translator = build_translator(config, SIZE)
    random = np.random.default_rng(1)
    weights = [random.normal(0, 0.5, weight.shape) for weight in translator.training.weights]
    translator.training.set_weights(weights)
    return translator


@pytest.fixture
def eagerly():
    """Functions run as they are written, with no graph of them: the same code, sooner."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def computed(translator):
    """Numbers from each way to run the network."""
    source = tf.constant([SOURCE])
    searched = make_search([make_engine(translator, DECODING, SUPPRESSED)], DECODING)(source)
    stored = StoredNetwork(translator, SUPPRESSED, "float32")
    exported = stored.searches(DECODING, None, np.full(SIZE, -1, np.int32)).best(source)
    portable = portable_search(translator, SUPPRESSED, DECODING, None)(source)
    return {
        "training": translator.training([source, tf.constant([TARGET_IN])], training=True).numpy(),
        "search": searched["scores"].numpy(),
        "tracing": trace(translator, SOURCE, TARGET_IN).logits,
        "export": exported["scores"].numpy(),
        "portable export": portable["scores"].numpy(),
    }


def assert_all_changed(before, after):
    for way in before:
        assert np.abs(before[way] - after[way]).max() > 1e-3, way


@pytest.mark.parametrize("kind", CELLS)
def test_a_change_of_a_cells_equations_reaches_every_way_to_run_it(kind, monkeypatch, eagerly):
    cell, advance = CELLS[kind], CELLS[kind].advance
    before = computed(network(cell=kind))

    def changed(self, projected, states, operands):
        found = advance(self, projected, states, operands)
        return CellStep([0.8 * found.states[0], *found.states[1:]], found.gates)

    monkeypatch.setattr(cell, "advance", changed)
    assert_all_changed(before, computed(network(cell=kind)))


@pytest.mark.parametrize("wiring", WIRINGS)
def test_a_change_of_the_decoders_wiring_reaches_every_way_to_run_it(wiring, monkeypatch, eagerly):
    through = Decoder.through

    def changed(self, *arguments):
        outputs, context = through(self, *arguments)
        return 0.8 * outputs, context

    before = computed(network(**WIRINGS[wiring]))
    monkeypatch.setattr(Decoder, "through", changed)
    assert_all_changed(before, computed(network(**WIRINGS[wiring])))


def test_without_a_change_all_ways_compute_what_they_did():
    """The control of the comparisons above."""
    before = computed(network())
    tf.config.run_functions_eagerly(True)  # as the comparisons do
    after = computed(network())
    tf.config.run_functions_eagerly(False)
    for way, numbers in after.items():
        np.testing.assert_allclose(numbers, before[way], atol=1e-6, err_msg=way)
