"""Terms that outputs have to contain: all of them, at the price that the network asks."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import BOS, EOS, PLAIN, assert_same, hand_tables, outputs, random_tables, run
from twins import Sentence, all_outputs

from seq2seq.decoding.beam import beam_search
from seq2seq.decoding.forced_tokens import FREE, term_ids
from seq2seq.decoding.forcing import force
from seq2seq.decoding.step import LOG_ZERO, SUPPRESSED_BELOW
from seq2seq.decoding.terms import add_wanted, prepared, say

REAL = (3, 4, 5, 6)
LIMITS = (4, 4, 3)
some_terms = st.lists(st.lists(st.sampled_from(REAL), min_size=1, max_size=3), max_size=2)


def constrained(step, start, rules, ids, **options):
    """The search with terms."""
    terms = prepared(tf.ensure_shape(ids, (None, None, None)))
    return beam_search(step, replace(start, terms=terms), rules, **options)


def padded(terms):
    """Terms of each sentence as the search takes them, padded to two terms of three tokens."""
    filled = [[*some, [0, 0, 0], [0, 0, 0]][:2] for some in terms]
    ids = term_ids(filled)
    for sentence, some in enumerate(terms):
        ids[sentence, len(some) :] = FREE
    return ids


def search(tables, limits, terms, rules=PLAIN, **options):
    return run(constrained, tables, limits, rules, padded(terms), mode="graph", **options)


def contains(ids, term):
    """Whether a term stands in an output."""
    starts = range(len(ids) - len(term) + 1)
    return any(list(ids[start : start + len(term)]) == list(term) for start in starts)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10), st.tuples(some_terms, some_terms, some_terms), st.booleans())
def test_a_wide_beam_finds_every_output_with_the_terms_in_order(seed, terms, penalties):
    rules = replace(PLAIN, length_penalty=0.6, coverage_penalty=0.3) if penalties else PLAIN
    tables = random_tables(seed, 3, rules)
    found = search(tables, LIMITS, terms, rules, beam_width=85, n_best=85)
    for number, (limit, some) in enumerate(zip(LIMITS, terms, strict=True)):
        every = all_outputs(Sentence(tables, number, limit, rules))
        right = [each for each in every if all(contains(each.ids, term) for term in some)]
        assert_same(outputs(found, number), right)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10), st.lists(some_terms, min_size=9, max_size=9), st.integers(1, 4))
def test_a_narrow_beam_has_all_terms_and_does_not_depend_on_the_batch(seed, terms, beam_width):
    """Wherever there is room for one after the other, however little the network wants them."""
    rules = replace(PLAIN, length_penalty=0.7, coverage_penalty=0.2)
    tables, limits = random_tables(seed, 9, rules), np.array([7, 8, 9, 7, 10, 8, 7, 9, 12])
    options = {"beam_width": beam_width, "n_best": beam_width}
    found = search(tables, limits, terms, rules, **options)
    again = run(force, tables, limits, rules, found["ids"], mode="graph")
    mixed = [8, 2, 5]
    part = search(tables.take(mixed), limits[mixed], [terms[n] for n in mixed], rules, **options)
    for number, some in enumerate(terms):
        each = outputs(found, number)
        assert each
        assert all(contains(one.ids, term) for one in each for term in some)
        assert_same(outputs(again, number)[: len(each)], each)
    for place, number in enumerate(mixed):
        assert_same(outputs(part, place), outputs(found, number))


def test_sentences_without_terms_are_searched_as_ever_bit_for_bit():
    tables, limits = random_tables(3, 12), 1 + np.arange(12) % 8
    options = {"beam_width": 3, "n_best": 3}
    expected = run(beam_search, tables, limits, mode="graph", **options)
    found = search(tables, limits, [[]] * 12, **options)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    other = search(tables, limits, [[[REAL[-1]]]] * 12, **options)  # control
    assert other["ids"].tolist() != expected["ids"].tolist()


def test_a_term_stands_where_it_costs_least():
    a, b, c = 3, 4, 5
    tables = hand_tables(
        {
            BOS: {a: 0.7, b: 0.2, c: 0.1},
            a: {EOS: 0.8, b: 0.05, c: 0.15},
            b: {a: 0.5, EOS: 0.5},
            c: {EOS: 0.9, a: 0.1},
        },
        vocabulary=7,
    )
    rules = replace(PLAIN, length_penalty=0.0)

    def best(*terms):
        return outputs(search(tables, [6], [list(terms)], rules, beam_width=4, n_best=1), 0)[0].ids

    assert best() == (a, EOS)  # .56
    assert best([c]) == (a, c, EOS)  # .7 * .15 * .9 = .0945, and c alone .09
    assert best([b]) == (b, EOS)  # .1, and .7 * .05 * .5 = .0175 after a
    assert best([b], [a]) == (b, a, EOS)  # .2 * .5 * .8 = .08
    assert best([a, b]) == (a, b, EOS)


@pytest.mark.parametrize(("logit", "expected"), [(-9.0, [6, 3]), (2 * SUPPRESSED_BELOW, [6])])
def test_what_two_terms_want_is_one_continuation_where_it_is_a_choice(logit, expected):
    terms = prepared(tf.constant(term_ids([[[3, 4], [3, 5]]])))
    choices = np.full((1, 1, 7), logit, np.float32)
    best = tf.constant([[[0.0]]]), tf.constant([[[6]]])
    logits, ids = map(np.array, add_wanted(terms, tf.zeros((1, 1, 2), tf.int32), choices, *best))
    assert ids[logits > LOG_ZERO].tolist() == expected


@pytest.mark.parametrize(
    ("term", "said"), [([3, 3, 4], [3, 3, 3, 4]), ([3, 4, 3, 5], [3, 4, 3, 4, 3, 5])]
)
def test_a_term_that_begins_within_its_own_beginning_is_noticed(term, said):
    terms = prepared(tf.constant(term_ids([[term]])))
    states = [np.zeros((1, 1, 1), np.int32)]
    for token in said:
        states.append(np.array(say(terms, tf.constant(states[-1]), tf.constant([[token]]))))
    assert states[-1] == len(term) > max(states[:-1])
    assert say(terms, tf.constant(states[-1]), tf.constant([[6]])) == len(term)  # and stays said


@given(st.lists(st.lists(st.integers(3, 5), min_size=1, max_size=7), min_size=1, max_size=3))
def test_moves_are_the_longest_beginnings_that_still_stand(terms):
    ids = term_ids([terms])
    moves = prepared(ids).moves.numpy()[0]
    wanted = np.zeros_like(moves)
    for place, term in enumerate(terms):
        for said, number in np.ndindex(len(term), len(term)):
            heard = [*term[:said], term[number]]
            wanted[place, said, number] = max(
                n for n in range(len(heard) + 1) if heard[len(heard) - n :] == term[:n]
            )
    np.testing.assert_array_equal(moves, wanted)
