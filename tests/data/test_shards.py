"""Pairs of ids go into records and come out as they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.data.id_rows import IdRows
from seq2seq.data.shards import id_type, joined, pack, unpack

VOCABULARIES = (8000, 1 << 16, 100_000)


def rows_of(lists, kind):
    flat = np.array([number for row in lists for number in row], kind)
    return IdRows(flat, np.cumsum([0, *map(len, lists)]))


def lists_of(rows):
    return [rows[number].tolist() for number in range(len(rows))]


@st.composite
def records(draw):
    """A vocabulary's size, and some pairs of its ids."""
    size = draw(st.sampled_from(VOCABULARIES))
    side = st.lists(st.integers(4, size - 1), min_size=1, max_size=12)
    return size, draw(st.lists(st.tuples(side, side), min_size=1, max_size=20))


@given(records())
def test_pairs_come_out_of_a_record_as_they_went_in(case):
    size, pairs = case
    kind = id_type(size)
    sides = [rows_of(side, kind) for side in zip(*pairs, strict=True)]
    record = pack(*sides, kind)
    found = unpack(record, kind)
    assert [lists_of(side) for side in found] == [list(side) for side in zip(*pairs, strict=True)]
    assert len(record) == kind.itemsize * (1 + sum(len(s) + len(t) + 2 for s, t in pairs))
    with pytest.raises(ValueError, match="are no record of pairs"):
        unpack(record[: -kind.itemsize], kind)  # control


def test_ids_take_two_bytes_as_long_as_they_fit():
    assert [id_type(size).itemsize for size in VOCABULARIES] == [2, 2, 4]


@pytest.mark.parametrize("record", [b"", bytes(2), bytes([1, 0, 3, 0]), b"\xff" * 40])
def test_what_is_no_record_is_refused(record):
    with pytest.raises(ValueError, match=f"^{len(record)} bytes are no record of pairs"):
        unpack(record, id_type(8000))


@given(st.lists(st.lists(st.integers(4, 99), max_size=5), min_size=1, max_size=9), st.data())
def test_rows_are_taken_and_joined(lists, data):
    rows = rows_of(lists, np.uint16)
    numbers = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=12))
    taken = rows.take(np.array(numbers, int))
    assert lists_of(taken) == [lists[number] for number in numbers]
    assert lists_of(joined([rows, taken, rows])) == [*lists, *lists_of(taken), *lists]
