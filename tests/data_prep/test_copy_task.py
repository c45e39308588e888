"""The long-range test's sequences: only the first step tells the answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.copy_task import PAD, CopyTask

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
