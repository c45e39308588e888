import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from fake_server import ShoutingModel, serving, write_versions

SCRIPT = """
import logging, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from fake_server import ShoutingModel
from seq2seq.config.serving import check_server_settings
from seq2seq.workflows.serve import serve

class HeldBack(ShoutingModel):
    def predict(self, signature, inputs):
        print("running", flush=True)
        if {held}:
            sys.stdin.readline()
        return super().predict(signature, inputs)

logging.basicConfig(level=logging.INFO, format="%(message)s")
settings = {{"port": 0, "grace": {grace}}}
config = check_server_settings(settings)
finished = serve({{"seq2seq": Path({base!r})}}, config, loader=lambda folder: HeldBack())
print("finished" if finished else "cut off", flush=True)
import os; os._exit(0)
"""


class Child:
    """A server in a process of its own, whose runs of the model end when it is told so."""

    def __init__(self, base, held=True, grace=30.0):
        tests = str(Path(__file__).parents[2] / "helpers")
        script = SCRIPT.format(tests=tests, base=str(base), held=held, grace=grace)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stderr:
            if ready := re.fullmatch(r"serving seq2seq at http://127\.0\.0\.1:(\d+)\n", line):
                self.port = int(ready[1])
                return
        raise AssertionError("the server did not start")

    def ask(self):
        """Status and JSON of a prediction."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("POST", "/v1/models/seq2seq:predict", '{"instances": ["a"]}')
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def until_deaf(self):
        """Returns once it listens no more."""
        for _ in range(10_000):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
            except OSError:
                return
        raise AssertionError("it still listens")

    def until_running(self):
        assert self.process.stdout.readline() == "running\n"

    def ends(self):
        """Exit status, and what it printed last."""
        self.process.wait(30)  # before its standard input is closed, which would free a held run
        output, errors = self.process.communicate()
        assert "Traceback" not in errors, errors
        return self.process.returncode, output


@pytest.fixture
def base(tmp_path):
    return write_versions(tmp_path / "models", 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_requests_under_way_finish(base, number):
    child = Child(base)
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(child.ask)
        child.until_running()
        queued = pool.submit(child.ask)
        child.process.send_signal(number)
        child.until_deaf()
        child.process.stdin.write("\n\n")
        child.process.stdin.flush()
        assert running.result() == (200, {"predictions": ["A"]})
        try:  # it had been accepted, or came too late; no third way
            assert queued.result() == (200, {"predictions": ["A"]})
        except OSError:
            pass
        code, output = child.ends()
    assert (code, output.split()[-1]) == (0, "finished")


def test_the_grace_ends(base):
    child = Child(base, grace=0.5)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(child.ask)
        child.until_running()
        child.process.send_signal(signal.SIGTERM)
        assert running.result() == (503, {"error": "the server is stopping"})
        assert child.ends() == (0, "cut off\n")


def test_the_grace_ends_a_stream_with_a_word(base):
    child = Child(base, grace=0.5)
    connection = http.client.HTTPConnection("127.0.0.1", child.port, timeout=30)
    body = json.dumps({"text_input": "One.\nTwo."})
    connection.request("POST", "/v2/models/seq2seq/generate_stream", body)
    child.until_running()
    child.process.stdin.write("\n")
    child.process.stdin.flush()
    response = connection.getresponse()
    assert b"ONE." in response.readline()
    child.until_running()
    child.process.send_signal(signal.SIGTERM)
    assert response.read() == b'\ndata: {"error": "the server is stopping"}\n\n'
    connection.close()
    assert child.ends() == (0, "cut off\n")


def test_a_second_signal_does_not_wait(base):
    child = Child(base, grace=1000)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(child.ask)
        child.until_running()
        child.process.send_signal(signal.SIGTERM)
        child.until_deaf()
        child.process.send_signal(signal.SIGTERM)
        assert child.ends() == (0, "cut off\n")
        assert running.exception() or running.result()[0] == 503


def test_an_idle_server_ends_at_once(base):
    child = Child(base, held=False, grace=1000)
    idle = http.client.HTTPConnection("127.0.0.1", child.port, timeout=30)
    idle.connect()
    child.process.send_signal(signal.SIGTERM)
    assert child.ends() == (0, "finished\n")
    assert idle.sock.recv(1) == b""
    idle.close()


def test_stopping_loses_no_answer_under_load(tmp_path):
    model = ShoutingModel()
    outcomes = []

    def ask(server):
        while True:
            try:
                outcomes.append(server.predict({"instances": ["a"]}))
            except OSError:  # it listens no more
                return

    with serving(tmp_path, model) as server:
        clients = [threading.Thread(target=ask, args=(server,)) for _ in range(8)]
        for client in clients:
            client.start()
        while len(outcomes) < 50:
            assert model.running.acquire(timeout=10)
        server.stop()
        for client in clients:
            client.join()
    assert all(outcome == (200, {"predictions": ["A"]}) for outcome in outcomes)
    assert sum(model.batches) == len(outcomes)  # every row that was run was also answered
