"""The long-range tests' sequences: which steps tell the answer, and that no other does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.memory_tasks import PAD, CopyTask, LastSymbolTask, OrderTask

distance_lists = st.lists(st.integers(0, 500), min_size=1, max_size=6)
seeds = st.integers(0, 2**32 - 1)
tasks = st.builds(CopyTask, symbols=st.integers(2, 20), distractors=st.integers(1, 20))


def draw(task, distances, seed):
    return task.batch(np.array(distances), np.random.default_rng(seed))


@settings(deadline=None)
@given(tasks, distance_lists, seeds)
def test_each_sequence_is_a_symbol_its_distractors_a_question_and_padding(task, distances, seed):
    ids, answers = draw(task, distances, seed)
    assert ids.shape == (len(distances), max(distances) + 2)
    assert ids.dtype == answers.dtype == np.int32
    assert ids.max() < task.vocabulary_size
    for row, answer, distance in zip(ids, answers, distances, strict=True):
        symbol, between, rest = row[0], row[1 : distance + 1], row[distance + 1 :]
        assert symbol == 1 + answer and 0 <= answer < task.symbols
        assert ((between > task.symbols) & (between < task.question)).all()
        assert rest[0] == task.question
        assert (rest[1:] == PAD).all()


@settings(deadline=None)
@given(distance_lists, seeds)
def test_a_seed_gives_the_same_sequences_and_another_seed_others(distances, seed):
    distances = [*distances, 50]  # enough that two draws never agree by chance
    ids, answers = draw(CopyTask(), distances, seed)
    again, same_answers = draw(CopyTask(), distances, seed)
    np.testing.assert_array_equal(again, ids)
    np.testing.assert_array_equal(same_answers, answers)
    assert (draw(CopyTask(), distances, seed + 1)[0] != ids).any()


def test_symbols_and_distractors_are_drawn_evenly_and_apart():
    task = CopyTask(symbols=4, distractors=2)
    ids, answers = draw(task, [1] * 8000, seed=3)
    table = np.zeros((4, 2))
    np.add.at(table, (answers, ids[:, 1] - 5), 1)
    # Each of the 8 pairs is expected 1000 times with a standard deviation of about 30.
    assert np.abs(table - 1000).max() < 180


def test_chance_is_one_of_the_symbols():
    assert CopyTask(symbols=4).chance == 0.25


@pytest.mark.parametrize("distances", [[], [3, -1]])
def test_a_batch_without_a_sequence_or_with_a_negative_distance_is_refused(distances):
    with pytest.raises(ValueError, match="0 or more"):
        draw(CopyTask(), distances, seed=1)


@pytest.mark.parametrize("sizes", [{"symbols": 1}, {"distractors": 0}])
def test_a_task_that_asks_nothing_is_refused(sizes):
    with pytest.raises(ValueError, match="2 symbols and 1 distractor"):
        CopyTask(**sizes)


@settings(deadline=None)
@given(st.builds(LastSymbolTask, later=st.integers(0, 5)), distance_lists, seeds)
def test_the_last_symbol_answers_and_all_stand_in_the_first_half(task, distances, seed):
    ids, answers = draw(task, distances, seed)
    for row, answer, distance in zip(ids, answers, distances, strict=True):
        places = np.flatnonzero((row > PAD) & (row <= task.symbols))
        assert places[0] == 0 and places[-1] <= distance // 2
        assert 1 <= len(places) <= 1 + task.later
        assert row[places[-1]] == 1 + answer
        assert row[distance + 1] == task.question


def test_later_symbols_differ_from_the_first():
    """The control: who only keeps the first is right by chance, where another came."""
    ids, answers = draw(LastSymbolTask(), [100] * 4000, seed=1)
    assert abs((ids[:, 0] == 1 + answers).mean() - 1 / 8) < 0.03


@settings(deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=6), seeds)
def test_two_symbols_in_their_places_are_the_answer(distances, seed):
    task = OrderTask()
    ids, answers = draw(task, distances, seed)
    for row, answer, distance in zip(ids, answers, distances, strict=True):
        first, second = np.flatnonzero((row > PAD) & (row <= task.symbols))
        length = distance + 1
        assert 0.1 * length - 1 < first <= 0.2 * length < second + 1 <= 0.6 * length + 1
        assert answer == 2 * (row[first] - 1) + row[second] - 1
        assert row[length] == task.question


def test_every_order_is_as_frequent():
    task = OrderTask()
    _, answers = draw(task, [20] * 4000, seed=1)
    assert task.chance == 0.25
    assert np.abs(np.bincount(answers, minlength=4) - 1000).max() < 110


def test_there_is_no_order_of_one():
    with pytest.raises(ValueError, match="1 or more"):
        draw(OrderTask(), [0], seed=1)
