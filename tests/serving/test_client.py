import http.server
import itertools
import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_server import ShoutingModel, free_port, serving
from hypothesis import given, settings
from hypothesis import strategies as st

import seq2seq
from seq2seq.config.serving import DEFAULT_NAME
from seq2seq.errors import ServerError
from seq2seq.serving import client_transport
from seq2seq.serving.client import Client
from seq2seq.serving.client_endpoint import DEFAULT_MODEL, Endpoint

ANY_LINES = st.lists(st.text(st.characters(exclude_categories=())), max_size=40)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), ShoutingModel()) as running:
        yield running


@pytest.fixture
def impatient(monkeypatch):
    """Waits between tries are as long as ever, but a thousandth of it."""
    monkeypatch.setattr(client_transport, "FIRST_WAIT", client_transport.FIRST_WAIT / 1000)


def shout(line):
    """What the model answers: ASCII in upper case, all other bytes kept."""
    return line.encode("utf-8", "surrogatepass").upper().decode("utf-8", "surrogatepass")


@contextmanager
def scripted(*answers):
    """A server that gives these answers in turn: (status, headers, body), or None to hang up."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            requests.append(self.rfile.read(int(self.headers["Content-Length"])))
            answer = answers[min(len(requests), len(answers)) - 1]
            if answer is None:
                self.close_connection = True
                return
            status, headers, body = answer
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}", requests
        finally:
            listening.shutdown()
            thread.join()


@given(ANY_LINES, st.integers(1, 7), st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_any_lines_come_back_in_order(server, lines, batch_lines, in_flight):
    client = Client(server.url, batch_lines=batch_lines, in_flight=in_flight)
    assert list(client.translate(lines)) == [shout(line) for line in lines]


def test_many_batches_keep_the_order_of_lines(server):
    lines = [f"line {number}\n\0" for number in range(1000)] + ["", "  "]
    client = Client(server.url, batch_lines=8, in_flight=8)
    assert list(client.translate(iter(lines))) == [shout(line) for line in lines]


def test_lines_are_read_as_they_are_needed(server):
    taken = 0

    def lines():
        nonlocal taken
        for number in range(100_000):
            taken += 1
            yield f"line {number}"

    translations = Client(server.url, batch_lines=2, in_flight=2).translate(lines())
    assert [next(translations) for _ in range(3)] == ["LINE 0", "LINE 1", "LINE 2"]
    translations.close()
    assert taken < 100


def test_long_lines_are_spread_over_requests(tmp_path):
    lines = ["x" * 40_000] * 4
    with serving(tmp_path, ShoutingModel(), limits={"max_body": 70_000}) as server:
        assert list(Client(server.url).translate(lines)) == [shout(line) for line in lines]


def test_all_outputs_of_a_signature_are_given(server):
    client = Client(server.url)
    columns = client.predict("letters", {"text": ["ab", "\ud800"]})
    assert columns["length"] == [2, 3]
    assert columns["letters"][0] == ["A", "B", ""]
    assert client.predict("serving_default", {"text": ["a", "b"]}) == {"translation": ["A", "B"]}
    rows = [{"left": [1, 2], "right": number} for number in range(100)]
    sums = [[1 + number, 2 + number] for number in range(100)]
    assert list(client.predict_rows("add", rows)) == sums
    assert list(client.predict_rows("translate", [{"text": "ab"}])) == [
        {"translation": "AB", "score": -0.2}
    ]


def test_a_refused_line_is_named(server):
    lines = ["fine"] * 20 + ["poison"] + ["fine"] * 20
    with pytest.raises(ServerError, match=r"refused lines 17 to 24: 400 Bad Request: poisoned"):
        list(Client(server.url, batch_lines=8).translate(lines))
    with pytest.raises(ServerError, match=r"refused line 2: 400"):
        list(Client(server.url, batch_lines=1).translate(["a", "poison"]))
    with pytest.raises(ServerError, match=r"failed on lines 1 to 2: 500 Internal Server Error"):
        list(Client(server.url).translate(["a", "bug"]))


def test_a_model_that_is_not_there_is_named(server):
    with pytest.raises(ServerError, match=r"/v1/models/other is not served there .*Latest\(other"):
        list(Client(server.url, "other").translate(["a"]))


@pytest.mark.parametrize("failure", [(503, {}, b""), (429, {}, b""), (504, {}, b""), None])
def test_what_passes_is_tried_again(impatient, failure):
    answers = [failure, failure, (200, {}, {"predictions": ["B"]})]
    with scripted(*answers) as (url, requests):
        assert list(Client(url, retries=2).translate(["a"])) == ["B"]
        assert len(requests) == 3 and len(set(requests)) == 1
    with scripted(*answers) as (url, requests):
        with pytest.raises(ServerError, match="gave no answer for line 1 in 2 tries"):
            list(Client(url, retries=1).translate(["a"]))


def test_what_does_not_pass_is_not_tried_again(impatient):
    with scripted((500, {}, {"error": "broken\nmodel"})) as (url, requests):
        with pytest.raises(ServerError, match="failed on line 1: 500 .*: broken model$"):
            list(Client(url).translate(["a"]))
        assert len(requests) == 1


def test_the_server_says_how_long_to_wait(impatient, monkeypatch):
    waits = []
    monkeypatch.setattr(threading.Event, "wait", record_waits(waits, threading.Event.wait))
    answers = [
        (503, {"Retry-After": "7"}, b""),
        (503, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, b""),
        (503, {"Retry-After": "soon"}, b""),
        (200, {}, {"predictions": ["B"]}),
    ]
    with scripted(*answers) as (url, _):
        assert list(Client(url).translate(["a"])) == ["B"]
    assert waits[:2] == [7, client_transport.LONGEST_RETRY_AFTER]
    assert 0 < waits[2] < 1


def record_waits(waits, real):
    """`Event.wait` that notes waits on a client's event, and does not wait there."""

    def wait(event, timeout=None):
        # Without a timeout, a thread waits for another one to start.
        if timeout and threading.current_thread().name.startswith("seq2seq-client"):
            waits.append(timeout)
            return False
        return real(event, timeout)

    return wait


def test_waits_grow_and_differ():
    waits = [client_transport._backoff(tried) for tried in range(12)]
    for tried, wait in enumerate(waits):
        longest = min(client_transport.LONGEST_WAIT, client_transport.FIRST_WAIT * 2**tried)
        assert longest / 2 <= wait <= longest
    assert len(set(waits)) == len(waits)


def test_a_server_that_is_not_there_is_one_line(impatient):
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ServerError, match="Connection refused; is the server running") as error:
        list(Client(url, retries=2).translate(["a"]))
    assert "\n" not in str(error.value) and "in 3 tries" in str(error.value)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"<html>", "answered with something other than JSON"),
        ({"outputs": []}, "answered without predictions; is it a model server"),
        ({"predictions": ["one too", "many"]}, "not one prediction a row for line 1"),
        ({"predictions": [{"a": "x"}]}, "more than one text for a line"),
        ({"predictions": [{"b64": 5}]}, "something other than JSON .b64 without base64"),
        ({"predictions": [{"b64": "x"}]}, "something other than JSON"),
        (b"[" * 100_000, "something other than JSON"),
        (b'{"predictions": ' * 100_000 + b"1" + b"}" * 100_000, "something other than JSON"),
        (b'{"predictions": [%s]}' % (b"1" * 5000), "something other than JSON|more than one text"),
    ],
)
def test_an_answer_that_is_none_is_refused(answer, message):
    with scripted((200, {}, answer)) as (url, _):
        with pytest.raises(ServerError, match=message):
            list(Client(url).translate(["a"]))


@pytest.mark.parametrize(
    "outputs", [5, None, "text", {"a": 5}, {"a": None}, {"a": ["x"], "b": {"c": 1}}], ids=repr
)
def test_outputs_that_are_no_columns_are_refused(outputs):
    with scripted((200, {}, {"outputs": outputs})) as (url, _):
        with pytest.raises(ServerError):
            Client(url, retries=0).predict("translate", {"text": ["a"]})


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_servers_words_do_nothing_to_the_terminal(impatient, status):
    words = "\x1b[31mred\x07 \x9b2J \u202egnp.exe\r\n\u2028end" + "x" * 5000
    for body in ({"error": words}, words.encode(), {"error": {"nested": words}}, b"\xff\x1b[0m"):
        with scripted((status, {}, body)) as (url, _):
            with pytest.raises(ServerError) as error:
                list(Client(url, retries=0).translate(["a"]))
        assert str(error.value).isprintable() and len(str(error.value)) < 5000
    deep = b'{"error":' + b"[" * 100_000
    with scripted((status, {}, deep)) as (url, _), pytest.raises(ServerError):
        list(Client(url, retries=0).translate(["a"]))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = b'{"predictions": ["B"]}'


@contextmanager
def talking(*parts, pause=0.0, chunk=None):
    """A server that sends these bytes, whatever it is asked, and then `chunk` without end."""
    ended = threading.Event()

    def talk(connection):
        with connection:
            connection.recv(65536)
            try:
                for part in itertools.chain(parts, itertools.repeat(chunk) if chunk else ()):
                    connection.sendall(part)
                    if ended.wait(pause):
                        return
                # Closed with a part of the request unread, a connection is reset, answer and all.
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                pass

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=talk, args=(connection,)))
            threads[-1].start()

    threads = [threading.Thread(target=accept)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(20)


def test_an_answer_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(client_transport, "LARGEST_ANSWER", 100_000)
    for head in (HEAD + b"\r\n", HEAD + b"Content-Length: 99999999999999\r\n\r\n"):
        with talking(head, chunk=b" " * 10_000) as url:
            with pytest.raises(ServerError, match="answered with more than 100000 bytes"):
                list(Client(url, retries=0).translate(["a"]))
    with talking(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk=b"a\r\n0123456789\r\n") as url:
        with pytest.raises(ServerError, match="answered with more than 100000 bytes"):
            list(Client(url, retries=0).translate(["a"]))
    with talking(HEAD + b"\r\n" + WHOLE + b" " * 90_000) as url:  # a longer one is not
        assert list(Client(url, retries=0).translate(["a"])) == ["B"]


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"H"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD, b"X: y\r\n"),
        (HEAD + b"\r\n", b" "),
        (HEAD + b"Content-Length: 9999\r\n\r\n", b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (HEAD + b"\r\n" + WHOLE, b" "),
    ],
    ids=["line", "interim", "headers", "body", "length", "chunks", "whole"],
)
def test_an_answer_that_trickles_is_given_up_in_time(impatient, head, piece):
    with talking(head, chunk=piece, pause=0.1) as url:
        started = time.monotonic()
        with pytest.raises(ServerError, match="no whole answer within 0.5 s|100 headers"):
            list(Client(url, timeout=0.5, retries=1).translate(["a"]))
        assert time.monotonic() - started < 30


def test_an_interrupt_ends_an_answer_that_ends_with_its_connection():
    def lines():
        yield "a"
        assert asked.wait(10)
        raise KeyboardInterrupt

    asked = threading.Event()
    with talking(HEAD + b"\r\n", chunk=b" ", pause=0.01) as url:
        threading.Timer(0.3, asked.set).start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            next(Client(url, batch_lines=1).translate(lines()))
        assert time.monotonic() - started < 30


@pytest.mark.parametrize("cut", [HEAD + b"Content-Length: 99\r\n\r\n" + WHOLE, HEAD[:9], b""])
def test_an_answer_that_breaks_off_is_tried_again(impatient, cut):
    with talking(cut) as url:
        with pytest.raises(ServerError, match="gave no answer for line 1 in 2 tries"):
            list(Client(url, retries=1).translate(["a"]))


def test_a_server_without_tls_is_not_asked_for_it_again(server):
    with pytest.raises(ServerError, match="in 1 tries"):
        list(Client(server.url.replace("http:", "https:")).translate(["a"]))


def test_bytes_that_are_no_text_are_replaced():
    with scripted((200, {}, b'{"predictions": ["\xff", {"b64": "/w=="}]}')) as (url, _):
        assert list(Client(url).translate(["a", "b"])) == ["\ufffd", "\ufffd"]


def test_an_idle_connection_that_the_server_closed_is_opened_again(tmp_path):
    settings = {"limits": {"keep_alive": 1}}
    with serving(tmp_path, ShoutingModel(), **settings) as server:
        sender = client_transport.RequestSender(
            Endpoint.parse(server.url, None), client_transport.RetryPolicy(10, 0)
        )
        for text in ("a", "b"):
            answer = sender.send("POST", ":predict", {"instances": [text]}, "line 1")
            assert answer == {"predictions": [text.upper()]}
            if text == "a":
                end = sender._of_thread.connection.sock.recv(1)
                assert end == b""  # the server has closed it
        sender.close()


def test_an_interrupt_ends_the_requests_under_way(tmp_path):
    model = ShoutingModel()

    def lines():
        yield from ("a", "b")
        for _ in "ab":
            assert model.running.acquire(timeout=10)
        raise KeyboardInterrupt

    batching = {"max_batch": 1, "threads": 2}
    with serving(tmp_path, model, batching=batching) as server:
        model.gate.clear()
        translations = Client(server.url, batch_lines=1, in_flight=2).translate(lines())
        with pytest.raises(KeyboardInterrupt):
            next(translations)  # returns, although the model answers nobody
        assert not [each for each in threading.enumerate() if "seq2seq-client" in each.name]


@pytest.mark.parametrize(
    ("url", "model", "path"),
    [
        ("http://host:1", None, "/v1/models/seq2seq"),
        ("http://host:1/", "de en", "/v1/models/de%20en"),
        ("http://host:1/v1/models/deen", None, "/v1/models/deen"),
        ("http://host:1/v1/models/deen/", "deen", "/v1/models/deen"),
        ("http://host:1/v1/models/deen/versions/3", None, "/v1/models/deen/versions/3"),
        ("http://host:1/v1/models/deen/labels/a:predict", None, "/v1/models/deen/labels/a"),
        ("http://host:1/mt/v1/models/deen", None, "/mt/v1/models/deen"),
        ("http://host:1/mt", "deen", "/mt/v1/models/deen"),
        ("http://host:1/m\u00fc /v1/models/d%C3%A9", "d\u00e9", "/m%C3%BC%20/v1/models/d%C3%A9"),
        ("http://host:1/\x01\udcff", "\udcff", "/%01%FF/v1/models/%FF"),
    ],
)
def test_the_address_may_name_the_model(url, model, path):
    assert Client(url, model).url == f"http://host:1{path}"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:8501", "give http://HOST:PORT"),
        ("ftp://host", "give http://HOST:PORT"),
        ("http://host:x", "give http://HOST:PORT"),
        ("http://me:secret@host", "without user"),
        ("http://host:0", "give http://HOST:PORT"),
        ("http://a..b", "give http://HOST:PORT"),
        (f"http://{'a' * 70}.example", "give http://HOST:PORT"),
        ("http://a b", "give http://HOST:PORT"),
        ("http://a\0b:1", "give http://HOST:PORT"),
        ("http://[::1", "give http://HOST:PORT"),
        ("http:///v1/models/b", "give http://HOST:PORT"),
        ("http://\udcff", "give http://HOST:PORT"),
        ("http://host/v1/models/a", "names the model a, not b"),
    ],
)
def test_an_address_that_is_none_is_refused(url, message):
    with pytest.raises(ServerError, match=message):
        Client(url, "b")


def test_the_client_and_the_server_agree_on_the_models_name():
    assert DEFAULT_MODEL == DEFAULT_NAME


def test_the_client_needs_the_standard_library_only():
    script = (
        "import sys; import seq2seq.serving.client\n"
        "print({name.partition('.')[0] for name in sys.modules if not name.startswith('_')}"
        " - set(sys.stdlib_module_names))"
    )
    command = [sys.executable, "-S", "-c", script]  # -S: no installed packages at all
    root = Path(seq2seq.__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root)
    assert done.stdout == "{'seq2seq'}\n", done.stderr
