import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.serving.server.libretranslate.markup import DEEPEST, Sentence, lay_out, read_pieces
from seq2seq.serving.server.libretranslate.placement import with_tags

SCRAPS = st.sampled_from(
    [
        *(
            "<b>",
            "</b>",
            "<a href='x>y'>",
            "</a>",
            "<br/>",
            "<!-- <b> -->",
            "<!--",
            "-->",
            "<",
            ">",
        ),
        *("<p>", "</p>", "<code>", "</code>", "<script>", "</SCRIPT >", "&lt;", "&amp", "'", '"'),
        *("word ", " ", "\n", "<i translate=no>", "</i>", "<!DOCTYPE html>", "<IMG src=x>", "</"),
    ]
)
MARKUP = st.lists(st.one_of(SCRAPS, st.text(max_size=5)), max_size=25).map("".join)


@given(MARKUP)
def test_the_pieces_of_any_text_are_the_text(markup):
    assert "".join(piece.raw for piece in read_pieces(markup)) == markup


def laid_out_of(markup):
    return lay_out(read_pieces(markup))


def texts(markup):
    return [each.text for each in laid_out_of(markup) if isinstance(each, Sentence)]


def test_elements_within_a_sentence_leave_it_whole_and_others_end_it():
    markup = "<ul>\n <li>One <b>or</b> two<li>three<br>four</ul> &lt;five&gt;"
    assert texts(markup) == ["One or two", "three", "four", "<five>"]
    laid_out = list(laid_out_of(markup))
    assert laid_out[laid_out.index("<ul>") + 1 :][:2] == ["\n ", "<li>"]


@pytest.mark.parametrize(
    "kept",
    [
        "<script>if (a < b) alert('<p>no</p>')</script>",
        "<code>a <code>b</code> c</code>",
        "<span translate='no'>Seq <span>2</span> Seq</span>",
        '<p class="x notranslate">Name</p>',
        "<pre>as\n  it is</pre>",
        "<style>p { color: red }",
        "<!-- a > b -->",
    ],
)
def test_what_is_not_to_be_translated_is_not(kept):
    assert texts(kept) == []
    assert "".join(laid_out_of(kept)) == kept
    (sentence,) = [each for each in laid_out_of(f"before {kept}") if isinstance(each, Sentence)]
    assert sentence.text == "before"


def test_tags_without_a_partner_are_points():
    laid_out = laid_out_of("one <b>two <i>three</b> four</a>")
    (sentence,) = [each for each in laid_out if isinstance(each, Sentence)]
    bold, end = sentence.elements
    assert (bold.before, bold.after, bold.start, bold.end) == ("<b>", "</b>", 4, 13)
    assert [(each.before, each.after) for each in bold.inside] == [("<i>", None)]
    assert (end.before, end.after) == ("</a>", None)


def test_a_sentence_ends_outside_of_elements_alone():
    markup = "One. <b>Two. Three.</b> Four.<sup>1</sup> <i>Five</i> six. And"
    laid_out = list(laid_out_of(markup))
    first, second, third, fourth = [each for each in laid_out if isinstance(each, Sentence)]
    assert (first.text, first.elements) == ("One.", ())
    (bold,) = second.elements
    assert second.text == second.text[bold.start : bold.end] == "Two. Three."
    note, five = third.elements
    assert third.text == "Four.1 Five six."
    assert (third.text[note.start : note.end], third.text[five.start : five.end]) == ("1", "Five")
    assert (fourth.text, fourth.elements) == ("And", ())


def depth(elements):
    return 1 + max((depth(each.inside) for each in elements), default=0)


def test_elements_inside_each_other_are_points_from_some_depth_on():
    laid_out = laid_out_of("<b>" * 3000 + "x" + "</b>" * 3000)
    (sentence,) = [each for each in laid_out if isinstance(each, Sentence)]
    assert (sentence.text, depth(sentence.elements)) == ("x", DEEPEST + 2)  # and the point
    written = with_tags(sentence, "x", None)
    assert (written.count("<b>"), written.count("</b>"), "x" in written) == (3000, 3000, True)


@given(st.lists(st.sampled_from(["<b>", "</b>", "<i>", "<img>", "Word. ", "word "]), max_size=300))
def test_cut_or_not_all_words_and_tags_are_there_in_order(scraps):
    markup = "".join(scraps)
    found = "".join(
        each if isinstance(each, str) else with_tags(each, each.text, None)
        for each in laid_out_of(markup)
    )
    assert re.findall(r"\w+", re.sub("<.*?>", "", found)) == re.findall(
        r"\w+", re.sub("<.*?>", "", markup)
    )
    assert re.findall("<.*?>", found) == re.findall("<.*?>", markup)


@pytest.mark.parametrize(
    "scrap",
    [
        *("<!--", "<a ", "<", "<a b='", '<a b="', "<?", "</", "<script>", "<b>", "</b>", "<code>"),
        *("<code></code>", "<b>x</b>", "<x translate=no>", "<!--<a b='</", "<a '\"", "&amp", "<b "),
    ],
)
def test_hostile_markup_takes_time_in_proportion(scrap):
    markup = scrap * (100_000 // len(scrap))  # the standard library's parser: a minute for "<a "
    started = time.process_time()
    for part in laid_out_of(markup):
        if isinstance(part, Sentence):
            with_tags(part, part.text, None)
    assert time.process_time() - started < 3
