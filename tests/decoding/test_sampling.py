from collections import Counter
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
from twins import Prefix, Sentence, all_outputs, distribution, greedy
from twins import sample as sample_one

from seq2seq.decoding.sampling import draw, sample

A, B, C = 3, 4, 5
OPTIONS = [
    (PLAIN, {}),
    (replace(PLAIN, length_penalty=0.5, coverage_penalty=0.2), {"temperature": 0.6}),
    (PLAIN, {"temperature": 1.7, "top_k": 3}),
    (PLAIN, {"top_p": 0.7}),
    (
        replace(PLAIN, shortest=3, blocked_ngram=2),
        {"temperature": 1.3, "top_k": 4, "top_p": 0.85},
    ),
]


def uniforms_of(seed, *shape):
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.mark.parametrize(("rules", "options"), OPTIONS)
def test_uniform_numbers_pick_the_outputs_of_the_twin(rules, options):
    picks = certain = 0
    for seed in range(6):
        sentences = (1, 3, 8, 9, 16, 30)[seed]
        tables = random_tables(seed, sentences, never=(-1e9, -np.inf)[seed % 2])
        limits = np.random.default_rng(seed).integers(1, 8, sentences)
        uniforms = uniforms_of(seed, sentences, 6, 7 + seed % 2)
        uniforms[0, :2] = [[0], [np.nextafter(np.float32(1), np.float32(0))]]
        found = run(sample, tables, limits, rules, uniforms, mode="graph", **options)
        for number, limit in enumerate(limits):
            sentence = Sentence(tables, number, limit, rules)
            twins = [sample_one(sentence, row, **options) for row in uniforms[number]]
            picks += 1
            if not any(close for _, close in twins):
                certain += 1
                expected = sorted((each for each, _ in twins), key=lambda each: -each.score)
                assert_same(outputs(found, number), expected)
    assert certain > 0.9 * picks


@pytest.mark.parametrize("options", [{}, {"top_k": 20}, {"top_p": 0.89, "temperature": 2.0}])
def test_tokens_of_a_large_vocabulary_are_picked_as_by_the_twin(options):
    tables, uniforms = large_tables(1, 4, 700), uniforms_of(5, 4, 2, 6)
    found = run(sample, tables, [6] * 4, PLAIN, uniforms, **options)
    for number in range(4):
        sentence = Sentence(tables, number, 6, PLAIN)
        expected = [sample_one(sentence, row, **options)[0] for row in uniforms[number]]
        assert {each.ids for each in outputs(found, number)} == {each.ids for each in expected}


def chi_square(tables, options, expected_options):
    """Of 4,000 samples of up to 3 tokens, and the degrees of freedom."""
    sentence, samples = Sentence(tables, 0, 3, PLAIN), 4000
    found = run(sample, tables, [3], PLAIN, uniforms_of(1, 1, samples, 3), **options)
    counts = Counter(each.ids for each in outputs(found, 0))
    assert counts.total() == samples
    statistic, rare, rare_count, cells = 0.0, 0.0, 0, 0
    for output in all_outputs(sentence):
        prefix, share = Prefix(), samples
        for token in output.ids:
            share *= dict(distribution(sentence, prefix, **expected_options)).get(token, 0)
            prefix = sentence.extend(prefix, token)
        if share < 5:
            rare, rare_count = rare + share, rare_count + counts[output.ids]
        else:
            statistic += (counts[output.ids] - share) ** 2 / share
            cells += 1
    assert abs(rare_count - rare) < 5 * (rare + 1) ** 0.5
    return statistic, cells


@pytest.mark.parametrize("options", [{}, {"temperature": 1.5}, {"top_k": 3, "top_p": 0.9}])
def test_frequencies_follow_the_distribution(options):
    tables = random_tables(3, 1)
    statistic, cells = chi_square(tables, options, options)
    assert cells > 4 - bool(options.get("top_k"))
    assert statistic < cells + 5 * (2 * cells) ** 0.5
    # Control: a slightly other temperature would show.
    statistic, cells = chi_square(tables, options, {**options, "temperature": 1.2})
    assert statistic > cells + 5 * (2 * cells) ** 0.5


FIRST = {A: 0.5, B: 0.25, C: 0.15, EOS: 0.1}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {A: 500, B: 250, C: 150, EOS: 100}),
        ({"temperature": 0.5}, {A: 725, B: 181, C: 65, EOS: 29}),  # squares: 25 : 6.25 : 2.25 : 1
        ({"top_k": 2}, {A: 667, B: 333}),
        ({"top_k": 9}, {A: 500, B: 250, C: 150, EOS: 100}),
        ({"top_p": 0.74}, {A: 667, B: 333}),  # .5 + .25 reaches it
        ({"top_p": 0.8}, {A: 556, B: 278, C: 167}),
        ({"top_p": 0.4}, {A: 1000}),
        ({"top_k": 3, "top_p": 0.8}, {A: 667, B: 333}),  # of the three a and b have .833
        ({"temperature": 0.5, "top_p": 0.85}, {A: 800, B: 200}),  # .725 + .181
    ],
)
def test_shares_of_the_first_token_worked_by_hand(options, expected):
    """With evenly spread uniform numbers a share is exact to one in a thousand."""
    tables = hand_tables({BOS: FIRST, A: {EOS: 1}, B: {EOS: 1}, C: {EOS: 1}}, vocabulary=6)
    uniforms = np.zeros((1, 1000, 2), np.float32)
    uniforms[0, :, 0] = (np.arange(1000) + 0.5) / 1000
    found = run(sample, tables, [2], PLAIN, uniforms, **options)
    counts = Counter(each.ids[0] for each in outputs(found, 0))
    assert counts.keys() == expected.keys()
    for token, count in expected.items():
        assert abs(counts[token] - count) <= 1
    for output in outputs(found, 0):  # of the distribution as it was
        assert np.exp(output.log_probability) == pytest.approx(FIRST[output.ids[0]], rel=1e-4)


def test_a_token_that_reaches_top_p_exactly_is_the_last():
    logits = np.full((1, 1, 6), -np.inf, np.float32)
    logits[..., [A, B]] = 0  # half of all each
    for top_p, expected in ((0.5, {A}), (0.51, {A, B})):
        drawn = [draw(logits, uniforms_of(seed, 1, 1), 1.0, 0, top_p) for seed in range(20)]
        assert {int(each[0, 0]) for each in drawn} == expected


@pytest.mark.parametrize("options", [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-3}])
def test_the_likeliest_choice_alone_is_greedy_search(options):
    rules = replace(PLAIN, shortest=3, blocked_ngram=2)
    tables, limits = random_tables(8, 7), [4, 8, 1, 8, 2, 6, 8]
    found = run(sample, tables, limits, rules, uniforms_of(0, 7, 3, 8), **options)
    for number, limit in enumerate(limits):
        expected = greedy(Sentence(tables, number, limit, rules))
        assert_same(outputs(found, number), [expected] * 3)
    # Control: the second likeliest makes a difference.
    found = run(sample, tables, limits, rules, uniforms_of(0, 7, 3, 8), top_k=2)
    assert len({each.ids for each in outputs(found, 1)}) > 1


def test_samples_of_a_sentence_come_best_first():
    found = run(sample, random_tables(2, 5), [8] * 5, PLAIN, uniforms_of(0, 5, 6, 8))
    assert (np.diff(found["scores"], axis=1) <= 0).all()
    assert (np.diff(found["scores"], axis=1) < 0).any()


def test_samples_depend_on_nothing_but_their_own_sentence_and_numbers():
    tables, limits = random_tables(9, 8), np.array([1, 7, 4, 7, 2, 6, 3, 5])
    uniforms = uniforms_of(4, 8, 3, 7)
    together, again = (run(sample, tables, limits, PLAIN, uniforms) for _ in range(2))
    order = np.random.default_rng(2).permutation(8)
    moved = run(sample, tables.take(order), limits[order], PLAIN, uniforms[order])
    for place, number in enumerate(order):
        assert_same(outputs(again, number), outputs(together, number))
        assert_same(outputs(moved, place), outputs(together, number))
        alone = run(sample, tables.take([number]), limits[[number]], PLAIN, uniforms[[number]])
        assert_same(outputs(alone, 0), outputs(together, number))
    # Control: other numbers, other samples.
    other = run(sample, tables, limits, PLAIN, uniforms[::-1].copy())
    assert other["ids"].tolist() != together["ids"].tolist()


def test_samples_keep_the_rules():
    rules = replace(PLAIN, shortest=4, blocked_ngram=1)
    limits = [2, 8, 5, 8]
    for each, holds in ((rules, True), (PLAIN, False)):  # the second is the control
        found = run(sample, random_tables(6, 4), limits, each, uniforms_of(3, 4, 20, 8))
        kept = [
            len(output.ids) >= min(4, limit) and len(set(output.ids)) == len(output.ids)
            for number, limit in enumerate(limits)
            for output in outputs(found, number)
        ]
        assert all(kept) == holds
        for number, limit in enumerate(limits):
            assert all(len(output.ids) <= limit for output in outputs(found, number))
            assert all(output.ids[-1] == EOS for output in outputs(found, number))
