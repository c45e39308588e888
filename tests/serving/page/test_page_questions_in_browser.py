"""What the page asks, and when the answers count, over a model without TensorFlow."""

import json
import re
import threading

import pytest
from fake_server import serving
from leading_model import LeadingModel
from playwright.sync_api import expect

pytest_plugins = ["page_browser"]
pytestmark = pytest.mark.browser
TWO = "A dog runs. Two men sit."
SOON = 800  # milliseconds; what has not happened by then does not happen


class SlowToBegin(LeadingModel):
    """Answers questions with a beginning when it is let."""

    def __init__(self):
        super().__init__()
        self.let, self.asked = threading.Event(), threading.Event()

    def predict(self, signature, inputs):
        if any(inputs.get("prefix", ())):
            self.asked.set()
            assert self.let.wait(20)
        return super().predict(signature, inputs)


class ReadsThreeWords(LeadingModel):
    most_words = 3


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), LeadingModel()) as running:
        yield running.url


def sentences(page):
    return [each.strip() for each in page.locator(".sentence").all_inner_texts()]


def write(page, text):
    page.fill("#source", text)
    page.wait_for_selector(".outputs li")


def begin(page, beginning):
    page.fill("#begin", beginning)
    expect(page.locator(".outputs li").first).to_contain_text(beginning)


def statuses_alone(page, *statuses):
    """Forgets what the browser itself says of refusals; nothing else may have been said."""
    expected = "|".join(f"status of {each} " for each in statuses)
    assert page.complaints and all(re.search(expected, each) for each in page.complaints)
    page.complaints.clear()


def answer_of(route, status, **headers):
    """Answers a question in the server's place."""
    body = json.dumps({"error": "too much of it"})
    route.fulfill(status=status, body=body, headers=headers, content_type="application/json")


@pytest.mark.parametrize("given_up_by", ["clearing", "choosing"])
def test_a_beginning_that_was_given_up_is_not_shown_when_it_is_answered(
    tmp_path, open_page, given_up_by
):
    model = SlowToBegin()
    with serving(tmp_path, model) as running:
        page = open_page(server=running.url)
        write(page, TWO)
        page.fill("#begin", "Zwei")
        assert model.asked.wait(20)
        if given_up_by == "clearing":
            page.get_by_role("button", name="Clear").click()
        else:
            page.locator("button.word").last.click()
        expect(page.locator("#begin")).to_have_value("")
        model.let.set()
        page.wait_for_timeout(SOON)
        assert sentences(page) == ["A dog runs.", "Two men sit."]
        begin(page, "Drei")  # the latest is
        page.close()


def test_another_sentence_is_chosen_by_a_click_alone(open_page):
    page = open_page()
    write(page, TWO)
    begin(page, "Zwei")
    other = page.locator("button.word").last
    other.hover()
    page.locator("button.word").first.press("ArrowRight")
    expect(other).to_be_focused()
    expect(page.locator("#begin")).to_have_value("Zwei")
    assert sentences(page)[0] == "ZweiA dog runs."
    other.press("Enter")
    expect(page.locator(".sentence.chosen")).to_have_text("Two men sit.")
    expect(page.locator("#begin")).to_have_value("")


def test_another_address_in_the_same_window_is_followed(open_page, served):
    page = open_page(address="#text=A+dog+runs.")
    page.wait_for_selector(".outputs li")
    begin(page, "Zwei")
    page.goto(f"{served}/#text=Two+men+sit.+A+cat.&sentence=1&begin=Eine")
    expect(page.locator("#source")).to_have_value("Two men sit. A cat.")
    expect(page.locator("#begin")).to_have_value("Eine")
    expect(page.locator(".sentence.chosen")).to_have_text("EineA cat.")
    page.wait_for_timeout(SOON)
    assert page.url.endswith("#text=Two+men+sit.+A+cat.&sentence=1&begin=Eine")


def test_the_address_is_written_once_the_typing_rests(open_page):
    page = open_page()
    page.evaluate(
        """() => {
          const write = history.replaceState.bind(history);
          window.written = 0;
          history.replaceState = (...given) => { window.written += 1; write(...given); };
        }"""
    )
    page.locator("#source").press_sequentially("A dog runs over the grass.", delay=20)
    expect(page).to_have_url(re.compile("text=A\\+dog\\+runs\\+over\\+the\\+grass."))
    assert page.evaluate("window.written") < 5


def test_another_model_is_asked_without_the_beginning(tmp_path, open_page):
    folders = {name: tmp_path / name for name in ("one", "other")}
    for each in folders.values():
        (each / "1").mkdir(parents=True)
    with serving(folders, loader=lambda _: LeadingModel()) as running:
        page = open_page(server=running.url)
        write(page, "A dog runs.")
        begin(page, "Zwei")
        page.locator("select").select_option("other")
        expect(page.locator("#begin")).to_have_value("")
        expect(page.locator(".outputs li").first).not_to_contain_text("Zwei")
        page.wait_for_timeout(SOON)
        assert sentences(page) == ["A dog runs."]
        page.close()


def test_a_text_of_more_sentences_than_the_server_takes_at_once_is_translated(tmp_path, open_page):
    with serving(tmp_path, LeadingModel(), batching={"max_rows": 4}) as running:
        page = open_page(server=running.url)
        some = [f"A dog has the number {number}." for number in range(20)]
        page.fill("#source", " ".join(some))
        expect(page.locator("button.word")).to_have_count(20)
        assert sentences(page) == some
        expect(page.get_by_role("status")).to_have_text("")
        statuses_alone(page, 400)
        page.close()


def test_a_sentence_that_is_longer_than_is_read_at_once_is_translated_in_parts(tmp_path, open_page):
    with serving(tmp_path, ReadsThreeWords()) as running:
        page = open_page(server=running.url)
        write(page, "one two three four five six seven")
        expect(page.locator("button.word")).to_have_count(3)
        assert sentences(page) == ["one two three", "four five six", "seven"]
        page.locator("button.word").nth(1).click()
        expect(page.locator(".source-word").first).to_contain_text("four")
        begin(page, "vier")
        page.close()


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_without_time_is_asked_again_when_it_says(open_page, status):
    page = open_page()
    asked = []

    def refuse_once(route):
        asked.append(page.evaluate("performance.now()"))
        if len(asked) == 1:
            answer_of(route, status, **{"retry-after": "2"})
        else:
            route.continue_()

    page.route("**/page/api/translate", refuse_once)
    page.fill("#source", "A dog runs.")
    expect(page.get_by_role("status")).to_contain_text("answers later: too much of it.")
    expect(page.locator(".outputs li").first).to_contain_text("A dog runs.")
    expect(page.get_by_role("status")).to_have_text("")
    assert len(asked) == 2 and asked[1] - asked[0] >= 2000
    statuses_alone(page, status)


def test_a_token_is_asked_for_until_it_is_right(tmp_path, open_page):
    (tmp_path / "tokens").write_text("right\n")
    (tmp_path / "models").mkdir()
    with serving(tmp_path / "models", LeadingModel(), token_file=tmp_path / "tokens") as running:
        page = open_page(server=running.url)
        form = page.locator("form")
        expect(form).to_contain_text("This server wants a token")
        for given, said in (("right\u200b", "an invisible one"), ("wrong", "not one of this")):
            page.fill("#token", given)
            page.get_by_role("button", name="Enter").click()
            expect(form).to_contain_text(said)
        page.fill("#token", "right")
        page.get_by_role("button", name="Enter").click()
        expect(form).to_have_count(0)
        write(page, "A dog runs.")
        statuses_alone(page, 401)
        page.close()
