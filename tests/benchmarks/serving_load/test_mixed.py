"""What a mix of requests says of a server that fails."""

import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.serving_load import mixed, phase
from seq2seq.serving.client_endpoint import Endpoint

EXPECTED = {"a dog": "A DOG", "a cat": "A CAT"}


class Upper(BaseHTTPRequestHandler):
    """A model that writes capitals; it fails at what has more words than it may."""

    most_words = 10_000
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer(200, {})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body.get("q") or "\n".join(body["instances"])
        if len(text.split()) > self.most_words:
            self._answer(500, {})
        else:
            lines = text.upper()
            self._answer(200, {"translatedText": lines, "predictions": lines.split("\n")})

    def _answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint(monkeypatch):
    monkeypatch.setattr(phase, "WARM_UP", 0.0)
    monkeypatch.setattr(Upper, "most_words", Upper.most_words)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upper)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield Endpoint.parse(f"http://127.0.0.1:{server.server_port}", "m")
    server.shutdown()
    server.server_close()


def test_short_requests_are_measured_beside_long_ones(endpoint, capsys):
    assert mixed._run_short(endpoint, EXPECTED, 0.3) == []
    alone, line, lines = capsys.readouterr().out.splitlines()
    assert "short requests alone: p50 " in alone and "long" not in alone
    assert "the long ones took 0." in line and "the long ones took 0." in lines


def test_a_long_request_that_fails_is_a_mistake(endpoint, capsys, monkeypatch):
    monkeypatch.setattr(Upper, "most_words", 100)
    mistakes = mixed._run_short(endpoint, EXPECTED, 0.3)
    assert set(mistakes) == {
        f"""a long text, {form}: ValueError("500: b'{{}}'")"""
        for form in ("TensorFlow Serving", "LibreTranslate")
    }
    assert capsys.readouterr().out.count("no long one was answered") == 2


def test_short_requests_without_an_answer_have_no_quantiles(endpoint, capsys, monkeypatch):
    monkeypatch.setattr(Upper, "most_words", 0)
    assert "short requests alone: no right answer" in mixed._run_short(endpoint, EXPECTED, 0.1)
    assert "p50 - ms, p95 - ms of 0" in capsys.readouterr().out


def test_one_answer_is_its_own_quantile():
    assert mixed._shown([0.25]) == "p50 250 ms, p95 250 ms of 1"


def test_the_long_texts_end_with_what_they_are_sent_beside(endpoint):
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        with mixed._asking_again_and_again(endpoint, "m", "TensorFlow Serving", ["a dog"]):
            raise KeyboardInterrupt
    asking = [each for each in threading.enumerate() if "(ask)" in each.name]
    assert not asking and threading.active_count() <= before + 1  # the server's, to the connection


def test_health_of_a_server_is_timed(endpoint):
    seen = mixed.Seen()
    with mixed._asking_for_health(endpoint, seen):
        time.sleep(0.3)
    assert seen.health and not seen.errors


def test_a_server_that_went_is_a_mistake_and_nothing_waits_for_it():
    seen = mixed.Seen()
    with mixed._asking_for_health(Endpoint.parse("http://127.0.0.1:9", "m"), seen):
        time.sleep(0.3)
    (error,) = seen.errors
    assert error.startswith("/healthz: ConnectionRefusedError") and not seen.health


def test_nothing_waits_for_a_process_that_was_killed(endpoint, monkeypatch):
    def killed(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(mixed, "_ask_for_health", killed)
    seen = mixed.Seen()
    with mixed._asking_for_health(endpoint, seen):
        pass
    assert seen.errors == ["/healthz: the process that asks ended without a word"]
