"""One line of text: what is found in it, what is mended, and what is left alone."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.findings.finding import Finding, Rules
from data_prep.findings.line import (
    count_letters,
    count_words,
    examine_line,
    is_blank,
    is_garbled,
    main_script,
    mend,
)

RULES = Rules()
TRICKY = ["&", "&amp;", "amp;", "#38;", "&#10;", "&nbsp;", "&#0;", "&bogus;", "\x00", "\t", "\x85"]
TRICKY += ["\ufeff", "\u2028", "\r", "\n", "e", "\u0301", "\u037e", " ", "\u00a0", "<", ">", "b"]
TRICKY_TEXT = st.lists(st.sampled_from(TRICKY)).map("".join)


@pytest.mark.parametrize(
    ("raw", "text", "finding"),
    [
        (b"a dog\r\n", "a dog", Finding.LINE_END),
        (b"\xef\xbb\xbfa dog\n", "a dog", Finding.BYTE_ORDER_MARK),
        (b"R&amp;D &quot;now&#34;\n", 'R&D "now"', Finding.ENTITIES),
        (b"R&amp;amp;amp;D\n", "R&D", Finding.ENTITIES),
        ("a\u2028dog\x0cruns\n".encode(), "a dog runs", Finding.SEPARATORS),
        (b"a dog\r runs\n", "a dog  runs", Finding.SEPARATORS),
        (b"a\tdog\x00\x07\n", "a dog", Finding.CONTROLS),
        ("u\u0308ber\n".encode(), "\u00fcber", Finding.UNNORMALISED),
        ("\u00a0 a dog\u3000\n".encode(), "a dog", Finding.SPACE),
    ],
)
def test_a_line_is_mended_and_the_repair_is_named(raw, text, finding):
    line = examine_line(raw, RULES)
    assert line.text == text
    assert line.findings == (finding,)


@pytest.mark.parametrize(
    "text",
    [
        "A dog runs.",
        "",
        "Wo ist „groß“? – Im Café…",
        "AMANHÔ, disse. “MANHÃ” «IRMû",
        "R&notit; now &copyleft; all",  # which begin as entities do
        "R&D, AT&T; fish & chips; 3 < 5 > 2 <3 <john@example.org>",
        "Ânimo, ÂNIMO, Ân, Šta, naïve façade, Ærø, Þórr",
        "Đây là một câu tiếng Việt. “ĐÂU”",
        "Это “русское” предложение…",
        "狗在跑。 犬が走る。 개가 달린다.",
        "می‌روم",  # with a zero-width non-joiner
        "👩\u200d🚀 up",
        "שלום\u200f!",
    ],
)
def test_healthy_text_of_many_languages_is_left_alone(text):
    text = unicodedata.normalize("NFC", text)
    assert examine_line(text.encode() + b"\n", RULES).findings == ()
    assert mend(text, RULES) == (text, [])


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize(
    "text", ["für", "Über", "São Paulo", "groß", "5 °C", "l’été", "señor – sí"]
)
def test_utf8_read_as_another_encoding_is_found(text, encoding):
    try:
        garbled = text.encode().decode(encoding)
    except UnicodeDecodeError:
        garbled = text.encode().decode("latin-1")
    assert not is_garbled(text)
    assert is_garbled(garbled)
    assert Finding.MOJIBAKE in examine_line(garbled.encode(), RULES).findings


def test_cyrillic_and_czech_read_as_western_text_are_found():
    for text in ("Собака бежит.", "Příliš žluťoučký kůň."):
        assert is_garbled(text.encode().decode("latin-1"))
        assert not is_garbled(text)


def test_garbled_capitals_are_told_from_capitals_before_a_quotation_mark():
    assert is_garbled("MÜNCHEN".encode().decode("cp1252"))
    assert is_garbled("MANHÃ”s") and not is_garbled("“MANHÃ” “IRMÔ")
    assert is_garbled("“MANHÃ” fÃ¼r")


def test_single_garbled_letters_are_found():
    for text in ("Muž na ulici hraje na kytaru.", "voilà ", "Chœur debout"):
        assert is_garbled(text.encode().decode("latin-1"))
        assert not is_garbled(text)


def test_bytes_that_are_not_utf8_are_named_once():
    assert examine_line(b"Z\xfcrich", RULES).findings == (Finding.INVALID,)
    assert examine_line("Z\ufffdrich".encode(), RULES).findings == (Finding.MOJIBAKE,)


def test_tags_are_found_even_where_they_were_escaped():
    for text in ("a <b>dog</b>", "a dog<br/>", "a &lt;i&gt;dog", '<a href="x">dog</a>'):
        assert Finding.TAGS in examine_line(text.encode(), RULES).findings


def test_symbols_of_the_vocabulary_are_no_tags():
    """Such as augment writes before back-translations."""
    rules = Rules(symbols={"<bt>"})
    assert Finding.TAGS in examine_line(b"<bt> a dog", RULES).findings
    assert examine_line(b"<bt> a dog", rules).findings == ()
    assert Finding.TAGS in examine_line(b"<bt> a <b>dog", rules).findings


def test_a_line_is_long_by_its_words_or_by_its_letters():
    rules = Rules(longest=5)
    found = [
        Finding.LONG in examine_line(text.encode(), rules).findings
        for text in ("a b c d e", "a b c d e f", "x" * 100, "x" * 101, "狗" * 10, "狗" * 11)
    ]
    assert found == [False, True, False, True, False, True]


def test_what_the_rules_overlook_is_neither_found_nor_mended():
    text = "fu\u0308r &lt;b&gt; fÃ¼r"
    kept = {Finding.UNNORMALISED, Finding.ENTITIES, Finding.MOJIBAKE}
    assert examine_line(text.encode(), Rules(kept=kept)).findings == ()
    assert examine_line(text.encode(), Rules(kept=kept)).text == text
    assert len(examine_line(text.encode(), RULES).findings) == 4  # and a tag


def test_words_and_letters_are_counted_in_scripts_without_spaces_too():
    assert count_words("a dog runs") == 3
    assert count_words("狗在跑 fast") == 2 + 1
    assert count_words("  ") == 0
    assert count_letters("ein Hund") == 8
    assert count_letters("犬が") == 3 + 2


def test_a_line_has_the_script_of_most_of_its_letters():
    assert main_script("Der Name Чехов ist russisch.") == "LATIN"
    assert main_script("Слово Word по-русски") == "CYRILLIC"
    assert main_script("これは日本語のカタカナです") == "EAST ASIAN"
    assert main_script("ーーーーーーーーーーー") == "EAST ASIAN"  # a mark that both kana share
    assert main_script("ﺍﻟﻌﺮﺑﻴﺔ ﻟﻐﺔ ﺟﻤﻴﻠﺔ") == "ARABIC"  # presentation forms
    assert main_script("𝔸𝔹ℂ𝔻𝔼𝔽𝔾ℍ𝕀𝕁𝕂") == ""  # symbols of no script
    assert main_script("OK 12345678901234567890") == ""  # too few letters to tell
    assert main_script("abcdefабвгде") == ""  # no majority


def test_repairs_that_uncover_damage_do_not_hide_it():
    assert mend("R&a\x00mp;D", RULES)[0] == "R&D"
    assert mend("a dog&nbsp;", RULES)[0] == "a dog"
    assert not is_garbled("fÃ\x00¼r")
    assert Finding.MOJIBAKE in examine_line("fÃ\x00¼r".encode(), RULES).findings


def test_only_what_can_be_seen_makes_a_line_more_than_blank():
    assert is_blank(" \u00a0\u200b\ufeff")
    assert is_blank("")
    assert not is_blank(" . ")


@settings(deadline=None)
@given(st.text() | TRICKY_TEXT)
def test_mending_twice_is_mending_once_and_leaves_one_line(text):
    mended, _ = mend(text, RULES)
    assert mend(mended, RULES) == (mended, [])
    assert len(mended.splitlines()) <= 1
    assert unicodedata.is_normalized("NFC", mended)


@settings(deadline=None)
@given(st.binary() | TRICKY_TEXT.map(str.encode))
def test_any_bytes_are_examined(raw):
    line = examine_line(raw, RULES)
    line.text.encode()
    assert len(set(line.findings)) == len(line.findings)
