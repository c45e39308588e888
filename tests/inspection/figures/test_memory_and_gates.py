"""The memory map and the histogram of gates show the numbers they were given."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.inspection.figures.memory import draw_memory, liveliest_units
from seq2seq.inspection.figures.picture import MAP, save
from seq2seq.inspection.figures.saturation import draw_saturation, saturation

SUBWORDS = ["▁a", "▁собака", "</s>"]
RANDOM = np.random.default_rng(1)
STATE = RANDOM.normal(size=(3, 6))
GATES = {
    "forget": RANDOM.random((3, 6)),
    "candidate": RANDOM.uniform(-1, 1, (3, 6)),
    "output": RANDOM.random((3, 6)),
}


def maps(figure):
    return [axes for axes in figure.axes if axes.images and axes.get_ylabel()]


def test_each_map_holds_the_chosen_units_over_time():
    axes = maps(draw_memory(STATE, GATES, SUBWORDS, units=[4, 1], title="b"))
    assert len(axes) == 4
    for each, values in zip(axes, (STATE, *GATES.values()), strict=True):
        (image,) = each.images
        np.testing.assert_array_equal(image.get_array(), values[:, [4, 1]].T)
        assert image.get_extent() == [-0.5, 2.5, 1.5, -0.5]
        assert [label.get_text() for label in each.get_yticklabels()] == ["4", "1"]
    names = ["cell state", "forget gate", "candidate", "output gate"]
    assert [each.get_ylabel() for each in axes] == [f"{name}\n(unit)" for name in names]
    assert [label.get_text() for label in axes[-1].get_xticklabels()] == SUBWORDS


def test_scales_are_the_same_whatever_the_gates_and_symmetric_for_signed_numbers():
    first, forget, candidate, output = (
        axes.images[0].get_clim() for axes in maps(draw_memory(STATE, GATES, SUBWORDS))
    )
    assert forget == output == (0, 1) and candidate == (-1, 1)
    assert first == (-np.abs(STATE).max(), np.abs(STATE).max())


def test_a_candidate_without_bounds_is_not_clipped():
    gates = {"forget": GATES["forget"], "candidate": 3 * STATE}
    shown = [axes.images[0].get_clim() for axes in maps(draw_memory(STATE, gates, SUBWORDS, [0]))]
    largest = 3 * np.abs(STATE[:, 0]).max()
    assert largest > 1 and shown[1:] == [(0, 1), (-largest, largest)]


def test_the_map_reads_in_grey():
    red, green, blue = MAP(np.linspace(0, 1, 50))[:, :3].T
    lightness = 0.299 * red + 0.587 * green + 0.114 * blue
    assert (np.diff(lightness) > 0).all()
    middle = MAP(0.5)[:3]
    assert max(middle) - min(middle) < 0.02  # no hue at 0


def test_the_liveliest_units_are_chosen():
    state = np.array([[0.0, 5, 1, -2], [0, 5, 2, 2], [0, 5, 1, 0]])
    assert liveliest_units(state, 2) == [2, 3]
    assert liveliest_units(state, 9) == [0, 1, 2, 3]
    (axes,) = maps(draw_memory(state, {}, SUBWORDS, units=[0], state_name="hidden state"))
    assert axes.get_ylabel() == "hidden state\n(unit)"
    assert np.isfinite(axes.images[0].get_clim()).all()  # though unit 0 is 0 all the time


@pytest.mark.parametrize(
    ("state", "gates", "subwords", "units", "message"),
    [
        (STATE, GATES, SUBWORDS[:2], None, "for 2 subwords"),
        (STATE, {"forget": np.ones((2, 6))}, SUBWORDS, None, "for 3 subwords"),
        (np.ones((0, 6)), {}, [], None, "for 0 subwords"),
        (STATE, GATES, SUBWORDS, [6], r"units \[6\] of 6"),
        (STATE, GATES, SUBWORDS, [], r"units \[\] of 6"),
    ],
)
def test_arrays_that_do_not_match_are_refused(state, gates, subwords, units, message):
    with pytest.raises(ValueError, match=message):
        draw_memory(state, gates, subwords, units)


@settings(deadline=None, max_examples=8)
@given(st.lists(st.text(max_size=4), min_size=1, max_size=5), st.integers(1, 9))
def test_any_subwords_and_sizes_can_be_drawn(subwords, units):
    state = np.zeros((len(subwords), units))
    stream = io.BytesIO()
    save(draw_memory(state, {"update": state}, subwords, title=subwords[0]), stream, "png")
    assert stream.getvalue().startswith(b"\x89PNG")


def test_bars_are_shares_and_saturated_ones_are_hatched():
    values = np.array([[0.01, 0.02, 0.5, 0.97], [0.03, 0.52, 0.52, 1.0]])
    figure = draw_saturation({"forget": values, "input": np.full(3, 0.5)})
    forget, other = figure.axes
    heights = np.array([bar.get_height() for bar in forget.patches])
    np.testing.assert_allclose(heights.sum(), 1)
    np.testing.assert_allclose(heights[[0, 10, 19]], [3 / 8, 3 / 8, 2 / 8])
    hatched = [bool(bar.get_hatch()) for bar in forget.patches]
    assert hatched == [True] * 2 + [False] * 16 + [True] * 2
    assert forget.get_title() == "forget gate\n38% closed, 25% open"
    assert other.get_title() == "input gate\n0% closed, 0% open"
    assert forget.get_xlim() == (0, 1)
    assert saturation(values) == (3 / 8, 2 / 8)


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ({}, "no gates"),
        ({"forget": np.zeros(0)}, "the forget gate has no values"),
        ({"forget": np.array([0.5, 1.1])}, "not from 0 to 1"),
        ({"forget": np.array([0.5, np.nan])}, "not from 0 to 1"),
    ],
)
def test_what_is_no_gate_is_refused(gates, message):
    with pytest.raises(ValueError, match=message):
        draw_saturation(gates)
