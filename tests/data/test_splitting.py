"""A long line is cut where a reader would pause; nothing of it but white space is lost."""

import re
import time
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seq2seq.data.splitting import Piece, split_line

# Text that is likely to be cut in many ways, and arbitrary text.
MARKED = st.text(st.sampled_from("ab1 .,;!?。，—“\"')»\u0301\u200d\u3000\u2028\U0001f3fd"))
TEXT = st.one_of(MARKED, st.text())
LONGEST = st.integers(1, 12)


def characters(texts):
    return [len(text) for text in texts]


def words(texts):
    return [len(text.split()) for text in texts]


def subwords(texts):
    """Three characters each within a word, as a SentencePiece model might."""
    return [sum(-(-len(word) // 3) for word in text.split()) for text in texts]


class Counted:
    """A count that remembers how often it was called, and with how many characters."""

    def __init__(self, count):
        self.count, self.calls, self.characters = count, 0, 0

    def __call__(self, texts):
        self.calls += 1
        self.characters += sum(map(len, texts))
        return self.count(texts)


def texts(line, longest, count=words):
    return [piece.text for piece in split_line(line, longest, count)]


def sentences(line):
    """Pieces where each sentence fits but the line does not."""
    return texts(line, len(line) - 1, characters)


def joined(pieces):
    return "".join(piece.joint + piece.text for piece in pieces)


def is_one_cluster(text):
    """Whether every character belongs to the one before it: marks, joiners, modifiers, tags."""
    others = {0x200C, 0x200D, *range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)}
    return all(
        unicodedata.category(character).startswith("M")
        or ord(character) in others
        or before == "\u200d"
        for before, character in pairwise(text)
    )


@settings(deadline=None)
@given(TEXT, LONGEST, st.sampled_from([characters, words, subwords]))
@example("a. b", 1, characters)
@example("\r0000", 4, characters)
@example("a \u0301b", 1, characters)
def test_only_white_space_is_lost_and_only_at_cuts_and_ends(text, longest, count):
    pieces = split_line(text, longest, count)
    if pieces == [Piece(text, "")]:
        return
    rest = text
    for piece in pieces:
        skipped = rest[: len(rest) - len(rest.lstrip())]
        assert piece.joint == (" " if skipped and piece is not pieces[0] else "")
        assert rest.startswith(skipped + piece.text)
        rest = rest[len(skipped + piece.text) :]
    assert rest.strip() == ""


@settings(deadline=None)
@given(TEXT, LONGEST, st.sampled_from([characters, words, subwords]))
@example("0\u200c", 1, characters)
def test_no_piece_is_too_long_or_blank(text, longest, count):
    for piece in split_line(text, longest, count):
        assert count([piece.text])[0] <= longest or is_one_cluster(piece.text) or not text.strip()
        assert piece.text.strip() or not text.strip()


@settings(deadline=None)
@given(TEXT, LONGEST)
@example("a\u0301b\u0302\u0323c", 1)
@example("no\u0308", 2)
@example("a。\u0301b", 3)
@example("a,。\u0301b—\u0301c", 4)
def test_a_mark_stays_with_its_character(text, longest):
    for piece in split_line(text, longest, characters)[1:]:
        if not piece.joint:
            assert not unicodedata.category(piece.text[0]).startswith("M")


def test_a_plain_cut_would_part_them():
    text = "e\u0301" * 9
    assert any(unicodedata.combining(text[place]) for place in range(3, len(text), 3))
    assert texts(text, 3, characters) == ["e\u0301"] * 9  # a pair and a half would not do


@settings(deadline=None)
@given(TEXT)
def test_a_line_that_is_short_enough_stays_as_it_is(text):
    assert split_line(text, len(text), characters) == [Piece(text, "")]


@pytest.mark.parametrize("text", ["", " ", "\u3000" * 99, "\t \u2028"])
def test_a_blank_line_stays_as_it_is(text):
    assert split_line(text, 1, characters) == [Piece(text, "")]


@pytest.mark.parametrize(
    "expected",
    [
        ["A dog runs.", "It stops!", "Why?", "Nobody knows …", "The end"],
        ['"Stop!"', "(He stopped.)", "He said: „Nein.“", "‘So be it.’", "»Ja?«", "Then?!", "What?"],
        ["Il dit : « Oui ! »", "Elle dit non.", "« Non. »", "Bien !"],
        ["Dr. Smith met J. R. Tolkien.", "They drank, e.g. tea, z.B. here, z. B. there.", "So."],
        ["It cost 3.50 on 3. 5. 2020.", "See www.example.org or file.txt now.", "Version 2.0.1."],
        ["In the U.S. Army.", "Mr. X vs. Mrs. Y at St. Paul.", "Usw."],
        ["Sentence number 1.", "Sentence number 2.", "Is it 3?", "4 it is."],
        ["Wait . . .", "What ?!", "Go ..."],
        ["... ! Well.", "He said nothing . . ."],
        ["यह एक कुत्ता है।", "वह दौड़ता है॥", "क्यों?"],
        ["هل هذا كلب؟", "نعم.", "یہ کتا ہے۔", "اچھا"],
        ["ውሻው ይሮጣል።", "ለምን፧", "አዎ"],
        ["Սա շուն է։", "Այո։"],
    ],
)
def test_a_line_is_cut_into_its_sentences(expected):
    assert sentences(" ".join(expected)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["你好。", "你是谁？", "“我是他！”", "对……", "好的"],
        ["犬が走る。", "「止まれ！」", "なぜ?", "３．１４です。", "終わり"],
    ],
)
def test_scripts_without_spaces_are_cut_and_joined_without_spaces(expected):
    pieces = split_line("".join(expected), sum(map(len, expected)) - 1, characters)
    assert [piece.text for piece in pieces] == expected
    assert {piece.joint for piece in pieces} == {""}


def test_short_sentences_are_not_put_together():
    assert texts("One. Two. Three four five.", 3) == ["One.", "Two.", "Three four five."]


def test_a_sentence_that_is_too_long_is_cut_at_clause_marks():
    line = "a b, c d; e f: g h – i j — k l m no! The next one."
    assert texts(line, 4) == ["a b, c d;", "e f:", "g h –", "i j —", "k l m no!", "The next one."]
    assert texts(line, 5) == ["a b, c d;", "e f: g h –", "i j —", "k l m no!", "The next one."]


def test_clauses_are_cut_at_other_scripts_marks_too():
    assert texts("我来，我见；我胜。", 4, characters) == ["我来，", "我见；", "我胜。"]
    assert texts("كلب، قطة؛ طائر", 2) == ["كلب، قطة؛", "طائر"]


def test_a_number_or_a_time_is_no_clause():
    assert texts("they came at 12:30 with 1,000 men, from 1990–2000 on", 7) == [
        "they came at 12:30 with 1,000 men,",
        "from 1990–2000 on",
    ]


def test_words_fill_each_piece_where_a_clause_is_too_long():
    line = " ".join("abcdefghijk")
    assert texts(line, 4) == ["a b c d", "e f g h", "i j k"]
    assert texts(line, 7, characters) == ["a b c d", "e f g h", "i j k"]  # spaces counted


def test_a_word_that_is_too_long_is_halved_and_joined_without_spaces():
    pieces = split_line("ab " + "x" * 10 + " cd", 4, characters)
    assert [piece.text for piece in pieces] == ["ab", "xx", "xxx", "xx", "xxx", "cd"]
    assert [piece.joint for piece in pieces] == ["", " ", "", "", "", " "]


def test_a_character_with_more_marks_than_fit_stays_whole():
    cluster = "e" + "\u0301" * 20
    assert texts(f"ab{cluster}cd", 4, characters) == ["ab", cluster, "cd"]


def test_a_size_that_is_more_than_the_sum_of_its_parts_is_noticed():
    def uneven(batch):
        return [max(1, 3 * len(text.split()) - 6) for text in batch]

    line = "aa bb cc dd ee ff gg"
    assert uneven(["aa", "aa bb", "aa bb cc", line]) == [1, 1, 3, 15]
    assert texts(line, 6, uneven) == ["aa bb cc", "dd ee ff gg"]


@pytest.mark.parametrize(
    "line",
    [
        "word " * 5_000,
        "A dog runs over there. " * 1_000,
        "one, " * 5_000,
        "x" * 100_000,
        "." * 100_000,
        "。" * 100_000,
        ". " * 20_000,
        "z.B." * 25_000,
        "e" * 50_000 + "\u0301" * 50_000,
        "a" + " " * 100_000 + "b",
    ],
    ids=lambda line: f"{line[:6]!r} x {len(line)}",
)
def test_time_and_counts_grow_with_the_length_alone(line):
    count = Counted(subwords)
    start = time.process_time()
    pieces = split_line(line, 100, count)
    assert time.process_time() - start < 5  # a fraction of a second; anything quadratic: minutes
    assert count.calls <= 20
    assert count.characters <= 20 * len(line)
    assert re.sub(r"\s", "", joined(pieces)) == re.sub(r"\s", "", line)
