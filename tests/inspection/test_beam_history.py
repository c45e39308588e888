"""The history of a search holds every hypothesis it kept, and says truly why each one fell."""

import functools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tables import (
    BOS,
    EOS,
    PLAIN,
    Tables,
    hand_tables,
    outputs,
    random_tables,
    run,
    start_of,
    table_step,
)
from twins import Prefix, Sentence, score_of

from seq2seq.decoding.beam import beam_search
from seq2seq.decoding.forcing import force
from seq2seq.inspection.beam_history import beam_history, forced_log_probs

A, B = 3, 4
OPTIONS = [  # rules, beam_width, n_best
    (PLAIN, 4, 1),
    (replace(PLAIN, length_penalty=0.0), 1, 1),
    (replace(PLAIN, length_penalty=0.6, coverage_penalty=0.2), 3, 3),
    (replace(PLAIN, length_penalty=1.3, shortest=3), 2, 2),
    (replace(PLAIN, blocked_ngram=1), 6, 3),
    (replace(PLAIN, length_penalty=0.6, blocked_ngram=2, shortest=2), 8, 4),
]


def start(tables: Tables, limit):
    return start_of(
        tf.constant(tables.logits),
        tf.constant(tables.attention),
        tf.constant(tables.source_mask, tf.bool),
        tf.constant([limit], tf.int32),
    )


def history(tables, limit, rules=PLAIN, beam_width=2, n_best=1):
    return beam_history(table_step, start(tables, limit), rules, beam_width, n_best)


@functools.cache
def problems(rules, beam_width, n_best):
    """Tables of one sentence, a limit and the history; in some of them ties are common."""
    found = []
    for seed in range(4):
        tables = random_tables(seed, 1, rules, quantised=seed % 3 == 0)
        limit = 2 + 2 * seed
        found.append((tables, limit, history(tables, limit, rules, beam_width, n_best)))
    return found


def opened_by_the_twin(sentence, beam_width, steps):
    """The ids of the hypotheses kept after each step, from the description of beam search."""
    opened = [Prefix()]
    kept = [{()}]
    for _ in range(steps):
        continued = [
            ((-prefix.total - step.log_probabilities[-1], slot, token), step)
            for slot, prefix in enumerate(opened)
            for token in sentence.allowed(prefix)
            if token != sentence.rules.eos
            for step in [sentence.extend(prefix, token)]
        ]
        opened = [step for _, step in sorted(continued, key=lambda each: each[0])[:beam_width]]
        kept.append({each.ids for each in opened})
    return kept


@pytest.mark.parametrize(("rules", "beam_width", "n_best"), OPTIONS)
def test_outputs_are_those_of_the_search(rules, beam_width, n_best):
    for tables, limit, found in problems(rules, beam_width, n_best):
        own = run(beam_search, tables, [limit], rules, beam_width=beam_width, n_best=n_best)
        expected = outputs(own, 0)
        ended = [found.hypotheses[number] for number in found.outputs]
        assert [each.ids for each in ended] == [each.ids for each in expected]
        assert all(each.fate == "finished" for each in ended)
        for one, other in zip(ended, expected, strict=True):
            np.testing.assert_allclose(one.score, other.score, rtol=1e-5)
            np.testing.assert_allclose(one.log_probability, other.log_probability, rtol=1e-5)
            np.testing.assert_allclose(one.weights, other.weights, atol=1e-6)


@pytest.mark.parametrize(("rules", "beam_width", "n_best"), OPTIONS)
def test_open_hypotheses_are_those_of_the_twin(rules, beam_width, n_best):
    sizes = set()
    for tables, limit, found in problems(rules, beam_width, n_best):
        at_limit = found.steps == limit
        kept = opened_by_the_twin(
            Sentence(tables, 0, limit, rules), beam_width, found.steps - at_limit
        )
        for step, ids in enumerate(kept):
            opened = {
                each.ids
                for each in found.hypotheses
                if each.score is None and len(each.ids) == step
            }
            assert opened == ids
            sizes.add(len(ids))
    assert sizes == {1} if beam_width == 1 else max(sizes) > 1


@pytest.mark.parametrize(("rules", "beam_width", "n_best"), OPTIONS)
def test_every_hypothesis_has_the_numbers_of_its_own_forced_decoding(rules, beam_width, n_best):
    for tables, limit, found in problems(rules, beam_width, n_best):
        own = [
            each.ids if each.score is not None else (*each.ids, EOS) for each in found.hypotheses
        ]
        rows = np.zeros((1, len(own), max(map(len, own))), np.int32)
        for row, ids in zip(rows[0], own, strict=True):
            row[: len(ids)] = ids
        forced = run(force, tables, [limit], rules, rows)
        for row, each in enumerate(found.hypotheses):
            gains = forced["token_log_probabilities"][0, row, : len(each.ids)]
            weights = forced["weights"][0, row, : len(each.ids)]
            np.testing.assert_allclose(each.token_log_probabilities, gains, atol=1e-5)
            np.testing.assert_allclose(each.weights, weights, atol=1e-6)
            np.testing.assert_allclose(each.weights.sum(axis=1), 1, atol=1e-5)
            assert (each.weights[:, ~tables.source_mask[0]] == 0).all()


@pytest.mark.parametrize(("rules", "beam_width", "n_best"), OPTIONS)
def test_fates_agree_with_the_tree(rules, beam_width, n_best):
    fates = Counter()
    for tables, limit, found in problems(rules, beam_width, n_best):
        sentence = Sentence(tables, 0, limit, rules)
        parents = [each.parent for each in found.hypotheses]
        best = found.hypotheses[found.outputs[0]].score
        assert parents[0] is None and found.hypotheses[0].ids == ()
        for number, each in enumerate(found.hypotheses):
            fates[each.fate] += 1
            if number:
                assert found.hypotheses[each.parent].ids == each.ids[:-1]
                assert each.parent < number
            children = [
                other
                for other, parent in zip(found.hypotheses, parents, strict=True)
                if parent == number
            ]
            opened = any(child.score is None for child in children)
            assert opened == (each.fate == "continued")
            assert bool(children) == (each.fate in ("continued", "ended"))
            if each.score is not None:
                np.testing.assert_allclose(each.score, score_of(sentence, each.ids).score, 1e-4)
                assert each.score <= best
            if each.fate == "pruned":
                assert each.fell_at == len(each.ids) + 1
            if each.fate in ("could_not_win", "too_long"):
                assert each.fell_at == found.steps
        assert len(found.outputs) <= n_best
    assert fates["finished"] and fates["continued"]


def test_a_search_by_hand():
    """.6 looks best now, .4 * .9 = .36 wins: a's continuations fall, one of them while it is open.

    After step 1 a (.6) and b (.4) are open. Step 2: a a and a b (.21 each) are kept, b has no place
    but ends with .36, which is the best output; a's end has .18. No open hypothesis can reach .36.
    """
    tables = hand_tables(
        {BOS: {A: 0.6, B: 0.4}, A: {EOS: 0.3, A: 0.35, B: 0.35}, B: {EOS: 0.9, A: 0.05, B: 0.05}}
    )
    found = history(tables, 5, replace(PLAIN, length_penalty=0.0))
    assert [(each.ids, each.fate, each.fell_at) for each in found.hypotheses] == [
        ((), "continued", None),
        ((A,), "continued", None),
        ((B,), "ended", 2),
        ((A, A), "could_not_win", 2),
        ((A, B), "could_not_win", 2),
        ((B, EOS), "finished", None),
    ]
    assert (found.steps, found.stopped_at_limit, found.outputs) == (2, False, [5])
    np.testing.assert_allclose(
        [np.exp(each.log_probability) for each in found.hypotheses],
        [1, 0.6, 0.4, 0.21, 0.21, 0.36],
        rtol=1e-5,
    )


def test_an_output_that_a_better_one_beats_falls_at_that_ones_step():
    """EOS at once has .1; then a ends with .9 * .9."""
    tables = hand_tables({BOS: {EOS: 0.1, A: 0.9}, A: {EOS: 0.9, A: 0.1}})
    found = history(tables, 5, replace(PLAIN, length_penalty=0.0))
    fates = {each.ids: (each.fate, each.fell_at) for each in found.hypotheses}
    assert fates[(EOS,)] == ("beaten", 2)
    assert fates[(A, EOS)] == ("finished", None)
    both = history(tables, 5, replace(PLAIN, length_penalty=0.0), n_best=2)
    assert {each.fate for each in both.hypotheses if each.score} == {"finished"}


def test_a_hypothesis_at_the_limit_is_too_long_or_ends():
    tables = hand_tables({BOS: {A: 0.6, B: 0.4}, A: {EOS: 0.5, A: 0.5}, B: {EOS: 0.5, A: 0.5}})
    found = history(tables, 2, replace(PLAIN, length_penalty=0.0))
    fates = {each.ids: (each.fate, each.fell_at) for each in found.hypotheses}
    assert fates[(A,)] == ("ended", 2)
    assert fates[(B,)] == ("too_long", 2)
    assert found.stopped_at_limit


def test_forced_log_probabilities_are_whole_distributions():
    tables, limit = random_tables(5, 1), 6
    ids = [A, B, A, EOS]
    found = forced_log_probs(table_step, start(tables, limit), PLAIN, ids)
    assert found.shape == (4, tables.logits.shape[-1])
    np.testing.assert_allclose(np.exp(found).sum(axis=-1), 1, atol=1e-5)
    forced = run(force, tables, [limit], PLAIN, np.array([[ids]], np.int32))
    own = forced["token_log_probabilities"][0, 0]
    np.testing.assert_allclose(found[range(4), ids], own, atol=1e-5)


def test_what_is_no_sentence_is_refused():
    tables = random_tables(1, 2)
    two = start_of(*map(tf.constant, (tables.logits, tables.attention)), tables.source_mask, [3, 3])
    two = replace(two, max_lengths=tf.constant([3, 3]))
    with pytest.raises(ValueError, match="one sentence, not of 2"):
        beam_history(table_step, two, PLAIN, 2)
    with pytest.raises(ValueError, match="EOS at least"):
        forced_log_probs(table_step, two, PLAIN, [])
