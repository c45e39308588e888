import numpy as np
import pytest
import tensorflow as tf
from tables import (
    BOS,
    EOS,
    PAD,
    TOKENS,
    all_outputs,
    first_state,
    log_probability,
    random_table,
    slow_beam,
    table_step,
)

from seq2seq.decoding.beam import beam_search

LIMITS = (4, 5)


def search(table, beam_width, alpha, limits=LIMITS, compiled=False):
    def run():
        return vars(
            beam_search(
                table_step(table),
                first_state(len(limits)),
                tf.constant(limits),
                3,
                TOKENS,
                beam_width,
                alpha,
            )
        )

    return {k: v.numpy() for k, v in (tf.function(run) if compiled else run)().items()}


def outputs(found, sentence):
    """(score, ids) of a sentence's hypotheses."""
    rows = zip(
        found["scores"][sentence], found["ids"][sentence], found["lengths"][sentence], strict=True
    )
    return [(score, ids[:length].tolist()) for score, ids, length in rows if length]


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_a_beam_wide_enough_finds_every_output_in_order(alpha):
    table = random_table(seed=0, sentences=2, vocabulary=5)
    found = search(table, beam_width=32, alpha=alpha, compiled=True)
    for sentence, limit in enumerate(LIMITS):
        expected = all_outputs(table, sentence, limit, alpha)
        assert [ids for _, ids in outputs(found, sentence)] == [ids for _, ids in expected]
        scores = [score for score, _ in outputs(found, sentence)]
        np.testing.assert_allclose(scores, [score for score, _ in expected], atol=1e-5)


@pytest.mark.parametrize("seed", range(40))
def test_a_narrow_beam_equals_a_plain_one_written_with_lists(seed):
    table = random_table(seed, sentences=2, vocabulary=7)
    beam_width, alpha = 1 + seed % 4, (0.0, 0.7, 1.3)[seed % 3]
    found = search(table, beam_width, alpha)
    for sentence, limit in enumerate(LIMITS):
        expected = slow_beam(table, sentence, limit, beam_width, alpha)
        assert [ids for _, ids in outputs(found, sentence)] == [ids for _, ids in expected]


def test_beam_escapes_the_garden_path():
    a, b = 3, 4
    table = np.full((1, 5, 5, 5), -np.inf, np.float32)
    table[:, :, BOS, [a, b]] = np.log([0.6, 0.4])  # a looks best at first
    table[:, :, a, [EOS, a, b]] = np.log([0.3, 0.35, 0.35])
    table[:, :, b, [EOS, a, b]] = np.log([0.9, 0.05, 0.05])
    (score, ids), *_ = outputs(search(table, 2, alpha=0.0, limits=(3,)), 0)
    assert ids == [b, EOS]  # .4 * .9 = .36 wins over .6 * .3
    assert np.exp(score) == pytest.approx(0.36)


def test_length_normalisation_prefers_the_longer_output():
    a = 3
    table = np.full((1, 4, 4, 4), -np.inf, np.float32)
    table[:, :, BOS, [EOS, a]] = np.log([0.5, 0.5])
    table[:, :, a, [EOS, a]] = np.log([0.95, 0.05])
    # log .5 = -.693 alone; log(.5 * .95) = -.744, over (7/6) = -.638.
    assert outputs(search(table, 2, 0.0, (4,)), 0)[0][1] == [EOS]
    assert outputs(search(table, 2, 1.0, (4,)), 0)[0][1] == [a, EOS]


def test_scores_are_the_log_probabilities_of_the_outputs():
    table = random_table(seed=5, sentences=2, vocabulary=8)
    found = search(table, beam_width=4, alpha=0.8)
    for sentence in range(2):
        for k, (score, ids) in enumerate(outputs(found, sentence)):
            total = log_probability(table, sentence, ids)
            assert found["log_probabilities"][sentence, k] == pytest.approx(total, abs=1e-5)
            assert score == pytest.approx(total / ((5 + len(ids)) / 6) ** 0.8, abs=1e-5)


def test_attention_follows_each_hypothesis_through_every_reordering():
    table = random_table(seed=6, sentences=2, vocabulary=8)
    found = search(table, beam_width=4, alpha=1.0)
    for sentence in range(2):
        for k, (_, ids) in enumerate(outputs(found, sentence)):
            looked = found["weights"][sentence, k, : len(ids)].argmax(axis=-1)
            assert looked.tolist() == [last % 3 for last in [BOS, *ids[:-1]]]
            assert not found["weights"][sentence, k, len(ids) :].any()


def test_a_sentence_is_searched_alike_alone_and_beside_a_longer_one():
    table = random_table(seed=7, sentences=2, vocabulary=8)
    both = search(table, 3, 1.0, limits=(3, 9))
    alone = search(table[:1], 3, 1.0, limits=(3,))
    assert outputs(both, 0) == outputs(alone, 0)
    # Control: its own limit is what ends it.
    assert outputs(search(table, 3, 1.0, limits=(2, 9)), 0) != outputs(alone, 0)


def test_outputs_end_in_eos_and_hold_no_special_token():
    table = random_table(seed=8, sentences=2, vocabulary=6)
    table[..., [PAD, BOS]] = 0.0  # the likeliest by far
    for sentence in range(2):
        for _, ids in outputs(search(table, 3, 1.0), sentence):
            assert ids[-1] == EOS
            assert not {PAD, BOS, EOS} & set(ids[:-1])
