"""Every published network, as its file in configs/ has it, begins to read its source at once."""

import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from planted_faults import dropped_sum

from seq2seq.config.loading import load_run_config
from seq2seq.config.presets import PRESETS
from seq2seq.data.subwords import BOS, EOS, PAD
from seq2seq.models.encoder import Encoder
from seq2seq.training.train_step import Optimization, seeded

CONFIGS = Path(__file__).parents[2] / "configs"
WORDS = np.arange(4, 20)
VOCABULARY = 20
LENGTH = 4
BATCH = 64
STEPS = 60
LEAST_GAP = 2.0  # perplexity beside other sentences' sources, over that beside their own

pytestmark = pytest.mark.long


def batch(random, size=BATCH):
    """Sentences of random words, and their translations word by word: (B, S), (B, T), (B, T)."""
    source = random.choice(WORDS, (size, LENGTH))
    target = WORDS[::-1][source - WORDS[0]]
    edge = np.ones((size, 1), int)
    return tuple(
        tf.constant(np.hstack(parts), tf.int32)
        for parts in ((source, EOS * edge), (BOS * edge, target), (target, EOS * edge))
    )


def gap(preset, overrides=()):
    """What another sentence's source costs after a brief training."""
    smaller = ["model.size=0.05", "training.averaging=0", "training.precision=float32"]
    config = load_run_config(CONFIGS / f"{preset}.yaml", [*smaller, *overrides])
    random = np.random.default_rng(1)
    with seeded(1):
        optimization = Optimization(config, VOCABULARY)
    for _ in range(STEPS):
        optimization.step(batch(random), 0.004)
    translator = optimization._translator
    source, target_in, target_out = batch(random, 512)
    assert not np.any(target_out == PAD)

    def loss(source):
        readout = translator.readout([source, target_in], training=False)
        vectors = tf.reshape(readout, (-1, readout.shape[-1]))
        targets = tf.reshape(target_out, (-1,))
        return float(tf.reduce_mean(translator.output.losses(vectors, targets, 0.0)))

    return math.exp(loss(tf.roll(source, 1, axis=0)) - loss(source))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_another_sentences_source_costs_a_briefly_trained_network_much(preset):
    assert gap(preset) > LEAST_GAP


def test_control_dropout_on_the_residual_sum_keeps_the_source_from_attention(monkeypatch):
    much = ["model.dropout=0.5"]
    assert gap("gnmt2016", much) > LEAST_GAP
    monkeypatch.setattr(Encoder, "above", dropped_sum)
    assert gap("gnmt2016", much) < 1.1
