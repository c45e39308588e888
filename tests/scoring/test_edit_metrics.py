"""Exact matches and edits, beside hand-worked numbers and a slow twin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.scoring.comparison import compare, measure
from seq2seq.scoring.metrics import NAMES, metrics

EDITS = ("exact_match", "wer", "cer", "edit_distance", "symbol_edit_distance")


def scores(translations, *references):
    used = metrics(None, EDITS)
    return [each.corpus_score(translations, [*references]).score for each in used.values()]


@pytest.mark.parametrize(
    ("translations", "references", "expected"),
    [
        (["HH AH L OW"], ["HH AH L OW"], [100, 0, 0, 0, 0]),
        (["HH AH L OW"], ["HH EH L OW"], [0, 25, 10, 1, 1]),
        (["a b", "c"], ["a b", "d"], [50, 100 / 3, 25, 0.5, 0.5]),
        (["a b c d"], ["a"], [0, 300, 600, 6, 3]),  # rates may exceed 100
        ([" a "], ["a"], [100, 0, 0, 0, 0]),
        (["A"], ["a"], [0, 100, 100, 1, 1]),  # case counts
        ([""], [""], [100, 0, 0, 0, 0]),
        (["a ."], ["a ."], [100, 0, 0, 0, 0]),
    ],
)
def test_scores_are_those_worked_by_hand(translations, references, expected):
    assert scores(translations, references) == pytest.approx(expected)


def test_the_nearest_of_several_references_counts():
    assert scores(["a b"], ["x y"], ["a b"]) == [100, 0, 0, 0, 0]
    assert scores(["a b"], ["x y"], ["a c"]) == pytest.approx([0, 50, 100 / 3, 1, 1])


def test_of_several_references_a_mean_distance_takes_the_fewest_edits():
    """And a rate, which is by length, the lowest: here of the other reference."""
    found = scores(["abcdefgh"], ["abcdef"], ["abcdefghijk"])
    assert found[2:4] == pytest.approx([100 * 3 / 11, 2])


def slow_distance(left, right):
    """Levenshtein 1966, by the definition."""
    row = list(range(len(right) + 1))
    for n, one in enumerate(left, 1):
        before, row = row, [n]
        for m, other in enumerate(right, 1):
            row.append(min(before[m] + 1, row[-1] + 1, before[m - 1] + (one != other)))
    return row[-1]


@given(st.text(max_size=8), st.text(max_size=8))
def test_distances_are_those_of_a_slow_twin(left, right):
    left, right = left.strip(), right.strip()
    assert scores([left], [right])[3] == slow_distance(left, right)


REFERENCES = [f"this is the word number {number}" for number in range(40)]
BETTER = ["wrong" if number % 10 == 0 else line for number, line in enumerate(REFERENCES)]
WORSE = ["wrong" if number % 2 == 0 else line for number, line in enumerate(REFERENCES)]


def test_every_metric_has_an_interval_and_is_compared_with_a_baseline():
    for won, lost in zip(
        compare(BETTER, WORSE, REFERENCES, None, tuple(NAMES)),
        compare(WORSE, BETTER, REFERENCES, None, tuple(NAMES)),
        strict=True,
    ):
        assert won.gain > 0 > lost.gain and won.p_value < 0.05
        assert won.interval > 0 and "bs:1000" in won.signature
    assert [each.metric for each in measure(BETTER, REFERENCES, None, EDITS)] == [
        NAMES[name] for name in EDITS
    ]


def test_equal_texts_do_not_differ_by_edits_either():
    assert [each.p_value for each in compare(WORSE, WORSE, REFERENCES, None, EDITS)] == [1] * len(
        EDITS
    )
