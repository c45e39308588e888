from dataclasses import replace

import numpy as np
import pytest
from tables import PLAIN, assert_same, outputs, random_tables, run
from twins import Sentence, all_outputs, score_of

from seq2seq.decoding.beam import beam_search
from seq2seq.decoding.forcing import force
from seq2seq.decoding.greedy import greedy_search
from seq2seq.decoding.sampling import sample

RULES = replace(PLAIN, length_penalty=0.7, coverage_penalty=0.3, shortest=2, blocked_ngram=3)
LIMITS = np.array([5, 1, 8, 3, 6, 8, 2, 4, 2, 3, 7, 2])


def searches(seed):
    tables = random_tables(seed, len(LIMITS))
    uniforms = np.random.default_rng(seed).random((len(LIMITS), 4, 8), np.float32)
    yield tables, run(greedy_search, tables, LIMITS, RULES)
    yield tables, run(beam_search, tables, LIMITS, RULES, beam_width=4, n_best=4)
    yield tables, run(sample, tables, LIMITS, RULES, uniforms, temperature=1.5)


@pytest.mark.parametrize("seed", range(2))
def test_what_a_search_reports_is_what_forcing_its_output_gives(seed):
    for tables, found in searches(seed):
        again = run(force, tables, LIMITS, RULES, found["ids"])
        np.testing.assert_array_equal(again["lengths"], found["lengths"])
        for number in range(len(LIMITS)):
            assert_same(outputs(again, number), outputs(found, number))
    # Control: under the tables of another sentence it is not.
    other = run(force, tables.take(range(11, -1, -1)), LIMITS, RULES, found["ids"])
    assert not np.allclose(other["scores"][:3], found["scores"][:3], atol=0.1)


def test_any_outputs_are_scored_in_the_order_given():
    tables = random_tables(5, 2)
    sentences = [Sentence(tables, number, 4, RULES) for number in range(2)]
    some = [[each.ids for each in all_outputs(sentence)][::-9] for sentence in sentences]
    count = min(map(len, some))
    assert count > 4
    ids = np.zeros((2, count, 6), np.int32)  # padded beyond the limit
    for number in range(2):
        for place in range(count):
            ids[number, place, : len(some[number][place])] = some[number][place]
    found = run(force, tables, [4, 4], RULES, ids)
    for number, sentence in enumerate(sentences):
        expected = [score_of(sentence, each) for each in some[number][:count]]
        assert_same(outputs(found, number), expected)
        # Control: this is not the order of the scores.
        assert found["scores"][number].tolist() != sorted(found["scores"][number], reverse=True)


def test_rules_of_the_search_do_not_change_what_a_given_output_scores():
    tables = random_tables(6, 1)
    ids = np.array([[[3, 3, 3, 3, 2], [2, 0, 0, 0, 0]]], np.int32)
    plain, ruled = (
        run(force, tables, [9], rules, ids)
        for rules in (PLAIN, replace(PLAIN, shortest=3, blocked_ngram=1))
    )
    np.testing.assert_array_equal(ruled["lengths"], [[5, 1]])
    assert_same(outputs(ruled, 0), outputs(plain, 0))
