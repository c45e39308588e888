"""An encoder of plain loops gives what the drawn one gives, for sentences of any shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.config.sections import ModelConfig
from seq2seq.models.recurrent.plain_recurrence import PlainRecurrence, with_plain_loops
from seq2seq.models.recurrent.recurrence import Recurrence
from seq2seq.models.translator import build_translator

VOCABULARY = 40


@pytest.fixture(scope="module")
def encoders():
    config = ModelConfig(embedding_size=6, units=8, encoder_layers=2)
    drawn = build_translator(config, VOCABULARY).encoder
    return drawn, with_plain_loops(drawn)


def differences(encoders, source_ids):
    each = [encoder(source_ids, training=False) for encoder in encoders]
    assert len(each[0]) == len(each[1]) == 4  # memory, keys, h and c
    return [np.abs(one - other).max() for one, other in zip(*each, strict=True)]


@settings(deadline=None, max_examples=20)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    padding=st.integers(0, 4),
    seed=st.integers(0, 99),
)
def test_plain_loops_give_what_the_encoder_gives(encoders, lengths, padding, seed):
    random = np.random.default_rng(seed)
    source_ids = np.zeros((len(lengths), max(lengths) + padding), "int32")
    for row, length in enumerate(lengths):
        source_ids[row, :length] = random.integers(1, VOCABULARY, length)
    assert max(differences(encoders, source_ids)) < 1e-5


def test_the_weights_are_the_same_ones(encoders):
    drawn, plain = encoders
    assert sum(isinstance(each, PlainRecurrence) for each in plain.layers) == 4
    source_ids = np.array([[5, 6, 7, 0]], "int32")
    before = plain(source_ids)[0]
    kernel = next(each for each in drawn.layers if isinstance(each, Recurrence)).cell.kernel
    kernel.assign(kernel + 0.5)
    assert np.abs(plain(source_ids)[0] - before).max() > 1e-3
    assert max(differences(encoders, source_ids)) < 1e-5
    assert {id(each) for each in plain.weights} == {id(each) for each in drawn.weights}
