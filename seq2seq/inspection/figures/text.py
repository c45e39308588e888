"""Any text as a label: fonts that have its characters, and no character that cannot be drawn."""

import logging
import unicodedata
from functools import cache

from fontTools.unicodedata import script, script_name
from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font

logger = logging.getLogger(__name__)

# The first has Latin, Cyrillic, Greek, Hebrew and Arabic and comes with matplotlib; others fill in
# what it lacks, where they are installed.
FAMILIES = (
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans JP",
    "Noto Sans SC",
    "Source Han Sans",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "IPAGothic",
    "Hiragino Sans",
    "PingFang SC",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    *(
        f"Noto Sans {name}"
        for name in (
            "Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada Malayalam Sinhala "
            "Thai Lao Myanmar Khmer Tibetan Ethiopic Cherokee Mongolian"
        ).split()
    ),
    "Arial Unicode MS",
    "Unifont",
)
NO_GLYPH = "□"
LINE_BREAK, NO_CHARACTER = "⏎", "\ufffd"


@cache
def families() -> list[str]:
    """Those of `FAMILIES` that are installed, for `fontfamily`: later ones fill in."""
    installed = {font.name for font in fontManager.ttflist}
    return [family for family in FAMILIES if family in installed]


@cache
def glyphs() -> frozenset[int]:
    """Every character that some of `families` has."""
    found: set[int] = set()
    for family in families():
        font = FT2Font(findfont(FontProperties(family=[family])))
        found.update(font.get_charmap())
    return frozenset(found)


def shown(text: str) -> str:
    r"""The text as it can be drawn, never as a formula.

    Line breaks become an arrow, other control characters and broken ones U+FFFD, invisible ones go,
    and what no font has becomes a box, which is warned of once for each script.

    >>> shown("a\n$b")
    'a⏎\\$b'
    """
    drawn = "".join(map(_drawn, text))
    missing = {character for character in drawn if ord(character) not in glyphs()}
    if missing:
        for name in sorted({script_name(script(each)) for each in missing}):
            _warn(name)
        drawn = "".join(NO_GLYPH if each in missing else each for each in drawn)
    return drawn.replace("$", r"\$")


def _drawn(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\n\r\v\f\x85" or category in ("Zl", "Zp"):
        return LINE_BREAK
    if category in ("Cc", "Cs"):
        return NO_CHARACTER
    return "" if category == "Cf" else character


@cache
def _warn(name: str) -> None:
    logger.warning(
        "no installed font has some characters of the script %s, which are drawn as %s; install "
        "one that does (Debian: fonts-noto-core, for Chinese, Japanese and Korean fonts-noto-cjk)",
        name,
        NO_GLYPH,
    )
