"""The whole corpus: counts, first lines, and the scripts of its sides."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.check import summarize
from data_prep.findings.corpus import dominant_scripts, examine_corpus, foreign_side
from data_prep.findings.finding import Finding, Rules

ENGLISH = "sentence number {} in English"
GERMAN = "Satz Nummer {} auf Deutsch"
RUSSIAN = "предложение номер {} по-русски"


def survey(folder, pairs, rules=Rules()):  # noqa: B008 (frozen)
    paths = folder / "a.en", folder / "a.de"
    for path, side in zip(paths, zip(*pairs, strict=True), strict=True):
        path.write_text("".join(f"{text}\n" for text in side), encoding="utf-8", newline="")
    return examine_corpus(*paths, rules)


def numbered(count, target=GERMAN, start=0):
    return [(ENGLISH.format(n), target.format(n)) for n in range(start, start + count)]


def test_findings_are_counted_with_their_first_lines(tmp_path):
    pairs = [pair for pair in numbered(5) for pair in (pair, ("", pair[1]))]
    result = survey(tmp_path, pairs)
    assert result.lines == (10, 10)
    assert result.usable == 5
    assert set(result.findings) == {(Finding.BLANK, "source")}
    tally = result.findings[Finding.BLANK, "source"]
    assert (tally.count, tally.examples) == (5, [2, 4, 6])


def test_a_few_lines_in_another_script_stand_out(tmp_path):
    result = survey(tmp_path, numbered(30) + numbered(2, RUSSIAN))
    tally = result.findings[Finding.SCRIPT, "cyrillic among latin, target"]
    assert (tally.count, tally.examples) == (2, [31, 32])
    assert result.usable == 30


def test_a_side_in_two_scripts_has_no_strangers(tmp_path):
    result = survey(tmp_path, numbered(30) + numbered(20, RUSSIAN, start=30))
    assert result.scripts == ("LATIN", "")
    assert (result.findings, result.usable) == ({}, 50)


def test_nine_tenths_of_a_side_make_its_script():
    counts = {("LATIN", "LATIN"): 90, ("LATIN", "GREEK"): 10}
    assert dominant_scripts(counts) == ("LATIN", "LATIN")
    assert dominant_scripts({**counts, ("LATIN", "GREEK"): 11}) == ("LATIN", "")


def test_the_first_lines_of_a_finding_are_named_whatever_script_the_other_side_has(tmp_path):
    pairs = numbered(60)
    for line, source in ((5, ENGLISH), (7, "123"), (9, ENGLISH), (20, "456"), (30, ENGLISH)):
        pairs[line - 1] = source.format(line), RUSSIAN.format(line)
    tally = survey(tmp_path, pairs).findings[Finding.SCRIPT, "cyrillic among latin, target"]
    assert (tally.count, tally.examples) == (5, [5, 7, 9])


def test_scripts_are_not_compared_where_the_rules_overlook_them(tmp_path):
    pairs = numbered(30) + numbered(2, RUSSIAN)
    assert survey(tmp_path, pairs, Rules(kept={Finding.SCRIPT})).usable == 32


SCRIPTS = st.sampled_from(["", "LATIN", "CYRILLIC", "GREEK"])


@settings(deadline=None)
@given(st.dictionaries(st.tuples(SCRIPTS, SCRIPTS), st.integers(1, 200)))
def test_scripts_of_the_pairs_left_are_judged_as_before(counts):
    dominant = dominant_scripts(counts)
    left = {each: n for each, n in counts.items() if foreign_side(each, dominant) is None}
    assert all(foreign_side(each, dominant_scripts(left)) is None for each in left)


def test_a_side_that_loses_its_strangers_with_the_other_is_judged_without_them():
    counts = {("LATIN", "LATIN"): 85, ("LATIN", "GREEK"): 9, ("CYRILLIC", "GREEK"): 6}
    assert dominant_scripts(counts) == ("LATIN", "LATIN")
    assert dominant_scripts({(b, a): count for (a, b), count in counts.items()}) == (
        "LATIN",
        "LATIN",
    )
    assert dominant_scripts({("LATIN", "LATIN"): 85, ("LATIN", "GREEK"): 15}) == ("LATIN", "")


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1))
def test_lengths_are_summarized_as_the_statistics_module_does(lengths):
    from statistics import fmean, median

    mean, middle, longest = summarize(Counter(lengths))
    assert mean == pytest.approx(fmean(lengths))
    assert (middle, longest) == (median(lengths), max(lengths))


def test_nothing_has_lengths_of_zero():
    assert summarize(Counter()) == (0, 0, 0)
