"""Texts of several lines as one line."""

import re

from hypothesis import given
from hypothesis import strategies as st

from data_prep.pair_splits import one_line

LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
TEXT = st.text(st.sampled_from("ab \t\x1f\u00a0\u3000" + LINE_ENDS), max_size=12)


@given(TEXT)
def test_space_around_a_line_end_goes_with_it(text):
    ends = re.compile(rf"\s*[{LINE_ENDS}]\s*")
    assert one_line(text) == ends.sub(" ", text.strip())


@given(TEXT)
def test_one_line_is_one_line_to_every_reader(text):
    assert len(one_line(text).splitlines()) <= 1


def test_a_long_run_of_spaces_is_read_once():
    """Where it is read anew from each of its places, this takes hours."""
    assert one_line("a" + " " * 10**6 + "b\nc").endswith("b c")
