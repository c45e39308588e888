"""Beam search against its twin in plain lists, over options, batch sizes, limits and ties."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from tables import PLAIN, assert_same, large_tables, outputs, random_tables, run
from twins import Sentence, beam

from seq2seq.decoding.beam import beam_search

SEEDS = 20  # for each of the options, half of them with tables in which ties are common

OPTIONS = [  # rules, beam_width, n_best
    (PLAIN, 4, 1),
    (replace(PLAIN, length_penalty=0.0), 1, 1),
    (replace(PLAIN, length_penalty=0.0), 4, 4),
    (replace(PLAIN, length_penalty=0.6, coverage_penalty=0.2), 3, 3),
    (replace(PLAIN, length_penalty=0.0, coverage_penalty=0.5), 5, 2),
    (replace(PLAIN, length_penalty=1.3, shortest=3), 2, 2),
    (replace(PLAIN, length_penalty=0.0, blocked_ngram=1), 4, 3),
    (replace(PLAIN, length_penalty=0.6, blocked_ngram=2), 4, 1),
    (replace(PLAIN, coverage_penalty=0.3, shortest=2, blocked_ngram=3), 6, 3),
    (replace(PLAIN, length_penalty=0.0, bos=6, eos=5, pad=2, shortest=4, blocked_ngram=2), 8, 8),
]


@functools.cache
def problem(seed, rules):
    """Tables and limits: 1 to 40 sentences of at most 1 to 8 tokens."""
    sentences = (1, 2, 3, 5, 8, 9, 12, 15, 24, 40)[seed % 10]
    limits = np.random.default_rng(seed).integers(1, 9, sentences)
    never = (-1e9, -np.inf)[seed % 2]
    return random_tables(seed, sentences, rules, quantised=seed // 10 % 2 == 0, never=never), limits


@functools.cache
def solved(seed, rules, beam_width, n_best):
    """Each sentence of a problem, its outputs by the twin, and whether some were too close."""
    tables, limits = problem(seed, rules)
    sentences = [Sentence(tables, number, limit, rules) for number, limit in enumerate(limits)]
    return [(sentence, *beam(sentence, beam_width, n_best)) for sentence in sentences]


@pytest.mark.parametrize(("rules", "beam_width", "n_best"), OPTIONS)
def test_beam_search_equals_its_twin(rules, beam_width, n_best):
    sentences = certain = 0
    first = SEEDS * OPTIONS.index((rules, beam_width, n_best))
    for seed in range(first, first + SEEDS):
        tables, limits = problem(seed, rules)
        found = run(
            beam_search, tables, limits, rules, beam_width=beam_width, n_best=n_best, mode="graph"
        )
        twin = solved(seed, rules, beam_width, n_best)
        for number, (_, expected, close) in enumerate(twin):
            sentences += 1
            if not close:
                certain += 1
                assert_same(outputs(found, number), expected)
    assert certain > 0.97 * sentences


@pytest.mark.parametrize(
    "flaw",
    [
        {"order": lambda total, slot, token: (-total, slot, -token)},
        {"order": lambda total, slot, token: (-total, -slot, token)},
        {"order": lambda total, slot, token: (-total, token, slot)},
        {"finish_order": lambda score, step, slot: (-score, -step, slot)},
        {"finish_order": lambda score, step, slot: (-score, step, -slot)},
        {"regroup": False},
        {"stop_at_first": True},
    ],
)
def test_a_twin_with_a_flaw_differs(flaw):
    """The control: on the same tables each of these mistakes would show."""
    rules, beam_width, n_best = OPTIONS[-1]
    differ = 0
    for seed in range((len(OPTIONS) - 1) * SEEDS, len(OPTIONS) * SEEDS):
        for sentence, expected, _ in solved(seed, rules, beam_width, n_best):
            flawed, _ = beam(sentence, beam_width, n_best, **flaw)
            differ += [each.ids for each in flawed] != [each.ids for each in expected]
    assert differ > 5


@pytest.mark.parametrize(
    ("vocabulary", "beam_width", "blocked"), [(1000, 4, 0), (257, 3, 2), (192, 1, 0), (640, 8, 0)]
)
def test_beam_search_of_a_large_vocabulary_equals_its_twin(vocabulary, beam_width, blocked):
    rules = replace(PLAIN, length_penalty=0.0, blocked_ngram=blocked)
    tables, limits = large_tables(vocabulary, 20, vocabulary), 1 + np.arange(20) % 5
    options = {"beam_width": beam_width, "n_best": beam_width}
    found = run(beam_search, tables, limits, rules, **options)
    for number, limit in enumerate(limits):
        expected, _ = beam(Sentence(tables, number, limit, rules), **options)
        assert_same(outputs(found, number), expected)
