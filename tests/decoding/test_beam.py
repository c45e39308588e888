from dataclasses import replace

import numpy as np
import pytest
from tables import (
    BOS,
    EOS,
    PLAIN,
    assert_same,
    hand_tables,
    outputs,
    random_tables,
    run,
    table_step,
)
from twins import Sentence, all_outputs

from seq2seq.decoding.beam import beam_search
from seq2seq.decoding.greedy import greedy_search

A, B = 3, 4


def search(tables, limits, rules=PLAIN, beam_width=4, n_best=1, **options):
    return run(beam_search, tables, limits, rules, beam_width=beam_width, n_best=n_best, **options)


def best(tables, limit, **options):
    return outputs(search(tables, [limit], **options), 0)[0]


@pytest.mark.parametrize(
    "rules",
    [
        replace(PLAIN, length_penalty=0.0),
        replace(PLAIN, length_penalty=0.6, coverage_penalty=0.3, shortest=2),
        replace(PLAIN, blocked_ngram=1),
    ],
)
def test_a_beam_wide_enough_finds_every_output_in_order(rules):
    """Four words: 1 + 4 + 16 + 64 outputs up to length 4."""
    tables, limits = random_tables(0, 3, rules), (4, 2, 3)
    found = search(tables, limits, rules, beam_width=85, n_best=85)
    for number, limit in enumerate(limits):
        expected = all_outputs(Sentence(tables, number, limit, rules))
        assert len(expected) == 85 or limit < 4 or rules.blocked_ngram or rules.shortest > 1
        assert_same(outputs(found, number), expected)


def test_beam_escapes_the_garden_path():
    tables = hand_tables(
        {
            BOS: {A: 0.6, B: 0.4},  # a looks best at first
            A: {EOS: 0.3, A: 0.35, B: 0.35},
            B: {EOS: 0.9, A: 0.05, B: 0.05},
        }
    )
    rules = replace(PLAIN, length_penalty=0.0)
    output = best(tables, 3, rules=rules, beam_width=2)
    assert output.ids == (B, EOS)  # .4 * .9 = .36 wins over .6 * .3
    assert np.exp(output.score) == pytest.approx(0.36)
    # Control: without a second place the search is led away.
    assert outputs(run(greedy_search, tables, [3], rules), 0)[0].ids[0] == A
    assert best(tables, 3, rules=rules, beam_width=1).ids[0] == A


def test_length_normalisation_prefers_the_longer_output():
    tables = hand_tables({BOS: {EOS: 0.5, A: 0.5}, A: {EOS: 0.95, A: 0.05}})
    # log .5 = -.693 alone; log(.5 * .95) = -.744, over (7/6) = -.638.
    assert best(tables, 4, rules=replace(PLAIN, length_penalty=0.0)).ids == (EOS,)
    assert best(tables, 4, rules=replace(PLAIN, length_penalty=1.0)).ids == (A, EOS)


def test_a_search_goes_on_while_a_long_output_may_still_win():
    """log .4 = -.916 at once; log .3 = -1.204, over (7/6) -1.032, but over (11/6) -.657."""
    chain = {token: {token + 1: 1.0} for token in range(3, 7)}
    tables = hand_tables({BOS: {EOS: 0.4, 3: 0.3, 9: 0.3}, **chain}, vocabulary=10)
    assert best(tables, 6).ids == (3, 4, 5, 6, 7, EOS)
    # Control: no output within this limit is long enough.
    assert best(tables, 2).ids == (EOS,)
    assert best(tables, 6, rules=replace(PLAIN, length_penalty=0.0)).ids == (EOS,)


def test_coverage_prefers_the_output_that_saw_the_whole_source():
    tables = hand_tables(
        {BOS: {EOS: 0.6, A: 0.4}, A: {EOS: 1.0}},
        attention=[[0, 0], [1, 0], [0, 0], [0, 0], [0, 1]],  # BOS sees the first, a the second
    )
    # log .4 - log .6 = -.405, against beta * log 1e-6 = -13.8 * beta for the position not seen.
    assert best(tables, 4, rules=replace(PLAIN, length_penalty=0.0, coverage_penalty=0.0)).ids == (
        EOS,
    )
    assert best(tables, 4, rules=replace(PLAIN, length_penalty=0.0, coverage_penalty=0.02)).ids == (
        EOS,
    )
    assert best(tables, 4, rules=replace(PLAIN, length_penalty=0.0, coverage_penalty=0.04)).ids == (
        A,
        EOS,
    )


@pytest.mark.parametrize("never", [-1e9, -np.inf])
def test_an_output_ends_only_where_eos_is_possible(never):
    """After a it is not, and a leads the beam; later b leads, and a may still not end."""
    tables = hand_tables({BOS: {A: 0.6, B: 0.4}, A: {A: 0.5, B: 0.5}, B: {EOS: 0.5, B: 0.5}})
    tables.logits[tables.logits == -1e9] = never
    rules = replace(PLAIN, length_penalty=0.0)
    found = outputs(search(tables, [9], rules, beam_width=2, n_best=2), 0)
    # .4 * .5; then of length 3 b b has .4 * .5 * .5 and a b .6 * .5 * .5.
    assert [each.ids for each in found] == [(B, EOS), (A, B, EOS)]
    assert np.exp([each.score for each in found]) == pytest.approx([0.2, 0.15])


@pytest.mark.parametrize("never", [-1e9, -np.inf])
def test_places_without_an_output_are_empty(never):
    tables = hand_tables({BOS: {EOS: 0.5, A: 0.5}, A: {EOS: 0.5, A: 0.5}})
    tables.logits[tables.logits == -1e9] = never
    found = search(tables, [3], beam_width=6, n_best=5)
    assert {each.ids for each in outputs(found, 0)} == {(EOS,), (A, EOS), (A, A, EOS)}
    assert found["lengths"].tolist()[0][3:] == [0, 0]
    for name in ("ids", "token_log_probabilities", "weights"):
        assert not found[name][0, 3:].any()
    assert not any(np.isnan(values).any() for values in found.values())


def test_asking_for_more_outputs_leaves_the_first_ones_as_they_are():
    tables, limits = random_tables(5, 8), range(1, 9)
    many = search(tables, limits, n_best=4)
    for n_best in (1, 2):
        few = search(tables, limits, n_best=n_best)
        for number in range(8):
            assert_same(outputs(few, number), outputs(many, number)[:n_best])
    # Control: another beam width does not leave them.
    narrow = search(tables, limits, beam_width=2, n_best=2)
    assert narrow["ids"].tolist() != many["ids"][:, :2].tolist()


def test_a_sentence_is_searched_alike_alone_in_a_batch_and_in_any_order():
    tables, limits = random_tables(7, 9), np.array([3, 9, 1, 6, 2, 9, 5, 3, 7])
    together = search(tables, limits, n_best=3)
    shuffled = np.random.default_rng(0).permutation(9)
    moved = search(tables.take(shuffled), limits[shuffled], n_best=3)
    for place, number in enumerate(shuffled):
        assert_same(outputs(moved, place), outputs(together, number))
        alone = search(tables.take([number]), limits[[number]], n_best=3)
        assert_same(outputs(alone, 0), outputs(together, number))
    # Control: its own limit is what ends it.
    shorter = search(tables, limits - (limits > 5), n_best=3)
    assert shorter["scores"].tolist() != together["scores"].tolist()


@pytest.mark.parametrize("mode", ["eager", "static"])
@pytest.mark.parametrize("sentences", [3, 20])
def test_graphs_and_eager_calls_find_the_same(mode, sentences):
    tables, limits = random_tables(4, sentences), 1 + np.arange(sentences) % 9
    found, expected = (search(tables, limits, n_best=2, mode=each) for each in (mode, "graph"))
    for number in range(sentences):
        assert_same(outputs(found, number), outputs(expected, number))


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_batch_of_no_sentences_has_no_outputs(mode):
    empty = random_tables(0, 3).take([])
    assert search(empty, [], n_best=2, mode=mode)["lengths"].shape == (0, 2)
    # Control
    assert search(random_tables(0, 3), [2] * 3, n_best=2, mode=mode)["lengths"].shape == (3, 2)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_source_without_positions_can_be_searched(mode):
    tables, limits = random_tables(4, 12), 1 + np.arange(12) % 6
    blind = replace(
        tables, attention=tables.attention[..., :0], source_mask=tables.source_mask[:, :0]
    )
    found, expected = (search(each, limits, n_best=2, mode=mode) for each in (blind, tables))
    np.testing.assert_array_equal(found["ids"], expected["ids"])
    assert found["weights"].shape[-1] == 0 < expected["weights"].shape[-1]


def count_rows(tables, limits, **options):
    """How many sentences each call of the step saw."""
    rows = []

    def counted(previous_ids, state, context):
        assert previous_ids.shape[0] == context[0].shape[0] == state[0].shape[0]
        rows.append(int(previous_ids.shape[0]))
        return table_step(previous_ids, state, context)

    search(tables, limits, step=counted, **options)
    return rows


def test_a_sentence_that_cannot_improve_is_searched_no_further():
    row = {A: 0.05, B: 0.05, EOS: 0.9}
    ending = hand_tables({BOS: row, A: row, B: row})
    assert len(count_rows(ending, [50])) < 5  # log .1 / (55/6) = -.25, log .01 / (55/6) = -.50
    # Control: what is as likely to go on is followed to its limit.
    row = {A: 0.98, B: 0.01, EOS: 0.01}
    assert len(count_rows(hand_tables({BOS: row, A: row, B: row}), [50])) >= 49


def test_sentences_that_are_done_leave_the_batch():
    tables, limits = random_tables(2, 32), [2] * 31 + [12]
    rows = count_rows(tables, limits, rules=replace(PLAIN, shortest=12))
    assert rows[:2] == [32, 32]
    assert rows[-1] == 8  # the one that is left, and what fills its batch up
    assert rows == sorted(rows, reverse=True)
    # Control: where all take equally long, all stay.
    assert set(count_rows(tables, [4] * 32, rules=replace(PLAIN, shortest=4))) == {32}
