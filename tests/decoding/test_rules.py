"""What no output of any search may do."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import BOS, EOS, PAD, PLAIN, hand_tables, outputs, random_tables, run

from seq2seq.decoding.beam import beam_search
from seq2seq.decoding.greedy import greedy_search
from seq2seq.decoding.sampling import sample

A = 3


def ids_of(search, tables, limits, rules):
    """Ids of all outputs, a list for each sentence."""
    arrays, options = [], {}
    if search is sample:
        arrays = [np.random.default_rng(0).random((len(limits), 3, max(limits)), np.float32)]
    if search is beam_search:
        options = {"beam_width": 3, "n_best": 3}
    found = run(search, tables, limits, rules, *arrays, **options)
    return [[each.ids for each in outputs(found, number)] for number in range(len(limits))]


def repeated(ids, size):
    grams = [ids[start : start + size] for start in range(len(ids) - size + 1)]
    return size > 0 and len(grams) > len(set(grams))


@pytest.mark.parametrize("search", [greedy_search, beam_search, sample])
@settings(deadline=None, max_examples=8)
@given(
    st.integers(0, 10**6),
    st.lists(st.integers(1, 8), min_size=1, max_size=12),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_outputs_keep_the_rules(search, seed, limits, shortest, size):
    rules = replace(PLAIN, shortest=shortest, blocked_ngram=size)
    tables = random_tables(seed, len(limits), rules)
    for limit, found in zip(limits, ids_of(search, tables, limits, rules), strict=True):
        assert found
        for *words, last in found:
            assert last == EOS
            assert not {PAD, BOS, EOS} & set(words)
            assert min(shortest, limit) <= len(words) + 1 <= limit
            assert not repeated(tuple(words), size)


@pytest.mark.parametrize("search", [greedy_search, beam_search, sample])
def test_without_the_rules_outputs_do_break_them(search):
    """The control of the test above."""
    tables = random_tables(1, 12)
    found = [ids for each in ids_of(search, tables, [8] * 12, PLAIN) for ids in each]
    assert any(len(ids) < 4 for ids in found)
    assert any(repeated(ids, 1) for ids in found)
    assert any(repeated(ids, 2) for ids in found)
    assert any(len(ids) > 4 for ids in found)


@pytest.mark.parametrize("search", [greedy_search, beam_search, sample])
@pytest.mark.parametrize("never", [-1e9, -np.inf])
def test_rules_that_leave_no_choice_bring_no_forbidden_token(search, never):
    """After one a, a is blocked and EOS comes too soon; what ends such an output is left open."""
    tables = hand_tables({BOS: {A: 0.9, EOS: 0.1}, A: {A: 0.9, EOS: 0.1}}, vocabulary=4)
    tables.logits[tables.logits == -1e9] = never
    for rules in (replace(PLAIN, shortest=4, blocked_ngram=1), replace(PLAIN, shortest=4)):
        (found,) = ids_of(search, tables, [6], rules)
        assert all(set(ids) <= {A, EOS} and ids[-1] == EOS for ids in found)
    assert any(len(ids) >= 4 for ids in found)  # the control: without blocking there is a choice


@pytest.mark.parametrize("search", [greedy_search, beam_search, sample])
def test_a_size_above_all_lengths_changes_nothing_and_makes_no_larger_graph(search):
    tables, limits = random_tables(11, 3), [4, 7, 5]
    found = ids_of(search, tables, limits, replace(PLAIN, blocked_ngram=10**6))
    assert found == ids_of(search, tables, limits, PLAIN)
    assert found != ids_of(search, tables, limits, replace(PLAIN, blocked_ngram=1))  # the control
