"""The page about a translation: everything on it, nothing that could run or be fetched."""

from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.config.languages import Languages
from seq2seq.inspection.page import Outline, Page, Token

NASTY = "<script>alert(\"1\")</script> & 'x'"


class Reader(HTMLParser):
    """What a browser would see: tags with attributes, and text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def page(text, fell_at=3):
    return Page(
        source=text,
        translation=text,
        tokens=[Token(text, 0.25, [(text, 0.125)])],
        hypotheses=[
            Outline(text, -1.5, -0.75, "finished", None),
            Outline(text + "!", -2.5, None, "pruned", fell_at),
        ],
        pictures=[("attention.png", text), (f"{text}.png", "any")],
        arrays="arrays.npz",
    )


def test_the_page_tells_what_was_written_and_what_fell():
    found = Reader(page("ein Hund").html())
    for part in ("0.250", "0.125", "-1.50", "-0.75", "-2.50", "finished", "no place, at step 3"):
        assert part in found.text
    assert ("img", {"src": "attention.png", "alt": "ein Hund"}) in found.tags
    assert ("a", {"href": "arrays.npz"}) in found.tags


def test_what_a_hypothesis_shares_with_the_translation_is_grey():
    html = page("ein Hund").html()
    assert '<span class="shared">ein Hund</span>!' in html


@given(st.text(max_size=20))
@settings(deadline=None)
def test_no_text_becomes_markup(text):
    plain, found = Reader(page("a").html()), Reader(page(text + NASTY).html())
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert not any(tag in ("script", "link", "iframe") for tag, _ in found.tags)
    assert ("img", {"src": f"{text + NASTY}.png", "alt": "any"}) in found.tags
    assert NASTY in found.text


def test_browsers_are_told_which_language_a_text_is_in():
    told = replace(page("ein Hund"), languages=Languages("fa", "de"))
    assert ("h1", {"dir": "auto", "lang": "de"}) in Reader(told.html()).tags
    assert ("p", {"dir": "auto", "lang": "fa"}) in Reader(told.html()).tags
    assert ("h1", {"dir": "auto"}) in Reader(page("ein Hund").html()).tags


def test_subwords_and_hypotheses_have_the_order_of_their_language():
    told = Reader(replace(page("כלב"), languages=Languages("en", "he")).html()).tags
    cells = [found for tag, found in told if tag == "td" and "dir" in found]
    assert cells == [{"dir": "auto", "lang": "he"}] * 3  # a subword and two hypotheses
    assert told.count(("bdi", {"lang": "he"})) == 1  # the number after a runner-up stays there
    untold = Reader(page("כלב").html()).tags
    assert untold.count(("td", {"dir": "auto"})) == 3 and untold.count(("bdi", {})) == 1
