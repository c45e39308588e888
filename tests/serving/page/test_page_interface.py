"""The page's files and answers, over a model without TensorFlow."""

import http.client
import json
import threading
import time
from typing import ClassVar

import pytest
from fake_server import serving
from leading_model import Inspected, LeadingModel

from seq2seq.serving.server.page.answers import drawn


class Thoughtful(Inspected):
    """The same, with an inspector that answers when it is let."""

    class inspector(Inspected.inspector):  # noqa: N801
        let = threading.Event()
        heard: ClassVar[list] = []

        @classmethod
        def details(cls, text, tokens):
            cls.heard.append(text)
            assert cls.let.wait(20)
            return {"asked": [text, tokens]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), LeadingModel()) as running:
        yield running


@pytest.fixture(scope="module")
def inspected(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), Inspected()) as running:
        yield running


def ask(server, path, **asked):
    status, _, answer = server.request("POST", f"/page/api/{path}", {"model": "seq2seq", **asked})
    return status, answer


def test_the_files_are_served_under_a_strict_policy(server):
    for path, kind in (
        ("/", "text/html"),
        ("/page/style.css", "text/css"),
        ("/page/app.js", "text/javascript"),
        ("/page/vendor/preact.js", "text/javascript"),
        ("/page/icon.svg", "image/svg+xml"),
    ):
        status, headers, content = server.request("GET", path)
        assert status == 200 and content and headers["content-type"].startswith(kind)
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy
    for path in ("/page/none.js", "/page/../interface.py", "/page/%2e%2e/interface.py"):
        assert server.request("GET", path)[0] == 404


def test_nothing_that_is_served_names_another_server(server):
    _, _, page = server.request("GET", "/")
    for each in (b"http://", b"https://", b"<style", b" style="):
        assert each not in page


def test_a_server_may_go_without_it(tmp_path):
    with serving(tmp_path, LeadingModel(), page=False) as running:
        assert running.request("GET", "/")[0] == 404
        assert running.request("GET", "/page/api/models")[0] == 404


def test_sentences_are_answered_with_words_and_probabilities(server):
    status, answer = ask(server, "translate", texts=["ab", "none"], prefixes=["x", ""])
    assert status == 200
    first, none = answer["sentences"]
    assert first["outputs"][0]["text"] == "xab" and none["outputs"] == []
    assert first["source_words"] == [{"text": "ab", "unknown": False}]
    word = {"text": "xab", "tokens": [0], "probability": 0.5, "attention": [0.5]}
    assert first["outputs"][0]["words"] == [word]


def test_what_a_model_has_not_read_of_a_long_text_is_told(tmp_path):
    class ReadsOneWord(LeadingModel):
        most_words = 1

    with serving(tmp_path, ReadsOneWord()) as running:
        _, answer = ask(running, "translate", texts=["ab cd", "ab"], prefixes=["", ""])
    assert [each["rest"] for each in answer["sentences"]] == ["cd", ""]


def test_a_text_that_was_read_as_another_has_a_flag(tmp_path):
    class Rewrites(LeadingModel):
        def predict(self, signature, inputs):
            found = super().predict(signature, inputs)
            found["source_tokens"][:, 0] = "▁xy".encode()
            return found

    with serving(tmp_path, Rewrites()) as running:
        _, answer = ask(running, "translate", texts=["ab cd"], prefixes=[""])
    sentence = answer["sentences"][0]
    assert sentence["rest"] == ""
    assert sentence["outputs"][0]["flags"] == [
        {"kind": "first_part_only", "detail": "of the 5 characters of this sentence"}
    ]


def test_only_a_run_in_memory_is_looked_into(server, inspected):
    models = [each.request("GET", "/page/api/models")[2]["models"] for each in (server, inspected)]
    assert [each[0]["inspected"] for each in models] == [False, True]
    asked = {"text": "a", "tokens": ["▁b", "c"]}
    status, answer = ask(server, "inspect", **asked)
    assert status == 501 and "serve its run" in answer["error"]
    assert ask(inspected, "inspect", **asked) == (200, {"asked": ["a", ["▁b", "c"]]})
    assert ask(inspected, "tree", **asked) == (200, {"nodes": 2})
    assert ask(inspected, "continue", text="a", tokens=["▁b"])[1]["source_words"] == [
        {"text": "a", "unknown": False}
    ]


@pytest.mark.parametrize(
    ("path", "asked", "reason"),
    [
        ("translate", {"texts": ["a"], "prefixes": []}, "equally many"),
        ("translate", {"texts": "a", "prefixes": [""]}, "texts has to be a list of texts"),
        ("translate", {"texts": ["\ud800"], "prefixes": [""]}, "texts has to be a list of texts"),
        ("translate", {"texts": ["a"] * 65, "prefixes": [""] * 65}, "65 entries, more than 64"),
        ("continue", {"text": "bad", "tokens": []}, "it is bad"),
        ("inspect", {"text": 3, "tokens": []}, "text has to be text"),
        ("tree", {"text": "a", "tokens": ["b"] * 1001}, "more than 1000"),
    ],
)
def test_what_cannot_be_answered_is_said_in_a_line(inspected, path, asked, reason):
    status, answer = ask(inspected, path, **asked)
    assert status == 400 and reason in answer["error"]


def test_a_body_that_is_no_object_and_a_model_that_is_not_there_are_refused(inspected):
    for body in (b"[1", b"[]", b"[" * 5000):
        assert inspected.request("POST", "/page/api/translate", body)[0] == 400
    status, answer = ask(inspected, "translate", model="other", texts=["a"], prefixes=[""])
    assert status == 404 and "other" in answer["error"]


def test_questions_that_were_given_up_before_their_turn_are_not_asked(tmp_path):
    inspector = Thoughtful.inspector
    with serving(tmp_path, Thoughtful()) as running:
        for number in range(12):
            connection = http.client.HTTPConnection(running.host, running.port, timeout=20)
            asked = {"model": "seq2seq", "text": str(number), "tokens": []}
            connection.request("POST", "/page/api/inspect", json.dumps(asked))
            deadline = time.monotonic() + 10
            while not inspector.heard and time.monotonic() < deadline:
                time.sleep(0.01)
            connection.close()
        assert ask(running, "translate", texts=["a"], prefixes=[""])[0] == 200
        threading.Timer(0.3, inspector.let.set).start()
        assert ask(running, "inspect", text="last", tokens=[]) == (200, {"asked": ["last", []]})
    assert inspector.heard == ["0", "last"]


def test_an_output_without_attention_and_a_word_in_bytes_are_drawn():
    found = {
        "text": "x",
        "score": -1.0,
        "log_probability": -2.0,
        "tokens": ["▁x", "</s>"],
        "token_log_probabilities": [-1.0, -1.0],
        "alignment": [[0.0, 0.0], [0.0, 0.0]],
    }
    sentence = drawn(["▁", "<0xC3>", "<0xBC>", "</s>"], [found | {"alignment": [[0.0] * 4] * 2}])
    assert sentence["outputs"][0]["words"][0]["attention"] == []
    assert sentence["source_words"][0]["unknown"]
    assert [flag["kind"] for flag in sentence["outputs"][0]["flags"]] == ["unknown_source"]
    plain = drawn(["▁a", "</s>"], [found])
    assert plain["outputs"][0]["flags"] == []
