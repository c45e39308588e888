"""Any text can label a figure: other scripts, formulas, control characters and what no font has."""

import io
import logging
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from seq2seq.inspection.figures import text
from seq2seq.inspection.figures.attention import draw_attention
from seq2seq.inspection.figures.picture import Picture, picture, save
from seq2seq.inspection.figures.text import families, glyphs, shown

KINDS = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml"}


@pytest.fixture(autouse=True)
def each_test_warns_anew():
    text._warn.cache_clear()


def drawn(figure, kind="png"):
    stream = io.BytesIO()
    save(figure, stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    "piece", ["▁größer", "▁собака", "▁σκύλος", "שלום", "مرحبا", "é", "„a“", "<0x0A>"]
)
def test_latin_cyrillic_greek_hebrew_and_arabic_stay_as_they_are(piece, caplog):
    assert shown(piece) == piece
    assert not caplog.records


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("", ""),
        ("a\0b", "a\ufffdb"),
        ("a\nb\r\u2028", "a⏎b⏎⏎"),
        ("\ud800", "\ufffd"),
        ("\u200fa\u00ad\ufeff", "a"),
        ("$x$", r"\$x\$"),
        ("\x9f", "\ufffd"),
    ],
)
def test_what_cannot_be_drawn_is_replaced(piece, expected, caplog):
    assert shown(piece) == expected
    assert not caplog.records


def test_characters_that_no_font_has_become_boxes_with_a_warning_for_each_script(
    monkeypatch, caplog
):
    monkeypatch.setattr(text, "glyphs", lambda: frozenset(map(ord, "ab□")))
    with caplog.at_level(logging.WARNING):
        assert [shown(piece) for piece in ("中a", "国", "b", "ก")] == ["□a", "□", "b", "□"]
    assert ["script Han" in message for message in caplog.messages] == [True, False]
    assert ["script Thai" in message for message in caplog.messages] == [False, True]
    assert all("fonts-noto-c" in message for message in caplog.messages)


def test_fonts_are_installed_ones_and_the_first_comes_with_matplotlib():
    assert families()[0] == "DejaVu Sans"
    assert set(map(ord, "aяΩ□⏎\ufffd▁")) <= glyphs()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text(max_size=6), min_size=1, max_size=3), st.sampled_from(list(KINDS)))
@example(["中文", "日本語", "한국어"], "png")
@example(["\0", "", "$"], "svg")
@example(["שלום", "مرحبا بك", "\u202eabc"], "png")
@example([chr(0x10FFFF), "\ue000", "👩\u200d🚀"], "svg")
def test_any_text_can_be_drawn(pieces, kind):
    weights = np.full((len(pieces), len(pieces)), 1 / len(pieces))
    figure = draw_attention(weights, pieces, pieces, "".join(pieces))
    assert drawn(figure, kind).startswith(KINDS[kind])


@given(st.text())
def test_labels_are_one_line_without_control_characters(piece):
    label = shown(piece)
    assert not any(unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") for each in label)
    assert all(ord(each) in glyphs() for each in label)


def test_a_notebook_gets_a_picture_without_being_told_how():
    assert picture(2, 2)._repr_png_().startswith(KINDS["png"])
    assert not hasattr(Figure(), "_repr_png_")  # the control
    assert isinstance(draw_attention(np.ones((1, 1)), ["a"], ["b"]), Picture)


def test_a_sentence_of_thousands_of_words_fits_in_a_png():
    assert picture(5000, 5000).get_size_inches().max() * 150 < 2**16
    small, large = picture(3, 4).get_size_inches(), picture(6, 4).get_size_inches()
    assert small[0] < large[0] and small[1] == large[1]
