"""Batches that are searched at once."""

import threading

import numpy as np
import pytest

from seq2seq.config.sections import DecodingConfig
from seq2seq.translation.batch_search import BatchSearch

SOURCES = [[5, 6, 7], [8] * 20, [9], [10] * 21]
NUMBERS = [(number, 0) for number in range(len(SOURCES))]


def repeating(source_ids):
    """One output for each sentence: the sentence."""
    shape = (len(source_ids), 1)
    lengths = (source_ids != 0).sum(axis=1, keepdims=True)
    return {
        "ids": source_ids[:, None],
        "lengths": lengths,
        "scores": np.zeros(shape),
        "log_probabilities": np.zeros(shape),
        "token_log_probabilities": np.zeros((*shape, source_ids.shape[1])),
        "weights": np.zeros((*shape, source_ids.shape[1], 0)),
    }


def test_as_many_batches_as_threads_are_searched_at_once():
    def meets_another(source_ids):
        meeting.wait(timeout=waited)
        return repeating(source_ids)

    config = DecodingConfig(batch_tokens=24)  # a batch of the short ones, and one for each other
    meeting, waited = threading.Barrier(3), 60
    found = BatchSearch(meets_another, config, threads=3)(SOURCES, NUMBERS)
    assert [outputs[0].ids[:-1] for outputs in found] == SOURCES
    meeting, waited = threading.Barrier(3), 0.1  # the control: two of them never meet a third
    with pytest.raises(threading.BrokenBarrierError):
        BatchSearch(meets_another, config, threads=2)(SOURCES, NUMBERS)
