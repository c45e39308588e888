"""Pairs: what is wrong with them as translations, and beside the pairs before them."""

import gzip

import pytest

from data_prep.findings.finding import KEEPABLE, Finding, Remedy, Rules
from data_prep.findings.pair import Examiner, compare_sides, lengths_differ, read_split

RULES = Rules()


def found(source, target, rules=RULES):
    return list(compare_sides(source, target, rules))


def kinds(pair):
    return [finding for finding, _ in pair.findings]


def test_sides_are_compared():
    assert found("A dog runs.", "Ein Hund läuft.") == []
    assert found("", "\u200b") == [(Finding.BLANK_BOTH, "")]
    assert found("A dog.", "") == [(Finding.BLANK, "target")]
    assert found("", "Ein Hund.") == [(Finding.BLANK, "source")]
    assert found("A dog.", "A dog.") == [(Finding.IDENTICAL, "")]
    assert found("2020.", "2020.") == []  # nothing to translate
    assert found("A dog.", "Ein Hund " * 9) == [(Finding.RATIO, "target")]
    assert found("A dog " * 9, "Ein Hund.") == [(Finding.RATIO, "source")]


def test_a_ratio_is_odd_only_where_the_longer_side_is_long_enough_to_tell():
    assert not lengths_differ("No.", "Nein, das glaube ich eher nicht.", 3)
    assert lengths_differ("No.", "Nein, das glaube ich eher nicht, und du auch nicht.", 3)
    assert lengths_differ("abcd " * 3, "a b c d e f g h i j k l", 3)  # in words alone
    assert not lengths_differ("abcd " * 4, "a b c d e f g h i j k l", 3)
    assert not lengths_differ("x" * 100, "y" * 40, 3)
    assert lengths_differ("x" * 100, "y" * 40, 2)


def test_chinese_beside_english_has_no_odd_ratio():
    english = "A man in a blue shirt is standing on a ladder cleaning a window."
    assert not lengths_differ(english, "一个穿蓝衬衫的男人站在梯子上擦窗户。", 3)
    assert lengths_differ(english, "男人。", 3)


def test_a_repeated_pair_is_found_also_where_only_mending_makes_it_one():
    examiner = Examiner(RULES)
    assert kinds(examiner.examine(b"A dog.\n", b"Ein Hund.\n")) == []
    assert kinds(examiner.examine(b"A cat.\n", b"Ein Hund.\n")) == []
    again = examiner.examine(b"A dog. \n", b"Ein Hund.\n")
    assert kinds(again) == [Finding.SPACE, Finding.DUPLICATE]
    assert again.reason is Finding.DUPLICATE


def test_another_translation_is_reported_but_is_no_reason_to_go():
    examiner = Examiner(RULES)
    examiner.examine(b"A dog.\n", b"Ein Hund.\n")
    other = examiner.examine(b"A dog.\n", b"Hund.\n")
    assert kinds(other) == [Finding.TRANSLATIONS]
    assert other.reason is None


def test_an_unusable_pair_makes_no_later_pair_a_duplicate():
    examiner = Examiner(RULES)
    lost = examiner.examine(b"Ein <b>Hund", b"A dog")
    assert lost.reason is Finding.TAGS
    assert examiner.examine(b"Ein <b>Hund", b"A dog").reason is Finding.TAGS
    assert examiner.examine(b"A dog", b"Ein Hund").reason is None


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_sentences_of_another_split_are_found_on_their_own_side(tmp_path, ending):
    paths = tmp_path / f"test.en{ending}", tmp_path / f"test.de{ending}"
    pack = gzip.compress if ending else bytes
    paths[0].write_bytes(pack(b"A dog.\n\n A cat.\n"))
    paths[1].write_bytes(pack(b"Ein Hund.\n\nEine Katze.\n"))
    examiner = Examiner(RULES, (read_split(*paths, RULES),))
    assert examiner.examine(b"A cat.", b"Katze.").findings == ((Finding.LEAK, str(paths[0])),)
    assert examiner.examine(b"Cat.", b"Eine Katze.").findings == ((Finding.LEAK, str(paths[1])),)
    assert examiner.examine(b"Ein Hund.", b"A dog.").findings == ()


def test_all_that_may_be_kept_would_else_be_left_out_or_mended():
    assert all(finding.remedy is not Remedy.REPORTED for finding in KEEPABLE)
