"""What a score is, worked by hand on forced outputs."""

from dataclasses import replace

import numpy as np
import pytest
from tables import BOS, EOS, PLAIN, hand_tables, outputs, run

from seq2seq.decoding.forcing import force

A = 3
EVEN = {BOS: {EOS: 0.5, A: 0.5}, A: {EOS: 0.5, A: 0.5}}


def forced(ids, rules, attention=None, source_mask=None):
    tables = hand_tables(EVEN, attention=attention, source_mask=source_mask)
    found = run(force, tables, [20], rules, np.array([[ids]], np.int32))
    (output,) = outputs(found, 0)
    return output


@pytest.mark.parametrize(
    ("length", "alpha", "expected"),
    [(1, 1.0, 1.0), (7, 1.0, 2.0), (7, 0.0, 1.0), (7, 2.0, 4.0), (19, 0.5, 2.0)],
)
def test_length_penalties_worked_by_hand(length, alpha, expected):
    output = forced([A] * (length - 1) + [EOS], replace(PLAIN, length_penalty=alpha))
    assert output.log_probability == pytest.approx(length * np.log(0.5), rel=1e-5)
    assert output.score == pytest.approx(length * np.log(0.5) / expected, rel=1e-5)


def attention(first, second):
    """Of the tables: the sum of previous ids is 1 (BOS) at the first token, 4 at the second."""
    rows = np.zeros((5, len(first)))
    rows[BOS], rows[(BOS + A) % 5] = first, second
    return rows


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 0], [0, 1], 0),  # every position seen in full
        ([1, 0], [0.5, 0.5], np.log(0.5)),  # min(1.5, 1) and .5; the second row is that of EOS
        ([0.5, 0.5], [0.25, 0.75], np.log(0.75)),
        ([1, 0], [1, 0], np.log(1e-6)),  # the floor
    ],
)
def test_coverage_penalties_worked_by_hand(first, second, expected):
    output = forced([A, EOS], replace(PLAIN, coverage_penalty=0.2), attention(first, second))
    plain = forced([A, EOS], PLAIN, attention(first, second))
    assert plain.score == pytest.approx(2 * np.log(0.5) / (7 / 6), rel=1e-5)
    assert output.score - plain.score == pytest.approx(0.2 * expected, abs=1e-5)
    assert output.log_probability == plain.log_probability


@pytest.mark.parametrize(("real", "expected"), [(False, 0.0), (True, np.log(1e-6))])
def test_padding_of_the_source_needs_no_coverage(real, expected):
    rows = attention([1, 0, 0], [0, 1, 0])
    rules = replace(PLAIN, length_penalty=0.0, coverage_penalty=1.0)
    output = forced([A, EOS], rules, rows, source_mask=[True, True, real])
    assert output.score - output.log_probability == pytest.approx(expected, abs=1e-5)
