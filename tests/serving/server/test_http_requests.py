"""What all interfaces by HTTP have in common: the time of a request, and threads for reading it."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse

import pytest
from fake_server import ShoutingModel, serving
from word_model import ReversingModel

from seq2seq.serving.server.http_requests import LARGE_BODY, read_beside
from seq2seq.serving.server.libretranslate import interface

FIELDS = {"source": "en", "target": "de"}
JSON = {"Content-Type": "application/json"}
LATE = "no answer within {} seconds"


@pytest.fixture
def held(monkeypatch):
    """Texts that begin with "held" are not laid out until the event is set."""
    let, honest = threading.Event(), interface.lay_out_texts

    def lay_out_texts(texts, *bounds):
        if texts[0].startswith("held"):
            assert let.wait(30)
        return honest(texts, *bounds)

    monkeypatch.setattr(interface, "lay_out_texts", lay_out_texts)
    yield let
    let.set()


def test_what_nobody_waits_for_any_more_is_not_read():
    let, read = threading.Event(), []

    def hold():
        assert let.wait(20)

    async def scenario():
        tasks = [asyncio.ensure_future(read_beside(hold, LARGE_BODY)) for _ in range(2)]
        late = asyncio.ensure_future(read_beside(lambda: read.append("late"), LARGE_BODY))
        await asyncio.sleep(0.05)
        late.cancel()
        await asyncio.wait({late})
        let.set()
        await asyncio.gather(*tasks)
        await read_beside(lambda: read.append("next"), LARGE_BODY)

    asyncio.run(scenario())
    assert read == ["next"]


def test_reading_that_takes_too_long_ends_in_time_and_holds_nobody_else_up(tmp_path, held):
    def translate(text, **fields):
        body = FIELDS | {"q": text} | fields
        return server.request("POST", "/translate", body, **JSON)[::2]

    with serving(tmp_path, ReversingModel(), batching={"timeout": 2}) as server:
        while translate("a", source="auto")[0] == 504:  # what detects languages is loaded
            pass
        with ThreadPoolExecutor(6) as pool:
            started = time.monotonic()
            late = [pool.submit(translate, "held " * LARGE_BODY) for _ in range(6)]
            while time.monotonic() < started + 1:
                assert server.request("POST", "/detect", {"q": "a"}, **JSON)[0] == 200
                assert translate("a b", source="auto")[0] == 200
            assert [each.result() for each in late] == [(504, {"error": LATE.format(2)})] * 6
        assert time.monotonic() < started + 10
        held.set()
        assert translate("<b>a b</b>", format="html")[0] == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/models/seq2seq:predict", {"instances": ["a"]}),
        ("/v2/models/seq2seq/generate", {"text_input": "a"}),
        ("/v2/models/seq2seq/generate_stream", {"text_input": "a"}),
        ("/translate", FIELDS | {"q": "a"}),
        ("/page/api/tree", None),  # the rest of whose body does not come
    ],
)
def test_a_requests_time_begins_with_its_head_and_the_message_names_all_of_it(tmp_path, path, body):
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    model = ShoutingModel()
    with serving(tmp_path, model, batching={"timeout": 0.5}) as server:
        model.gate.clear()
        with server.connect() as connection:
            started = time.monotonic()
            connection.sendall(head.encode() + content[:3])
            time.sleep(0.45)
            if body:
                connection.sendall(content[3:])
            response = HTTPResponse(connection)
            response.begin()
            assert (response.status, json.loads(response.read())["error"]) == (
                504,
                LATE.format(0.5),
            )
            assert time.monotonic() < started + 0.9
