from dataclasses import replace

import numpy as np
import pytest
from tables import (
    BOS,
    EOS,
    PLAIN,
    assert_same,
    hand_tables,
    large_tables,
    outputs,
    random_tables,
    run,
)
from twins import Sentence, greedy

from seq2seq.decoding.greedy import greedy_search

A, B = 3, 4
RULES = [
    PLAIN,
    replace(PLAIN, length_penalty=0.3, coverage_penalty=0.5, shortest=4),
    replace(PLAIN, blocked_ngram=1),
    replace(PLAIN, bos=6, eos=4, pad=1, blocked_ngram=2, shortest=2),
]


def ids(tables, limits=(9,), rules=PLAIN):
    return outputs(run(greedy_search, tables, limits, rules), 0)[0].ids


@pytest.mark.parametrize("rules", RULES)
def test_every_token_is_the_likeliest_allowed_one(rules):
    for seed in range(12):
        tables = random_tables(seed, 1 + seed, rules, quantised=seed % 2 == 0)
        limits = np.random.default_rng(seed).integers(1, 9, 1 + seed)
        found = run(greedy_search, tables, limits, rules, mode="graph")
        for number, limit in enumerate(limits):
            assert_same(outputs(found, number), [greedy(Sentence(tables, number, limit, rules))])


def test_of_equally_likely_tokens_the_lower_id_is_taken():
    half = {A: 0.5, B: 0.5}
    assert ids(hand_tables({BOS: half, A: {B: 0.4, EOS: 0.6}, B: {EOS: 1}})) == (A, EOS)
    assert ids(hand_tables({BOS: half, A: {EOS: 0.5, A: 0.5}})) == (A, EOS)  # 2 before 3
    # Control: a little likelier, and the higher id is taken.
    assert ids(hand_tables({BOS: {A: 0.49, B: 0.51}, B: {EOS: 1}})) == (B, EOS)


def test_the_limit_ends_a_sentence_and_the_shortest_length_keeps_it_going():
    tables = hand_tables({BOS: {A: 0.9, EOS: 0.1}, A: {A: 0.6, EOS: 0.4}})
    assert ids(tables, [4]) == (A, A, A, EOS)
    assert ids(tables, [1]) == (EOS,)
    ending = hand_tables({BOS: {A: 0.1, EOS: 0.9}, A: {A: 0.4, EOS: 0.6}})
    assert ids(ending) == (EOS,)
    assert ids(ending, rules=replace(PLAIN, shortest=3)) == (A, A, EOS)
    assert ids(ending, [2], replace(PLAIN, shortest=3)) == (A, EOS)  # the limit wins


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, (A, A, A, A, A, EOS)),
        (1, (A, B, EOS)),  # neither may come again
        (2, (A, A, B, A, EOS)),  # aa, ab, ba; then aa and ab again are blocked, and EOS never is
        (3, (A, A, A, B, A, EOS)),  # aaa, aab, aba
    ],
)
def test_blocked_ngrams_by_hand(size, expected):
    row = {A: 0.6, B: 0.3, EOS: 0.1}
    tables = hand_tables({BOS: row, A: row, B: row})
    rules = replace(PLAIN, length_penalty=0.0, blocked_ngram=size)
    (output,) = outputs(run(greedy_search, tables, [6], rules), 0)
    assert output.ids == expected
    # What is blocked keeps its share of the probability.
    probabilities = np.exp(output.token_log_probabilities)
    np.testing.assert_allclose(probabilities, [row[token] for token in expected], rtol=1e-5)


def test_nothing_follows_the_end_of_an_output():
    tables = random_tables(3, 8)
    found = run(greedy_search, tables, [2, 9, 5, 1, 9, 9, 3, 4])
    after = np.arange(found["ids"].shape[-1]) >= found["lengths"][..., None]
    assert after.any()
    for name in ("ids", "token_log_probabilities", "weights"):
        assert not found[name][after].any()
        assert found[name][~after].any()


@pytest.mark.parametrize("mode", ["eager", "static"])
@pytest.mark.parametrize("sentences", [3, 20])
def test_graphs_and_eager_calls_find_the_same(mode, sentences):
    tables, limits = random_tables(4, sentences), 1 + np.arange(sentences) % 9
    found, expected = (run(greedy_search, tables, limits, mode=each) for each in (mode, "graph"))
    for number in range(sentences):
        assert_same(outputs(found, number), outputs(expected, number))


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_batch_of_no_sentences_has_no_outputs(mode):
    tables = random_tables(0, 3).take([])
    assert run(greedy_search, tables, [], mode=mode)["lengths"].shape == (0, 1)
    # Control
    assert run(greedy_search, random_tables(0, 3), [2] * 3, mode=mode)["lengths"].shape == (3, 1)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_source_without_positions_can_be_searched(mode):
    tables, limits = random_tables(4, 12), 1 + np.arange(12) % 6
    blind = replace(
        tables, attention=tables.attention[..., :0], source_mask=tables.source_mask[:, :0]
    )
    found, expected = (run(greedy_search, each, limits, mode=mode) for each in (blind, tables))
    np.testing.assert_array_equal(found["ids"], expected["ids"])
    assert found["weights"].shape[-1] == 0 < expected["weights"].shape[-1]


def test_tokens_of_a_large_vocabulary_are_found_wherever_they_are():
    tables, limits = large_tables(0, 12, 1000), [12] * 12
    found = run(greedy_search, tables, limits)
    for number in range(12):
        assert_same(outputs(found, number), [greedy(Sentence(tables, number, 12, PLAIN))])
    assert (found["ids"] > 640).any()
