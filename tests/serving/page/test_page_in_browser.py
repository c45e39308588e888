"""The page as people use it, in a real browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from server_process import SERVE, server_process

pytest_plugins = ["page_browser"]
pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[3] / "build/axe/package/axe.min.js"
SENTENCE = "Today the old woman reads the book in the garden."
TWO = f"{SENTENCE} The dog sleeps."
MARKUP = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def served(trained_run):
    """The address of a run that is served as the command serves it."""
    with server_process(*SERVE, trained_run, "--port", 0, "--n-best", 3) as server:
        yield server.url
        assert server.stop() == 0


@pytest.fixture(scope="module")
def axe():
    if not AXE.exists():
        pytest.skip("there is no axe-core; `make axe` fetches it")
    return AXE.read_text()


def translated(page, text=SENTENCE):
    page.fill("#source", text)
    page.wait_for_selector(".choice")
    return page.locator("button.word").all_inner_texts()


def test_what_is_typed_is_translated_and_a_word_shows_where_the_network_looked(open_page):
    page = open_page()
    words = translated(page)
    assert len(words) > 3
    expect(page.locator(".outputs li")).to_have_count(3)
    expect(page.locator(".outputs li").first).to_contain_text(" ".join(words))
    heights = []
    for place in (0, len(words) - 1):
        page.locator("button.word").nth(place).hover()
        expect(page.locator("h2", has_text="In place of")).to_contain_text(words[place])
        shown = page.locator(".source-word rect")
        heights.append([each.get_attribute("height") for each in shown.all()])
    assert heights[0] != heights[1]
    shares = page.locator(".choices").first.locator(".number").all_inner_texts()
    assert len(shares) == 6 and all(re.fullmatch(r"(< )?\d+ %", each) for each in shares)


def test_a_runner_up_is_written_and_the_rest_is_searched_again(open_page):
    page = open_page()
    before = translated(page)
    page.locator("button.word").nth(1).hover()
    other = page.locator(".choice:not([disabled])").first
    token = other.locator("span").first.inner_text().strip("·")
    other.click()
    expect(page.locator("#begin")).to_have_value(re.compile(re.escape(token)))
    expect(page.locator("button.word.forced")).not_to_have_count(0)
    page.wait_for_selector(".choice")
    begun = page.locator("#begin").input_value()
    after = " ".join(page.locator("button.word").all_inner_texts())
    assert after.startswith(begun) and after != " ".join(before)
    expect(page).to_have_url(re.compile("&tokens="))
    address = page.url.partition("#")[2]
    again = open_page(address=f"#{address}")  # the address brings it back
    expect(again.locator("#begin")).to_have_value(begun)
    expect(again.locator(".outputs li").first).to_contain_text(after)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".outputs li").first).to_contain_text(" ".join(before))


def test_a_beginning_is_kept_and_one_that_is_too_long_is_told_of(open_page):
    page = open_page()
    translated(page)
    page.fill("#begin", "Zwei Ka")
    expect(page.locator(".outputs li").first).to_contain_text("Zwei Ka")
    page.fill("#begin", "Zwei " * 90)
    expect(page.get_by_role("status")).to_contain_text("longer than the translation")
    page.fill("#begin", "")
    expect(page.get_by_role("status")).to_have_text("")


def test_the_tree_and_the_gates_are_drawn(open_page):
    page = open_page()
    translated(page)
    for summary in ("Beam search", "Gates and states"):
        page.locator("summary", has_text=summary).click()
    expect(page.locator(".tree")).to_be_visible()
    expect(page.locator(".tree .cut").first).to_be_attached()
    expect(page.locator(".memory .plus, .memory .minus").first).to_be_attached()
    assert page.locator(".tree g").count() > 10
    assert page.locator(".tree .cut").count() > 0
    assert page.locator(".memory .gate").count() > 10
    assert page.locator(".memory .plus, .memory .minus").count() > 100


def test_each_sentence_is_looked_at_on_its_own(open_page):
    page = open_page()
    translated(page, TWO)
    expect(page.locator(".sentence")).to_have_count(2)
    page.locator(".sentence").nth(1).locator("button").first.click()
    expect(page.locator(".source-word").last).to_contain_text("sleeps.")
    expect(page).to_have_url(re.compile("sentence=1"))


def test_text_is_shown_as_text(open_page):
    page = open_page()
    translated(page, MARKUP)
    page.fill("#begin", MARKUP[:4])
    expect(page.locator(".outputs li").first).to_contain_text("<img")
    assert page.locator("main img, main b").count() == 0
    assert page.title() == "Translate — seq2seq"


def test_the_keyboard_is_enough(open_page):
    page = open_page()
    translated(page)
    words = page.locator("button.word")
    page.locator("#source").focus()
    page.keyboard.press("Tab")
    expect(words.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(words.nth(1)).to_be_focused()
    page.wait_for_selector(".choice:not([disabled])")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "choice":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#begin")).not_to_have_value("")


def test_a_server_that_goes_away_is_told_of_in_a_line_and_found_again(open_page):
    page = open_page()
    translated(page)
    page.context.set_offline(True)
    page.fill("#source", "The dog sleeps.")
    expect(page.get_by_role("status")).to_contain_text("does not answer")
    page.context.set_offline(False)
    expect(page.get_by_role("status")).to_have_text("")
    expect(page.locator("button.word").first).to_be_visible()
    # What the browser itself says of requests that found no network is not the page's.
    assert all("ERR_INTERNET_DISCONNECTED" in each for each in page.complaints)
    page.complaints.clear()


def test_a_server_that_is_killed_is_told_of_and_its_successor_is_found(trained_run, open_page):
    with server_process(*SERVE, trained_run, "--port", 0) as first:
        address = first.url
        page = open_page(server=address)
        translated(page)
        first.process.kill()
        page.locator("#source").press_sequentially("The dog sl")
        expect(page.get_by_role("status")).to_contain_text("does not answer")
        page.locator("#source").press_sequentially("eeps.")  # nothing typed is lost
        expect(page.locator("#source")).to_have_value(f"{SENTENCE}The dog sleeps.")
    with server_process(*SERVE, trained_run, "--port", address.rpartition(":")[2]) as second:
        expect(page.get_by_role("status")).to_contain_text("does not answer")
        assert second.url == address
        expect(page.get_by_role("status")).to_have_text("")
        expect(page.locator(".source-word").last).to_contain_text("sleeps.")
        page.close()
    # What the browser itself says of a server that is gone, or not ready yet, is not the page's.
    assert all(re.search("net::ERR_|status of 503", each) for each in page.complaints)
    page.complaints.clear()


def test_dark_follows_the_system_and_the_switch(open_page):
    page = open_page(scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Light").click()
    expect(page.get_by_role("button", name="Dark")).to_be_visible()
    assert page.evaluate(ground) != dark
    page.reload()
    expect(page.get_by_role("button", name="Dark")).to_be_visible()  # it is remembered


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_keeps_anybody_from_using_it(open_page, axe, width, scheme):
    page = open_page(width=width, scheme=scheme)
    translated(page, f"{TWO} Zwölf 😀")
    for summary in page.locator("summary").all():
        summary.click()
    page.wait_for_selector(".tree")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(axe)
    found = page.evaluate("axe.run()")["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    # Control: a picture without words for it is one.
    page.evaluate("document.querySelector('main').append(document.createElement('img'))")
    assert "image-alt" in [each["id"] for each in page.evaluate("axe.run()")["violations"]]
