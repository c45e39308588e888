"""From rows of ids to an epoch's batches: every pair once, and on from where it was left."""

import functools

import numpy as np
import pytest

from seq2seq.data.id_rows import IdRows
from seq2seq.data.pipeline import batch_by_tokens, drawn_pairs, padded_batches, row_batches

FIRST = 4  # ids below are special
COUNT = 1300  # pairs, more than two chunks; the ids of pair n are the digits of n


def content(batches):
    return [tuple(side.tolist() for side in batch) for batch in batches.as_numpy_iterator()]


def digits(numbers):
    rows = [[FIRST + int(digit) for digit in str(number)] for number in numbers]
    splits = np.cumsum([0, *map(len, rows)])
    return IdRows(np.array([i for row in rows for i in row], np.int32), splits)


def held(seed, shuffle_buffer=700):
    """Batches of pairs whose ids are in memory."""
    sides = [digits(range(COUNT))] * 2
    rows = row_batches(*sides, np.arange(1000), shuffle_buffer, 100, seed)
    return padded_batches(rows, *sides)


def drawn(seed, shuffle_buffer=700):
    """Batches of the same pairs, and longer ones, whose ids are made when they are needed."""
    pairs = drawn_pairs(COUNT, digits, digits, 3, shuffle_buffer, seed)
    return pairs.apply(batch_by_tokens(100, seed))


@pytest.fixture(params=[held, drawn])
def epoch(request):
    return request.param


def test_an_epoch_holds_each_usable_pair_once(epoch):
    rows = [row for source_ids, _, _ in content(epoch(seed=1)) for row in source_ids]
    texts = ["".join(str(i - FIRST) for i in row if i >= FIRST) for row in rows]
    assert sorted(texts) == sorted(map(str, range(1000)))  # from 1000 on: too long


def test_an_epoch_is_a_function_of_its_seed(epoch):
    batches = epoch(seed=1)
    assert content(batches) == content(batches) == content(epoch(seed=1))
    assert content(batches) != content(epoch(seed=2))


@pytest.mark.parametrize("used", [1, 20])
def test_an_epoch_continues_exactly_where_it_was_left(epoch, used):
    whole = content(epoch(seed=1))
    assert content(epoch(seed=1).skip(used)) == whole[used:]
    assert len(whole) > used + 10


def test_the_shuffle_buffer_mixes_pairs_across_batches(epoch):
    mixed, unmixed = (content(epoch(1, shuffle_buffer=n)) for n in (700, 1))
    members = [{frozenset(map(tuple, batch[0])) for batch in epoch} for epoch in (mixed, unmixed)]
    assert members[0] != members[1]


def test_what_is_drawn_depends_on_the_pair_and_not_on_the_order():
    seen = {}

    def draw(side, places):
        for place in places:
            seen.setdefault((side, int(place)), 0)
            seen[side, int(place)] += 1
        return digits(places)

    sides = [functools.partial(draw, side) for side in (0, 1)]
    list(drawn_pairs(COUNT, *sides, 3, 700, 1).apply(batch_by_tokens(100, 1)))
    assert seen == {(side, place): 1 for side in (0, 1) for place in range(COUNT)}
