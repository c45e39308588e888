import http.client
import json
import logging
import socket
import threading
import time

import numpy as np
import pytest
from fake_server import TEXT, ShoutingModel, counted, serving, strings, wait_for_queue
from hypothesis import given, settings
from hypothesis import strategies as st
from word_model import INTEGERS, ReversingModel, reverse

from seq2seq.serving.saved_model.tensors import Signature, TensorSpec
from seq2seq.serving.server import generate
from seq2seq.serving.server.sentences import cut_sentences

GENERATE = "/v2/models/seq2seq/generate"
STREAM = f"{GENERATE}_stream"
SENTENCES = ' The dog sleeps. Does "she read?" Yes, e.g. now.\n\n\tIt is 3.5 km'
PARTS = [" ", "SLEEPS. DOG THE ", 'READ?" "SHE DOES ', "NOW. E.G. YES,\n\n\t", "KM 3.5 IS IT"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), ReversingModel()) as running:
        yield running


def read_events(server, body, path=STREAM):
    """Status, kind and the objects of a stream."""
    status, headers, content = server.request("POST", path, body)
    if headers["content-type"] == "application/json":
        return status, "application/json", content
    events = content.decode().split("\n\n")
    assert events.pop() == ""
    return status, headers["content-type"], [json.loads(x.removeprefix("data: ")) for x in events]


def test_a_text_is_told_at_once_or_sentence_by_sentence(server):
    expected = {"model_name": "seq2seq", "model_version": "1", "text_output": "".join(PARTS)}
    body = {"text_input": SENTENCES, "parameters": {"stream": False, "temperature": 0}}
    assert server.request("POST", GENERATE, body)[::2] == (200, expected)
    status, kind, events = read_events(server, body)
    assert (status, kind) == (200, "text/event-stream; charset=utf-8")
    assert [each["text_output"] for each in events] == PARTS
    assert all(each == expected | {"text_output": each["text_output"]} for each in events)


def test_a_version_and_an_id_may_be_given(server):
    body = {"text_input": "a b", "id": "7"}
    status, _, content = server.request("POST", "/v2/models/seq2seq/versions/1/generate", body)
    assert (status, content["id"], content["text_output"]) == (200, "7", "B A")
    path = "/v2/models/seq2seq/versions/1/generate_stream"
    assert [each["id"] for each in read_events(server, body, path)[2]] == ["7"]


@pytest.mark.parametrize("text", ["", " \n "])
def test_a_blank_text_stays_one(server, text):
    assert "".join(x["text_output"] for x in read_events(server, {"text_input": text})[2]) == text


@given(st.text(st.sampled_from('aB.!?\n\t "»。') | st.characters(), max_size=30))
def test_the_sentences_of_a_text_and_their_spaces_are_the_text(text):
    parts = list(cut_sentences(text))
    assert "".join(sentence + space for sentence, space in parts) == text
    assert parts and all(not space.strip() for _, space in parts)
    assert all(sentence.strip() for sentence, _ in parts[1:])


@pytest.mark.parametrize("end", ["", "_stream"])
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v2/models/other/generate", {"text_input": "a"}, 404),
        ("/v2/models/seq2seq/versions/9/generate", {"text_input": "a"}, 404),
        ("/v2/models/seq2seq/infer", {"text_input": "a"}, 400),
        (GENERATE, {}, 400),
        (GENERATE, {"text_input": ["a"]}, 400),
        (GENERATE, {"text_input": "a", "parameters": 1}, 400),
        (GENERATE, {"text_input": "a", "id": 1}, 400),
        (GENERATE, '{"text_input": "\\ud800"}', 400),
        (GENERATE, "[" * 100_000, 400),
        (GENERATE, b"\xff", 400),
    ],
)
def test_a_request_that_cannot_be_answered_gets_its_status(server, path, body, status, end):
    got, headers, content = server.request("POST", path + end, body)
    assert (got, headers["content-type"], list(content)) == (status, "application/json", ["error"])


class WritingModel(ReversingModel):
    """Writes its translation two bytes at a time, whatever letters they are of."""

    signatures = ReversingModel.signatures | {
        "translate_parts": Signature(
            "translate_parts",
            {"text": TEXT, "written": TensorSpec("int32", (None, None))},
            {
                **{"ids": TensorSpec("int32", (None, None)), "length": INTEGERS},
                **{"translation": TEXT},
                **{name: TensorSpec("bool", (None,)) for name in ("ended", "whole")},
            },
        )
    }

    def predict(self, signature, inputs):
        if signature != "translate_parts":
            return super().predict(signature, inputs)
        (text,) = inputs["text"]
        self.asked.append((signature, [text.decode()]))
        full = reverse(text.decode()).encode()
        written = full[: inputs["written"].shape[1] + 2]
        assert inputs["written"].tolist() == [list(full[: inputs["written"].shape[1]])]
        return {
            "ids": np.array([[*written, 0]], np.int32),
            "length": np.array([len(written)], np.int32),
            "translation": strings([written.decode(errors="replace").encode()]),
            "ended": np.array([len(written) == len(full)]),
            "whole": np.array([len(text) < 30]),
        }


@pytest.fixture(scope="module")
def writing(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), WritingModel()) as running:
        yield running


def test_with_a_beam_of_one_a_text_comes_some_subwords_at_a_time(writing):
    greedy = {"parameters": {"beam_width": 1}}
    events = read_events(writing, {"text_input": "ab c.\nä€z", **greedy})[2]
    assert [x["text_output"] for x in events] == ["C.", " A", "B", "\n", "Ä", "€Z"]
    long = "word " * 10
    texts = [x["text_output"] for x in read_events(writing, {"text_input": long, **greedy})[2]]
    assert texts[0] == reverse(long)  # more than a chunk
    whole = writing.request("POST", GENERATE, {"text_input": "ab c.\nä€z", **greedy})[2]
    assert whole["text_output"] == "C. AB\nÄ€Z"
    # The control: without the parameter, sentences.
    events = read_events(writing, {"text_input": "ab c.\nä€z"})[2]
    assert [x["text_output"] for x in events] == ["C. AB\n", "Ä€Z"]


@pytest.mark.parametrize("width", [0, 2, 5, True, "1", [1]])
def test_no_other_beam_can_be_asked_for(writing, width):
    body = {"text_input": "a", "parameters": {"beam_width": width}}
    assert writing.request("POST", STREAM, body)[0] == 400


def test_an_exported_model_keeps_its_beam(server):
    body = {"text_input": "a", "parameters": {"beam_width": 1}}
    status, _, content = server.request("POST", STREAM, body)
    assert (status, content["error"]) == (
        400,
        "seq2seq searches with its own beam_width alone; a run that is served without "
        "--engine onnx can take 1",
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["text_input", "parameters", "id", "stream"])


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([GENERATE, STREAM]), st.dictionaries(NAMES, JSON) | JSON | st.binary())
def test_whatever_is_sent_gets_an_answer(server, path, document):
    body = document if isinstance(document, bytes) else json.dumps(document)
    status, _, content = read_events(server, body, path)
    assert status == 200 or (status == 400 and list(content) == ["error"])


def test_an_error_after_the_first_sentence_is_an_event(tmp_path):
    with serving(tmp_path, ShoutingModel()) as server:
        status, _, events = read_events(server, {"text_input": "One. poison"} | {"x": 1})
        assert status == 200 and events[0]["text_output"] == "ONE. POISON"
        status, _, events = read_events(server, {"text_input": "One.\npoison\nTwo."})
        assert (status, len(events)) == (200, 2)
        assert events[1] == {"error": "poisoned"}
        assert read_events(server, {"text_input": "poison"})[0] == 400


class SlowAtSecond(ShoutingModel):
    """Takes 0.3 seconds for a second sentence."""

    def predict(self, signature, inputs):
        if self.batches:
            time.sleep(0.3)
        return super().predict(signature, inputs)


@pytest.mark.parametrize(
    ("second", "timeout", "status"),
    [("Two.", 60, 200), ("poison", 60, 400), ("bug", 60, 500), ("Two.", 0.2, 504)],
)
def test_a_stream_counts_as_what_came_of_it_and_with_all_its_time(
    tmp_path, caplog, second, timeout, status
):
    caplog.set_level(logging.INFO, "seq2seq.access")
    with serving(tmp_path, SlowAtSecond(), batching={"timeout": timeout}) as server:
        assert read_events(server, {"text_input": f"One.\n{second}"})[0] == 200
        metrics = server.request("GET", "/monitoring/prometheus/metrics")[2]
    labels = 'api="generate",{}signature="serving_default"'
    code = labels.format(f'code="{status}",')
    assert counted(metrics, "seq2seq_requests_total") == {code: 1}
    (seconds,) = counted(metrics, "seq2seq_request_seconds_sum").values()
    assert seconds > 0.2
    (line,) = (each.fields for each in caplog.records if each.name == "seq2seq.access")
    assert line["status"] == status and line["ms"] > 200


class SlowToContinue(ReversingModel):
    """Translates a second sentence when it is let."""

    def __init__(self):
        super().__init__()
        self.let = threading.Event()

    def predict(self, signature, inputs):
        if self.asked:
            assert self.let.wait(20)
        return super().predict(signature, inputs)


def begun_stream(server):
    """A stream whose first sentence has come."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    connection.request("POST", STREAM, json.dumps({"text_input": "A b.\nC d."}))
    response = connection.getresponse()
    assert b'"B. A\\n"' in response.readline()
    return connection, response


def test_a_stream_that_is_left_counts_as_such(tmp_path, caplog):
    caplog.set_level(logging.INFO, "seq2seq.access")
    model = SlowToContinue()
    with serving(tmp_path, model) as server:
        connection, response = begun_stream(server)
        response.close()
        connection.close()
        code = 'api="generate",code="499",signature="serving_default"'
        for _ in range(3000):
            metrics = server.request("GET", "/monitoring/prometheus/metrics")[2]
            if found := counted(metrics, "seq2seq_requests_total"):
                break
        model.let.set()
    assert found == {code: 1}
    (line,) = (each.fields for each in caplog.records if each.name == "seq2seq.access")
    assert line["status"] == 499


class Slow(ReversingModel):
    """Takes a tenth of a second for a sentence."""

    def predict(self, signature, inputs):
        time.sleep(0.1)
        return super().predict(signature, inputs)


def test_a_text_of_many_sentences_has_the_time_of_one_request(tmp_path):
    body = {"text_input": "Word.\n" * 50}
    with serving(tmp_path, Slow(), batching={"timeout": 1}) as server:
        started = time.monotonic()
        assert server.request("POST", GENERATE, body)[0] == 504
        events = read_events(server, body)[2]
        assert 1 < len(events) < 15 and list(events[-1]) == ["error"]
        assert time.monotonic() - started < 4


def test_the_first_sentence_comes_before_the_second_is_translated(tmp_path):
    model = SlowToContinue()
    with serving(tmp_path, model) as server:
        connection, response = begun_stream(server)
        model.let.set()
        assert b'"D. C"' in response.read()
        connection.close()


def test_long_texts_are_cut_beside_the_event_loop(tmp_path, monkeypatch):
    threads = []

    def noted(text):
        for each in cut_sentences(text):
            threads.append(threading.current_thread())
            yield each

    monkeypatch.setattr(generate, "cut_sentences", noted)
    with serving(tmp_path, ReversingModel()) as server:
        for text, beside in (("A. B.", False), ("a. " * 30_000 + "b.\nC.", True)):
            threads.clear()
            assert read_events(server, {"text_input": text})[0] == 200
            assert len(threads) == 2
            assert all((each is not server.thread) == beside for each in threads)


def test_streams_that_are_left_stop_working(tmp_path):
    model = ReversingModel()
    body = json.dumps({"text_input": "Word.\n" * 1000}).encode()
    head = f"POST {STREAM} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with serving(tmp_path, model) as server:
        model.gate.clear()
        for _ in range(50):
            with server.connect() as connection:
                connection.sendall(head.encode() + body)
                connection.shutdown(socket.SHUT_WR)
        model.gate.set()
        deadline = time.monotonic() + 10
        while True:  # until nothing runs any more
            before = len(model.asked)
            time.sleep(0.1)
            if len(model.asked) == before:
                break
            assert time.monotonic() < deadline
        wait_for_queue(server, 0)
        assert sum(len(texts) for _, texts in model.asked) < 1000  # of 50,000 that were asked for
        assert server.request("POST", GENERATE, {"text_input": "a b"})[0] == 200
