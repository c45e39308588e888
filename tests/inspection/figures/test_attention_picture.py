"""The picture of attention shows the weights it was given, beside the subwords they belong to."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.cbook import is_math_text

from seq2seq.inspection.figures.attention import draw_attention, draw_source_gradients
from seq2seq.inspection.figures.picture import save

WEIGHTS = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]])
READ, WRITTEN = ["▁a", "▁dog", "."], ["▁ein", "▁Hund"]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def axes():
    return draw_attention(WEIGHTS, READ, WRITTEN, "ein Hund").axes[0]


def png(figure):
    stream = io.BytesIO()
    save(figure, stream, "png")
    return stream.getvalue()


def is_formula(text):
    """Whether matplotlib sets a text as mathematics."""
    return text.get_parse_math() and is_math_text(text.get_text())


def texts(labels):
    return [label.get_text() for label in labels]


def test_subwords_label_their_columns_and_rows_in_order(axes):
    assert texts(axes.get_xticklabels()) == READ
    assert texts(axes.get_yticklabels()) == WRITTEN
    assert list(axes.get_xticks()) == [0, 1, 2]
    assert list(axes.get_yticks()) == [0, 1]


def test_the_first_written_subword_is_the_top_row(axes):
    (image,) = axes.images
    assert image.origin == "upper"
    assert image.get_extent() == [-0.5, 2.5, 1.5, -0.5]
    assert axes.get_ylim() == (1.5, -0.5)
    assert axes.get_xlim() == (-0.5, 2.5)


def test_the_image_holds_the_weights(axes):
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), WEIGHTS)


def test_the_shades_reach_from_0_to_1_whatever_the_weights(axes):
    assert axes.images[0].get_clim() == (0, 1)
    flat = draw_attention(WEIGHTS / 10, READ, WRITTEN)
    assert flat.axes[0].images[0].get_clim() == (0, 1)
    lightest, darkest = axes.images[0].cmap([1.0, 0.0])
    assert darkest[:3].sum() < 0.5
    assert lightest[:3].sum() > 2


def test_the_title_is_written_above_where_there_is_one():
    assert draw_attention(WEIGHTS, READ, WRITTEN, "ein Hund").get_suptitle() == "ein Hund"
    assert draw_attention(WEIGHTS, READ, WRITTEN).get_suptitle() == ""


@pytest.mark.parametrize(
    "title",
    ["Der alte Mann liest heute Abend seinem Enkel aus dem Buch vor.", "书" * 60, "$" * 90],
    ids=["words", "wide", "escaped"],
)
def test_a_title_that_is_wider_than_the_picture_goes_on_in_another_line(title):
    figure = draw_attention(WEIGHTS, READ, WRITTEN, title)
    figure.draw_without_rendering()
    (drawn,) = figure.texts
    assert 0 <= drawn.get_window_extent().x0 < drawn.get_window_extent().x1 <= figure.bbox.width
    assert "\n" in drawn.get_text() and not is_formula(drawn)
    drawn.set_text(drawn.get_text().replace("\n", " "))
    assert drawn.get_window_extent().width > figure.bbox.width  # the control


def test_a_longer_sentence_has_a_larger_picture():
    small, large = (
        draw_attention(WEIGHTS, READ, WRITTEN),
        draw_attention(np.tile(WEIGHTS, (2, 2)), READ * 2, WRITTEN * 2),
    )
    assert (large.get_size_inches() > small.get_size_inches()).all()


@pytest.mark.parametrize(("read", "written"), [(2, 2), (3, 3), (2, 3), (0, 2), (3, 0)])
def test_labels_that_do_not_match_the_weights_are_refused(read, written):
    message = rf"weights \(2, 3\) for {written} target and {read} source subwords"
    with pytest.raises(ValueError, match=message):
        draw_attention(WEIGHTS, ["a"] * read, ["b"] * written)


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 12), st.integers(1, 12))
def test_any_lengths_can_be_drawn(rows, columns):
    weights = np.full((rows, columns), 1 / columns)
    assert png(draw_attention(weights, ["a"] * columns, ["b"] * rows)).startswith(PNG)


def test_a_picture_is_written_as_png():
    written = png(draw_attention(WEIGHTS, READ, WRITTEN, "ein Hund"))
    assert written.startswith(PNG)
    assert written.endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize("piece", ["$", "$$", "$x$", r"$\frac$", "\\$", r"\$\frac\$", "^_{"])
def test_a_subword_is_never_read_as_a_formula(piece):
    figure = draw_attention(WEIGHTS, [piece, "$", "a"], ["$", piece])
    assert png(figure).startswith(PNG)
    assert not any(map(is_formula, figure.axes[0].get_xticklabels()))


@pytest.mark.parametrize("title", ["$5 or $6", r"$\frac$"])
def test_a_title_is_never_read_as_a_formula(title):
    figure = draw_attention(WEIGHTS, READ, WRITTEN, title)
    assert png(figure).startswith(PNG)
    assert not any(map(is_formula, figure.texts))


def test_gradients_are_drawn_as_shares_of_each_rows_largest():
    norms = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]])
    axes = draw_source_gradients(norms, READ, WRITTEN).axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), [[0.25, 0.5, 1.0], [0, 0, 0]])
    assert texts(axes.get_xticklabels()) == READ


@pytest.mark.parametrize("wrong", [np.nan, -1.0, np.inf])
def test_numbers_that_are_no_norms_are_refused(wrong):
    with pytest.raises(ValueError, match="no norms"):
        draw_source_gradients(np.full((2, 3), wrong), READ, WRITTEN)
    with pytest.raises(ValueError, match="2 target"):
        draw_source_gradients(np.ones((3, 2)), READ, WRITTEN)
