import numpy as np
import pytest
import tensorflow as tf
from tables import BOS, EOS, PAD, TOKENS, first_state, log_probability, random_table, table_step

from seq2seq.decoding.greedy import greedy_search


def search(table, limits, alpha=1.0):
    step, state = table_step(table), first_state(len(limits))
    return vars(greedy_search(step, state, tf.constant(limits), 3, TOKENS, alpha))


def likeliest(table, sentence, limit):
    """The same by hand: argmax over real tokens, and EOS where the limit is reached."""
    before, last, ids = 0, BOS, []
    while last != EOS:
        scores = table[sentence, before, last].copy()
        scores[[PAD, BOS]] = -np.inf
        token = EOS if len(ids) == limit - 1 else int(scores.argmax())
        ids.append(token)
        before, last = last, token
    return ids


@pytest.mark.parametrize("seed", range(10))
def test_every_token_is_the_likeliest(seed):
    table = random_table(seed, sentences=3, vocabulary=9)
    found = search(table, limits=(4, 6, 12))
    for sentence, limit in enumerate((4, 6, 12)):
        length = found["lengths"][sentence, 0].numpy()
        ids = found["ids"][sentence, 0, :length].numpy().tolist()
        assert ids == likeliest(table, sentence, limit)
        total = log_probability(table, sentence, ids)
        assert found["log_probabilities"][sentence, 0].numpy() == pytest.approx(total, abs=1e-5)
        score = total / ((5 + length) / 6)
        assert found["scores"][sentence, 0].numpy() == pytest.approx(score, abs=1e-5)


def test_attention_is_kept_for_each_token_and_no_further():
    found = search(random_table(1, sentences=2, vocabulary=9), limits=(3, 12))
    for sentence in range(2):
        length = found["lengths"][sentence, 0].numpy()
        ids = found["ids"][sentence, 0, :length].numpy().tolist()
        weights = found["weights"][sentence, 0].numpy()
        looked = weights[:length].argmax(axis=-1).tolist()
        assert looked == [last % 3 for last in [BOS, *ids[:-1]]]
        assert not weights[length:].any()
