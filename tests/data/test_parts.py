"""Parts of a file: every line is in one, and they are alike in length."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.data.parts import Part


@given(count=st.integers(0, 10_000), of=st.integers(1, 50))
def test_parts_hold_every_line_once_and_differ_by_a_line(count, of):
    parts = [Part.parse(f"{number}/{of}").lines(count) for number in range(1, of + 1)]
    assert list(chain(*parts)) == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "-1/3", "1/3/3", "", "a/b", "１/２"])
def test_no_part_is_named(text):
    with pytest.raises(ValueError, match="a part is written K/N, e.g. 2/8"):
        Part.parse(text)
