"""How sure scores are, and how often lines drawn by chance would differ as much."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.scoring.comparison import compare, measure
from seq2seq.scoring.scores import corpus_scores

ANIMALS = ("dog", "cat")
REFERENCES = [
    f"the {animal} number {row} is in its house" for row in range(60) for animal in ANIMALS
]
LINES = st.lists(st.tuples(*[st.text(alphabet="ab c.", max_size=12)] * 3), min_size=1, max_size=5)


def damaged(lines, every):
    """Every so many lines lose their second half."""
    return [
        " ".join(line.split()[:5]) if row % every == 0 else line for row, line in enumerate(lines)
    ]


def test_scores_are_those_of_the_other_commands_and_intervals_shrink_with_more_lines():
    few, many = (REFERENCES[:count] for count in (20, 120))
    narrow, wide = measure(damaged(many, 3), many), measure(damaged(few, 3), few)
    expected = corpus_scores(damaged(many, 3), many)
    assert [round(each.score, 2) for each in narrow] == [expected.bleu, expected.chrf, expected.ter]
    assert [each.metric for each in narrow] == ["BLEU", "chrF", "TER"]
    for one, other in zip(narrow, wide, strict=True):
        assert 0 < one.interval < other.interval
        assert "bs:1000" in one.signature and "seed:12345" in one.signature


def test_a_gain_is_an_improvement_in_every_metric_ter_included():
    better, worse = damaged(REFERENCES, 9), damaged(REFERENCES, 2)
    for won, lost in zip(
        compare(better, worse, REFERENCES), compare(worse, better, REFERENCES), strict=True
    ):
        assert won.gain > 0 > lost.gain == pytest.approx(-won.gain)
        assert won.p_value < 0.01
        assert (won.score, won.baseline) == (lost.baseline, lost.score)
        assert won.baseline_interval == pytest.approx(lost.interval)


def test_equal_texts_do_not_differ_and_one_line_is_no_proof():
    lines = damaged(REFERENCES, 3)
    assert [each.p_value for each in compare(lines, lines, REFERENCES)] == [1, 1, 1]
    other = [*lines[:-1], "the cat"]
    assert all(each.p_value > 0.05 and each.gain < 0 for each in compare(other, lines, REFERENCES))


def test_p_values_are_of_one_side():
    """20 lines won and 10 lost of 200: beyond 1.9 standard deviations, on one side 0.03 lie."""
    right, wrong = ["a"] * 200, ["b"] * 200
    ours, theirs = [*right[:20], *wrong[:10], *right[:170]], [*wrong[:20], *right[:180]]
    for one, other in ((ours, theirs), (theirs, ours)):
        (found,) = compare(one, other, right, None, ("exact_match",))
        assert 0.015 < found.p_value < 0.045
        assert abs(found.gain) == pytest.approx(5)


def test_the_same_question_has_the_same_answer():
    ours, theirs = damaged(REFERENCES, 4), damaged(REFERENCES, 3)
    assert compare(ours, theirs, REFERENCES) == compare(ours, theirs, REFERENCES)


@settings(deadline=None, max_examples=15)
@given(LINES)
def test_any_text_can_be_compared(rows):
    ours, theirs, references = map(list, zip(*rows, strict=True))
    for each in compare(ours, theirs, references):
        assert 0 < each.p_value <= 1
        assert each.interval >= 0 and each.baseline_interval >= 0


@pytest.mark.parametrize("counts", [(1, 2, 2), (2, 1, 2), (2, 2, 1), (0, 0, 0)])
def test_texts_of_other_lengths_are_refused(counts):
    with pytest.raises(ValueError, match="lines; each needs one for each reference"):
        compare(*(["a b"] * count for count in counts))


def test_any_of_several_references_is_right_and_a_blank_one_is_none():
    translations, first = ["a b", "c", ""], ["x y", "c", "z"]
    others = [["a b", " ", ""]]
    alone, both = (
        measure(translations, first, None, ("exact_match", "wer", "chrf"), more)
        for more in ((), others)
    )
    assert [round(each.score) for each in alone[:2]] == [33, 75]
    assert [round(each.score) for each in both[:2]] == [67, 25]  # "" is not right
    assert both[2].score > alone[2].score
    compared = compare(translations, first, first, None, ("exact_match",), others)
    assert round(compared[0].score) == 67 and compared[0].baseline == 100
    with pytest.raises(ValueError, match="lines"):
        measure(translations, first, None, ("bleu",), [["a b"]])
