"""What attention reads when training begins: the words, in every network as configs/ has it."""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest
from planted_faults import dropped_sum

from seq2seq.config.loading import load_run_config
from seq2seq.inspection.source_probe import positions_apart, positions_attended, words_recovered
from seq2seq.models import transformer
from seq2seq.models.encoder import Encoder
from seq2seq.models.translator import build_translator
from seq2seq.training.train_step import seeded

CONFIGS = Path(__file__).parents[2] / "configs"
FLOOR = 0.2  # a network below learned nothing of its source in a thousand steps of Multi30k
NETWORKS = (
    *("multi30k_7m", "bahdanau2015", "luong2015", "sutskever2014"),
    *("gnmt2016", "rnmt_plus2018", "hybrid2018", "ssru2019"),
)
LEAST_APART = 0.3  # of the memory, before the first step
LEAST_ATTENDED = 0.5  # of a sentence's positions, before the first step
VOCABULARY = 800


def sentences(count=300, longest=16):
    """Ids of words that are as frequent as words are."""
    random = np.random.default_rng(0)
    ids = np.zeros((count, longest), np.int32)
    for row, length in zip(ids, random.integers(5, longest, count), strict=True):
        row[:length] = np.minimum(random.zipf(1.3, length) + 3, VOCABULARY - 1)
    return ids


@functools.cache
def fresh(name, *overrides):
    """The network of a file in configs/, of its width."""
    config = load_run_config(CONFIGS / f"{name}.yaml", list(overrides)).model
    with seeded(1):
        return build_translator(config, VOCABULARY)


def recovered(name, *overrides):
    """What is left of words in a fresh network's memory, under training's dropout."""
    return words_recovered(fresh(name, *overrides), sentences(), training=True)


def attended(name, *overrides):
    """Share of the positions of a long sentence that a fresh network looks at."""
    network, random = fresh(name, *overrides), np.random.default_rng(1)
    source, target = random.integers(4, VOCABULARY, (2, 15))
    return positions_attended(network, source.tolist(), target.tolist())


@pytest.mark.parametrize("name", NETWORKS)
def test_words_are_in_what_attention_reads(name):
    assert recovered(name) > FLOOR


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("luong2015", ["model.residual_from=0"]),
        ("gnmt2016", ["model.residual_from=3", "model.directions=full", "model.dropout=0.3"]),
        ("rnmt_plus2018", ["model.residual_from=3", "model.dropout=0.3"]),
    ],
)
def test_control_deep_stacks_as_published_blur_them(name, overrides):
    assert recovered(name, *overrides) < FLOOR / 2


def test_control_dropout_on_the_residual_sum_blurs_them(monkeypatch):
    as_it_is = recovered("gnmt2016", "model.dropout=0.3")
    fresh.cache_clear()
    monkeypatch.setattr(Encoder, "above", dropped_sum)
    assert recovered("gnmt2016", "model.dropout=0.3") < as_it_is / 4
    fresh.cache_clear()


@pytest.mark.parametrize("name", NETWORKS)
def test_what_attention_reads_differs_between_positions(name):
    assert positions_apart(fresh(name), sentences()) > LEAST_APART


@pytest.mark.parametrize("name", ["hybrid2018", "ssru2019"])
def test_control_whole_branches_of_a_deep_transformer_make_positions_alike(name, monkeypatch):
    fresh.cache_clear()
    initializer = transformer.branch_initializer
    monkeypatch.setattr(transformer, "branch_initializer", lambda gain: initializer(1.0))
    assert positions_apart(fresh(name), sentences()) < LEAST_APART
    fresh.cache_clear()


def test_how_far_positions_are_apart_is_counted():
    """Two vectors at right angles beside two that are the same; padding is not looked at."""
    memory = np.array([[[2.0, 0.0], [0.0, 2.0]], [[3.0, 1.0], [3.0, 1.0]], [[1.0, 1.0], [9, 0]]])
    ids = np.array([[4, 5], [4, 5], [4, 0]])
    network = type("Network", (), {"encoder": lambda self, ids: [memory]})()
    for kept, share in (([0], 0.5), ([1], 0.0), ([2], 0.0), ([0, 1], 0.25)):
        part = type("Network", (), {"encoder": lambda self, ids, kept=kept: [memory[kept]]})()
        assert positions_apart(part, ids[kept]) == pytest.approx(share)
    assert positions_apart(network, ids) == pytest.approx(0.5 / 3)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "sutskever2014"])
def test_attention_begins_with_most_of_a_sentence(name):
    assert attended(name) > LEAST_ATTENDED


def test_control_unscaled_scores_of_residual_sums_begin_with_a_few_words():
    assert attended("luong2015", "model.scaled_scores=false") < LEAST_ATTENDED


@pytest.mark.parametrize("positions", [1, 4])
def test_attended_positions_are_counted(monkeypatch, positions):
    """Of eight: one, or four alike."""
    weights = np.zeros((3, 8), np.float32)
    weights[:, :positions] = 1 / positions
    found = type("Trace", (), {"attention": weights})
    monkeypatch.setattr("seq2seq.inspection.source_probe.trace", lambda *_: found)
    assert positions_attended(None, [], []) == pytest.approx(positions / 8)


def test_nothing_is_found_in_a_memory_of_noise():
    """And everything in one that is the words."""
    network = build_translator(load_run_config(CONFIGS / "multi30k_7m.yaml").model, VOCABULARY)
    ids, random = sentences(), np.random.default_rng(1)

    def with_memory(make):
        encoder = type("Encoder", (), {"__call__": lambda self, ids, training: [make(ids)]})()
        return dataclasses.replace(network, encoder=encoder)

    noise = with_memory(lambda ids: random.normal(size=(*ids.shape, 64)))
    assert abs(words_recovered(noise, ids, training=False)) < 0.1
    words = with_memory(lambda ids: network.layers.source_embedding(ids))
    assert words_recovered(words, ids, training=False) > 0.95


def test_too_few_sentences_are_refused():
    network = build_translator(load_run_config(CONFIGS / "multi30k_7m.yaml").model, VOCABULARY)
    with pytest.raises(ValueError, match="positions for 512 memory units: give more sentences"):
        words_recovered(network, sentences(count=5), training=False)
