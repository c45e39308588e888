"""What every figure here is made of: a size, labels, colours that read in grey, and its files."""

import io
import textwrap
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any, BinaryIO, Literal
from unicodedata import east_asian_width

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seq2seq.inspection.figures.text import families, shown

INCHES_PER_SUBWORD = 0.38
MOST_INCHES = 200  # a PNG has at most 65,535 dots a side
DOTS_PER_INCH = 150
TITLE_LETTERS_PER_INCH = 11

# From dark blue to bright yellow, lighter all the way: it reads in grey, and to whoever does not
# tell red from green. Its middle has no hue, which suits numbers of both signs.
MAP = colormaps["cividis"]

# Lines and bars of one figure differ in dashes, markers and hatches, not in colour alone.
COLOURS = ("#000000", "#d55e00", "#0072b2", "#7a7a7a", "#009e73", "#cc79a7")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":")
HATCHES = ("", "///", "...", "xx", "\\\\\\", "oo", "++")


class Picture(Figure):
    """A figure that notebooks show, whether or not they were told about matplotlib."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        save(self, stream, "png")
        return stream.getvalue()


def picture(columns: float, rows: float, width: float = 2.5, height: float = 1.8) -> Picture:
    """A picture with room for so many subwords, and for `width` and `height` inches beside them."""
    size = (width + INCHES_PER_SUBWORD * columns, height + INCHES_PER_SUBWORD * rows)
    inches = (min(size[0], MOST_INCHES), min(size[1], MOST_INCHES))
    return Picture(figsize=inches, layout="constrained")


def save(figure: Figure, stream: BinaryIO, kind: Literal["png", "svg"]) -> None:
    """Writes a figure; needs no display."""
    figure.savefig(stream, format=kind, dpi=DOTS_PER_INCH)


def label_columns(axes: Axes, subwords: Sequence[str]) -> None:
    """A subword under each column."""
    axes.set_xticks(
        range(len(subwords)), list(map(shown, subwords)), rotation=90, fontfamily=families()
    )


def label_rows(axes: Axes, subwords: Sequence[str]) -> None:
    """A subword beside each row."""
    axes.set_yticks(range(len(subwords)), list(map(shown, subwords)), fontfamily=families())


def set_title(figure: Figure, title: str) -> None:
    """A title above all axes, if there is one, in lines that are no wider than the figure."""
    if title:
        wide = sum(east_asian_width(character) in "WF" for character in title)
        letters = TITLE_LETTERS_PER_INCH * figure.get_figwidth() * len(title) / (len(title) + wide)
        # Wrapped first: a line break amid what `shown` escapes would make a formula.
        lines = textwrap.wrap(title, max(1, int(letters)), replace_whitespace=False)
        text = "\n".join(map(shown, lines))
        figure.suptitle(text, fontsize="medium", fontfamily=families())


def show_legend(axes: Axes, beside: bool = False) -> None:
    """The names of lines or bars, in any script; `beside` the axes where it would hide bars."""
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if beside else {}
    axes.legend(prop={"family": families(), "size": "small"}, **place)


def line_styles() -> Iterator[dict[str, Any]]:
    """How to draw one line after the other."""
    for colour, marker, dashes in zip(cycle(COLOURS), cycle(MARKERS), cycle(DASHES), strict=False):
        yield {"color": colour, "marker": marker, "linestyle": dashes, "markersize": 4}
