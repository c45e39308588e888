"""Findings in one line of text, and the line mended."""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from html.entities import html5

import ftfy
from fontTools.unicodedata import script_extension, script_name

from data_prep.findings.finding import Finding, Rules

CHARACTERS_PER_WORD = 20  # as long as words get on average, over a line, in any spaced script
LEAST_LETTERS = 10  # below which a line has no script of its own

_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});")
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>")
_SEPARATOR = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")  # where str.splitlines splits
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f]")
_IDEOGRAPH = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_SYLLABLE = re.compile("[\u3040-\u30ff\uac00-\ud7a3]")  # kana and Hangul
_UNSPACED = re.compile(  # Thai, Lao, Tibetan, Burmese, Khmer, kana, ideographs
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)

_DECODING = ftfy.TextFixerConfig(fix_c1_controls=False)  # these are mended as controls are
# A word in capitals that ends in such a letter before a quotation mark or dash: healthy Portuguese
# or Vietnamese, where ftfy would take letter and mark for the two bytes of one character.
_CAPITAL_AT_END = re.compile(
    "(?<=[A-Z\u00c0-\u00de])[\u00c2\u00c3](?=[\u2018-\u201e\u00ab\u00bb\u2039\u203a\u2026\u2013\u2014](?![a-z]))"
)
_EAST_ASIAN = {"Hani", "Hira", "Kana", "Bopo"}  # which stand in one sentence
_ANY_SCRIPT = {"Zyyy", "Zinh", "Zzzz"}  # common, inherited, unknown


@dataclass(frozen=True)
class Line:
    """A line after mending, and the findings in it."""

    text: str
    findings: tuple[Finding, ...]


def examine_line(raw: bytes, rules: Rules) -> Line:
    r"""The line of some bytes, which may end in "\n" or "\r\n"; bad bytes become U+FFFD."""
    body = raw.removesuffix(b"\n")
    findings = [Finding.LINE_END] if body.endswith(b"\r") else []
    body = body.removesuffix(b"\r")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("utf-8", errors="replace")
        findings.append(Finding.INVALID)
    mended, repairs = mend(text, rules)
    findings += repairs
    if Finding.INVALID not in findings and (
        is_garbled(text) or (text != mended and is_garbled(mended))
    ):  # mending may remove the characters that tell
        findings.append(Finding.MOJIBAKE)
    if "<" in mended and set(_TAG.findall(mended)) - rules.symbols:
        findings.append(Finding.TAGS)
    if count_words(mended) > rules.longest or len(mended) > CHARACTERS_PER_WORD * rules.longest:
        findings.append(Finding.LONG)
    return Line(mended, tuple(each for each in findings if each not in rules.kept))


def mend(text: str, rules: Rules) -> tuple[str, list[Finding]]:
    """The text after all repairs that `rules` do not overlook, and the findings that changed it.

    Repairs that uncover each other's work are repeated, so that a mended text has nothing to mend.

    >>> mend(" R&amp;D", Rules())
    ('R&D', [<Finding.ENTITIES: 'HTML entities'>, <Finding.SPACE: 'space around the line'>])
    """
    if text.isascii() and text.isprintable() and "&" not in text and text == text.strip():
        return text, []
    changed: dict[Finding, None] = {}
    before = None
    while text != before:
        before = text
        for finding, repair in _REPAIRS.items():
            mended = text if finding in rules.kept else repair(text)
            if mended != text:
                changed[finding] = None
                text = mended
    return text, list(changed)


def is_blank(text: str) -> bool:
    """Whether nothing in the text can be seen."""
    return not any(each.isprintable() and not each.isspace() for each in text)


def is_garbled(text: str) -> bool:
    """Whether UTF-8 was read as another encoding here, or characters were lost before.

    >>> is_garbled("fÃ¼r"), is_garbled("für")
    (True, False)
    """
    if text.isascii():
        return False
    text = _CAPITAL_AT_END.sub("A", text)
    return "\ufffd" in text or ftfy.fix_encoding(text, _DECODING) != text


def count_words(text: str) -> int:
    """Number of words between spaces; where a script writes none, two characters count as a word.

    >>> count_words("a dog runs"), count_words("狗在跑")
    (3, 2)
    """
    if text.isascii():
        return len(text.split())
    spaced, unspaced = _UNSPACED.subn(" ", text)
    return len(spaced.split()) + (unspaced + 1) // 2


def has_spaces(text: str) -> bool:
    """Whether all its scripts put spaces between words."""
    return text.isascii() or not _UNSPACED.search(text)


def count_letters(text: str) -> int:
    """Number of letters; a character of East Asia counts as the two or three it stands for."""
    if text.isascii():
        return len(text)
    return len(text) + 2 * len(_IDEOGRAPH.findall(text)) + len(_SYLLABLE.findall(text))


def main_script(text: str) -> str:
    """The script of more than half of its letters, such as LATIN; "" where there are few."""
    letters: Counter[str] = Counter()
    for character, count in Counter(text).items():
        if character.isalpha():
            letters[_script(character)] += count
    if letters.total() < LEAST_LETTERS:
        return ""
    script, count = letters.most_common(1)[0]
    return script if 2 * count > letters.total() else ""


@cache
def _script(letter: str) -> str:
    """The script of a letter by its Unicode name, such as CYRILLIC; "" if it goes with any."""
    scripts = script_extension(letter)
    if scripts & _EAST_ASIAN:
        return "EAST ASIAN"
    code = min(scripts)
    return "" if code in _ANY_SCRIPT else script_name(code).upper()


def _without_entities(text: str) -> str:
    if "&" not in text:
        return text
    text = re.sub(r"&(?:(?:amp|#38|#x26);)+", "&", text)  # escaped over and over
    return _ENTITY.sub(_unescape, text)


def _unescape(match: re.Match[str]) -> str:
    entity = match[0]
    return html.unescape(entity) if entity[1] == "#" else html5.get(entity[1:], entity)


def _without_controls(text: str) -> str:
    return text if text.isprintable() else _CONTROL.sub("", text.replace("\t", " "))


def _without_separators(text: str) -> str:
    return text if text.isprintable() else _SEPARATOR.sub(" ", text)


def _normalised(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


_REPAIRS: dict[Finding, Callable[[str], str]] = {
    Finding.BYTE_ORDER_MARK: lambda text: text.replace("\ufeff", ""),
    Finding.ENTITIES: _without_entities,
    Finding.SEPARATORS: _without_separators,
    Finding.CONTROLS: _without_controls,
    Finding.UNNORMALISED: _normalised,
    Finding.SPACE: str.strip,
}
