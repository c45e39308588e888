"""Passages out of step are found, and only they are."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.findings.report import describe_shifts
from data_prep.findings.shift import PASSAGE, Shift, ShiftFinder
from data_prep.miniature.corpus import DEFAULT_SEED, make_corpus


def shifts(sources, targets):
    finder = ShiftFinder()
    for lengths in zip(sources, targets, strict=False):
        finder.add(*lengths)
    return finder.finish()


def lengths(count, seed=1):
    """Lengths of sentences and of their translations, which vary by a fifth."""
    generator = random.Random(seed)
    sources = [generator.randint(15, 120) for _ in range(count)]
    return sources, [round(length * generator.uniform(0.8, 1.2)) for length in sources]


@pytest.mark.parametrize(("missing", "offset"), [(1, -1), (2, -2), (3, -3)])
def test_missing_target_lines_put_all_after_them_out_of_step(missing, offset):
    sources, targets = lengths(1000)
    del targets[500 : 500 + missing]
    (shift,) = shifts(sources, targets)
    assert shift.offset == offset
    assert 450 <= shift.first <= 550
    assert shift.last >= 990
    assert shift.fit > 0.8 > 0.3 > shift.own_fit


def test_passages_that_are_further_and_further_out_of_step_are_told_apart():
    sources, targets = lengths(1500)
    del targets[1000], targets[500]
    assert [shift.offset for shift in shifts(sources, targets)] == [-1, -2]


def test_the_first_passages_are_named_and_the_others_counted():
    found = [Shift(1000 * n + 1, 1000 * n + 200, n + 1, 0.9, 0.1) for n in range(5)]
    assert "more passages" not in describe_shifts(found[:3])
    assert describe_shifts(found).endswith("\n  and 2 more passages")
    assert "source lines 2001 to 2200 fit target lines 3 later" in describe_shifts(found)


def test_a_missing_source_line_puts_the_rest_out_of_step_the_other_way():
    sources, targets = lengths(1000)
    assert shifts(sources, targets) == []
    del sources[500]
    (shift,) = shifts(sources, targets)
    assert shift.offset == 1


def test_a_passage_that_falls_back_into_step_is_found_with_its_borders():
    sources, targets = lengths(3000)
    moved = targets[:1000] + [50] + targets[1000:1300] + targets[1301:]
    (shift,) = shifts(sources, moved)
    assert abs(shift.first - 1000) <= 60
    assert abs(shift.last - 1300) <= 60


def test_the_generated_corpus_is_in_step():
    pairs = make_corpus(DEFAULT_SEED)["train"]
    sources, targets = ([len(text) for text in side] for side in zip(*pairs, strict=True))
    assert shifts(sources, targets) == []
    assert shifts(sources, targets[1:])


def test_a_text_sorted_by_length_is_in_step():
    sources, targets = lengths(2000)
    order = sorted(range(2000), key=lambda line: sources[line])
    ordered = [targets[line] for line in order]
    assert shifts([sources[line] for line in order], ordered) == []


def test_lengths_without_a_relation_are_not_called_a_shift():
    for seed in range(5):
        assert shifts(lengths(3000, seed)[0], lengths(3000, seed + 100)[0]) == []


def test_one_huge_line_beside_another_hides_and_makes_nothing():
    sources, targets = lengths(400)
    sources[200] = targets[201] = 10**7
    assert shifts(sources, targets) == []
    assert shifts(sources, targets[1:])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=PASSAGE))
def test_a_text_shorter_than_a_passage_gives_no_alarm(pairs):
    assert shifts([source for source, _ in pairs], [target for _, target in pairs]) == []


def test_lines_of_one_length_give_no_alarm():
    assert shifts([7] * 500, [9] * 500) == []
