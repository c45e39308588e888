"""Curves of gradients and of trainings, and bars by length, hold the data they were given."""

import csv
import io

import numpy as np
import pytest

from seq2seq.inspection.figures.curves import MEASURES, draw_gradient_flow, draw_training
from seq2seq.inspection.figures.lengths import draw_bleu_by_length
from seq2seq.inspection.figures.picture import save

HISTORY = """step,epoch,seconds,training_loss,validation_perplexity,validation_bleu,best
100,1,5,4.0,9.0,,0
200,2,9,2.5,3.0,20.5,1
300,3,14,2.0,3.1,19.5,0
"""
ROWS = list(csv.DictReader(io.StringIO(HISTORY)))
NAMES = ["собака", "$run$", "שלום", "e"]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def drawn(figure):
    stream = io.BytesIO()
    save(figure, stream, "png")
    assert stream.getvalue().startswith(b"\x89PNG")


def told_apart(lines):
    """Without colour."""
    return len({(line.get_marker(), line.get_linestyle()) for line in lines}) == len(lines)


def test_gradient_curves_are_logarithmic_and_leave_out_zeros():
    curves = {name: np.array([1.0, 0.1, 0, 1e-6]) * (n + 1) for n, name in enumerate(NAMES)}
    figure = draw_gradient_flow(curves, "how far back")
    (axes,) = figure.axes
    assert (axes.get_yscale(), axes.get_xlabel()) == ("log", "steps back")
    for line, curve in zip(axes.lines, curves.values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [0, 1, 3])
        np.testing.assert_array_equal(line.get_ydata(), curve[[0, 1, 3]])
    assert legend(axes) == ["собака", r"\$run\$", "שלום", "e"]
    assert told_apart(axes.lines)
    assert figure.get_suptitle() == "how far back"
    drawn(figure)
    drawn(draw_gradient_flow({"nothing comes back": np.zeros(3)}))


@pytest.mark.parametrize(
    ("curves", "message"), [({}, "no curves"), ({"a": np.array([1.0, np.nan])}, "a holds numbers")]
)
def test_what_is_no_curve_is_refused(curves, message):
    with pytest.raises(ValueError, match=message):
        draw_gradient_flow(curves)


def test_training_curves_hold_each_runs_history():
    figure = draw_training({name: ROWS for name in NAMES})
    assert [axes.get_ylabel() for axes in figure.axes] == list(MEASURES.values())
    expected = [
        ([100, 200, 300], [4, 2.5, 2], (200, 2.5)),
        ([100, 200, 300], [9, 3, 3.1], (200, 3)),
        ([200, 300], [20.5, 19.5], (200, 20.5)),
    ]
    for axes, (steps, values, best) in zip(figure.axes, expected, strict=True):
        curves, rings = axes.lines[::2], axes.lines[1::2]
        assert len(curves) == len(rings) == len(NAMES) and told_apart(curves)
        for curve, ring in zip(curves, rings, strict=True):
            assert (list(curve.get_xdata()), list(curve.get_ydata())) == (steps, values)
            assert (*ring.get_xdata(), *ring.get_ydata()) == best
            assert ring.get_color() == curve.get_color()
    assert legend(figure.axes[0]) == ["собака", r"\$run\$", "שלום", "e"]
    drawn(figure)


def test_a_history_of_numbers_is_drawn_as_one_of_text():
    rows = [{"step": 1, "training_loss": 2.0, "best": True}]
    axes = draw_training({"a": rows}).axes
    assert [len(each.lines) for each in axes] == [2, 1, 1]  # no other measure, hence no ring


@pytest.mark.parametrize(
    ("runs", "message"), [({}, "no runs"), ({"new": []}, "new has no history yet")]
)
def test_a_run_without_history_is_refused(runs, message):
    with pytest.raises(ValueError, match=message):
        draw_training(runs)


def test_bars_stand_side_by_side_with_their_scores():
    scores = {"lstm": np.array([40.0, 30, np.nan]), "gru": np.array([38.0, 20, 10])}
    figure = draw_bleu_by_length([(1, 5), (6, 10), (11, 20)], scores, np.array([7, 9, 1]))
    (axes,) = figure.axes
    for group, values in zip(axes.containers, scores.values(), strict=True):
        np.testing.assert_array_equal([bar.get_height() for bar in group], values)
    first, second = axes.containers
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        assert one.get_x() + one.get_width() == pytest.approx(other.get_x())
        assert (one.get_x() + other.get_x() + other.get_width()) / 2 == pytest.approx(number)
    assert first[0].get_hatch() != second[0].get_hatch()
    assert first[0].get_facecolor() != second[0].get_facecolor() and first[0].get_fill()
    assert [text.get_text() for text in axes.texts][:2] == ["40", "30"]
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == ["1–5\n(7)", "6–10\n(9)", "11–20\n(1)"]
    assert axes.get_ylim()[0] == 0 and legend(axes) == ["lstm", "gru"]
    drawn(figure)
    alone = draw_bleu_by_length([(1, 5)], {"lstm": np.array([40.0])}, np.array([7]))
    assert alone.axes[0].get_legend() is None  # there is nothing to tell apart


@pytest.mark.parametrize(
    ("bins", "scores", "counts"),
    [([], {"a": []}, []), ([(1, 2)], {}, [3]), ([(1, 2)], {"a": [1, 2]}, [3])],
)
def test_bars_that_do_not_match_are_refused(bins, scores, counts):
    with pytest.raises(ValueError, match="ranges with counts and scores of"):
        draw_bleu_by_length(bins, scores, np.array(counts))
