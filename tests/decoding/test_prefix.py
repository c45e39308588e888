from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import (
    BOS,
    EOS,
    PLAIN,
    VOCABULARY,
    assert_same,
    hand_tables,
    outputs,
    random_tables,
    run,
)
from twins import Sentence, all_outputs

from seq2seq.decoding.beam import beam_search
from seq2seq.decoding.forced_tokens import FREE, NEW_WORD
from seq2seq.decoding.forcing import force
from seq2seq.decoding.greedy import greedy_search
from seq2seq.decoding.sampling import sample
from seq2seq.decoding.step import Prefixes

RANKS = np.array([-1, -1, -1, 2, 0, 1, 3], np.int32)  # of the tables' tokens
REAL = [token for token in range(VOCABULARY) if token > EOS]
PLACES = 4
LIMITS = (4, 2, 3)
FREE_PLACE = (FREE, 0, 0)

ranges = st.tuples(st.integers(0, 4), st.integers(0, 4))
prefixes = st.builds(
    lambda ids, completions, last: [
        *((token, *completion) for token, completion in zip(ids, completions, strict=False)),
        last,
    ],
    st.lists(st.sampled_from(REAL), max_size=PLACES - 1),
    st.lists(ranges, min_size=PLACES, max_size=PLACES),
    st.just(FREE_PLACE) | ranges.map(lambda some: (NEW_WORD, *some)),
)


def led(search):
    """The search with places (B, P, 3) as its first array."""

    def with_prefixes(step, start, rules, places, *arrays, **options):
        places = tf.ensure_shape(places, (None, None, 3))
        start = replace(start, prefixes=Prefixes(places, tf.constant(RANKS)))
        return search(step, start, rules, *arrays, **options)

    return with_prefixes


led_beam, led_greedy, led_sample = (led(each) for each in (beam_search, greedy_search, sample))


def rows(some):
    """Prefixes of different lengths as one array."""
    filled = [[*each, *[FREE_PLACE] * (PLACES - len(each))] for each in some]
    return np.array(filled, np.int32).reshape(-1, PLACES, 3)


def obeys(ids, prefix):
    """Whether an output begins as its prefix says."""
    for token, (wanted, first, end) in zip(ids, [*prefix, FREE_PLACE], strict=False):
        completes = first <= RANKS[token] < end
        if wanted == FREE:
            return True
        if wanted == NEW_WORD:
            return completes or token == EOS
        if token != wanted:
            return completes
    return True


def has_room(prefix, limit):
    return sum(wanted >= 0 for wanted, _, _ in prefix) < limit


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10), st.tuples(prefixes, prefixes, prefixes), st.booleans())
def test_a_wide_beam_finds_every_output_that_begins_so_in_order(seed, some, penalties):
    rules = replace(PLAIN, length_penalty=0.6, coverage_penalty=0.3) if penalties else PLAIN
    tables = random_tables(seed, 3, rules)
    found = run(led_beam, tables, LIMITS, rules, rows(some), mode="graph", beam_width=85, n_best=85)
    for number, (limit, prefix) in enumerate(zip(LIMITS, some, strict=True)):
        every = all_outputs(Sentence(tables, number, limit, rules))
        begin_so = [each for each in every if obeys(each.ids, prefix)]
        assert_same(outputs(found, number), begin_so if has_room(prefix, limit) else [])


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10), st.lists(prefixes, min_size=9, max_size=9))
def test_what_is_found_costs_what_forcing_it_costs_and_does_not_depend_on_the_batch(seed, some):
    rules = replace(PLAIN, length_penalty=0.7, coverage_penalty=0.2, shortest=2, blocked_ngram=2)
    tables, limits = random_tables(seed, 9, rules), np.array([5, 2, 8, 3, 6, 4, 7, 5, 1])
    uniforms = np.random.default_rng(seed).random((9, 2, 8), np.float32)
    for search, arrays, options in (
        (led_beam, (), {"beam_width": 3, "n_best": 2}),
        (led_greedy, (), {}),
        (led_sample, (uniforms,), {"temperature": 1.5}),
    ):
        found = run(search, tables, limits, rules, rows(some), *arrays, mode="graph", **options)
        again = run(force, tables, limits, rules, found["ids"], mode="graph")
        mixed = [8, 2, 5]
        part = run(
            *(search, tables.take(mixed), limits[mixed], rules, rows(some)[mixed]),
            *(each[mixed] for each in arrays),
            mode="graph",
            **options,
        )
        for number, prefix in enumerate(some):
            each = outputs(found, number)
            assert bool(each) == has_room(prefix, limits[number])
            assert all(obeys(one.ids, prefix) for one in each)
            assert_same(outputs(again, number), each)
        for place, number in enumerate(mixed):
            assert_same(outputs(part, place), outputs(found, number))


@pytest.mark.parametrize(
    ("plain", "with_prefixes", "options"),
    [(beam_search, led_beam, {"beam_width": 3, "n_best": 3}), (greedy_search, led_greedy, {})],
)
def test_an_empty_prefix_changes_no_bit(plain, with_prefixes, options):
    tables, limits = random_tables(3, 12), 1 + np.arange(12) % 8
    expected = run(plain, tables, limits, mode="graph", **options)
    found = run(with_prefixes, tables, limits, PLAIN, rows([[]] * 12), mode="graph", **options)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    # Control
    forced = [[(REAL[-1], 0, 0), FREE_PLACE]] * 12
    other = run(with_prefixes, tables, limits, PLAIN, rows(forced), mode="graph", **options)
    assert other["ids"].tolist() != expected["ids"].tolist()


@pytest.mark.parametrize("search", ["beam", "greedy"])
def test_a_completion_is_taken_where_the_network_prefers_it(search):
    a, b, ab = 3, 4, 5  # ranks 2, 0, 1: "ab" alone completes what "a b" says
    tables = hand_tables(
        {BOS: {a: 0.3, ab: 0.6, b: 0.1}, a: {b: 0.1, EOS: 0.9}}, vocabulary=VOCABULARY
    )

    def best(prefix):
        options = {"beam_width": 2} if search == "beam" else {}
        chosen = led_beam if search == "beam" else led_greedy
        found = run(chosen, tables, [6], PLAIN, rows([prefix]), **options)
        return outputs(found, 0)[0].ids

    assert best([(a, 1, 2), (b, 0, 1), FREE_PLACE]) == (ab, EOS)
    # Controls: forced letter by letter; and with a new word after it.
    assert best([(a, 0, 0), (b, 0, 0), FREE_PLACE]) == (a, b, EOS)
    assert best([(a, 0, 0), (NEW_WORD, 0, 1)]) == (a, EOS)


def test_a_prefix_may_say_what_rules_forbid():
    rules = replace(PLAIN, blocked_ngram=1, shortest=5)
    tables = random_tables(4, 1, rules)
    prefix = [(3, 0, 0), (3, 0, 0), FREE_PLACE]
    for search, options in ((led_beam, {"beam_width": 2}), (led_greedy, {})):
        found = run(search, tables, [8], rules, rows([prefix]), **options)
        ids = outputs(found, 0)[0].ids
        assert ids[:2] == (3, 3)
        assert (
            len(ids) >= 5 and len(set(ids[1:])) == len(ids) - 1
        )  # what it chose itself keeps them
