"""A server over a model without TensorFlow, on a free port of the loopback, in a thread."""

import asyncio
import http.client
import json
import logging
import socket
import threading
from collections import Counter
from contextlib import contextmanager

import numpy as np

from seq2seq.config.languages import Languages
from seq2seq.config.serving import check_server_settings
from seq2seq.serving.saved_model.tensors import Signature, TensorSpec
from seq2seq.serving.server.errors import invalid
from seq2seq.serving.server.served_models import ModelSource
from seq2seq.serving.server.server import Addresses, Server
from seq2seq.serving.server.version_folders import VersionFolders

TEXT = TensorSpec("string", (None,), "text:0")


class ShoutingModel:
    """Upper-cases bytes; b"poison" makes a whole run fail, and a gate can hold runs back."""

    languages = Languages("en", "de")
    signatures = {
        each.name: each
        for each in (
            Signature("serving_default", {"text": TEXT}, {"translation": TEXT}),
            Signature(
                "translate",
                {"text": TEXT},
                {"translation": TEXT, "score": TensorSpec("float32", (None,))},
            ),
            Signature(
                "letters",
                {"text": TEXT},
                {
                    "letters": TensorSpec("string", (None, None)),
                    "length": TensorSpec("int32", (None,)),
                },
            ),
            Signature(
                "add",
                {"left": TensorSpec("int32", (None, 2)), "right": TensorSpec("float32", (None,))},
                {"sum": TensorSpec("float32", (None, 2))},
            ),
            Signature("scalar", {"text": TEXT}, {"count": TensorSpec("int32", ())}),
        )
    }

    def __init__(self, prefix=b""):
        self.prefix = prefix
        self.gate = threading.Event()
        self.gate.set()
        self.running = threading.Semaphore(0)  # released once for each run that begins
        self.batches = []  # rows of each run

    def prepare(self):
        pass

    def predict(self, signature, inputs):
        self.running.release()
        if signature == "add":
            return {"sum": inputs["left"].astype(np.float32) + inputs["right"][:, None]}
        texts = list(inputs["text"])
        assert self.gate.wait(30)
        self.batches.append(len(texts))
        if b"poison" in texts:
            raise invalid("poisoned")
        if b"bug" in texts:
            raise KeyError("bug")
        shouted = [self.prefix + text.upper() for text in texts]
        if signature == "scalar":
            return {"count": np.array(len(texts), np.int32)}
        if signature == "letters":
            return letters(shouted)
        outputs = {"translation": strings(shouted)}
        if signature == "translate":
            outputs["score"] = np.array([-len(text) / 10 for text in texts], np.float32)
        return outputs


def strings(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def letters(texts):
    """Each byte by itself, padded to the longest text."""
    widest = max(map(len, texts), default=0)
    array = np.full((len(texts), widest), b"", dtype=object)
    for row, text in enumerate(texts):
        array[row, : len(text)] = [bytes([each]) for each in text]
    return {"letters": array, "length": np.array([len(text) for text in texts], np.int32)}


class Complaints(logging.Handler):
    """What the event loop complains of, such as errors that nobody looked at."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


class Running:
    """A started server."""

    def __init__(self, addresses, stop, thread):
        self.url = addresses.url
        self.grpc = addresses.grpc
        self.host, port = addresses.url.removeprefix("http://").rsplit(":", 1)
        self.port = int(port)
        self.stop = stop
        self.thread = thread

    def connect(self):
        """A plain socket."""
        return socket.create_connection((self.host, self.port), timeout=10)

    def request(self, method, path, body=None, **headers):
        """Status, headers and JSON of one request on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
            if response.headers.get("content-type") == "application/json":
                content = json.loads(content)
            return response.status, response.headers, content
        finally:
            connection.close()

    def predict(self, body, path="/v1/models/seq2seq:predict"):
        """Status and JSON of a prediction."""
        status, _, content = self.request("POST", path, body)
        return status, content


def write_versions(base, *versions):
    """Version folders for `load_by_prefix`."""
    for version in versions:
        folder = base / str(version)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(b"%d:" % version)
    return base


def write_bare_run(folder):
    """A run, as far as those who serve it look at it."""
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text("{}")
    return folder


def load_by_prefix(folder):
    """A loader: the file is what the model puts before each text; "broken" does not load."""
    prefix = (folder / "saved_model.pb").read_bytes()
    if prefix == b"broken":
        raise ValueError("no graph in it")
    return ShoutingModel(prefix)


@contextmanager
def serving(directory, model=None, loader=load_by_prefix, before=None, finished=True, **settings):
    """Serves a directory as seq2seq, or several by their names, until the block ends.

    `model` stands for every version; the list `before` gets the server while it still loads;
    `finished` is what the server should say in the end.
    """
    settings = {"port": 0, "poll": 0.02} | settings
    if before is not None:
        settings["port"] = free_port()
        before.append(Running(Addresses(f"http://127.0.0.1:{settings['port']}"), None, None))
    config = check_server_settings(settings)
    if model is not None and not (directory / "1").exists():
        write_versions(directory, 1)
    if model is not None:
        loader = lambda _: model  # noqa: E731
    named = directory if isinstance(directory, dict) else {"seq2seq": directory}
    sources = [ModelSource(name, VersionFolders(each), loader) for name, each in named.items()]
    ready, box, results = threading.Event(), [], []

    async def main():
        server = Server(sources, config)
        loop = asyncio.get_running_loop()

        def started(addresses):
            box.append((addresses, lambda: loop.call_soon_threadsafe(server.stop)))
            ready.set()

        try:
            results.append(await server.run(started))
        except BaseException as error:
            results.append(error)
            raise

    def run():
        try:
            asyncio.run(main())
        except Exception:
            pass  # in `results`
        finally:
            ready.set()

    complaints = Complaints()
    logging.getLogger("asyncio").addHandler(complaints)
    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(30)
    if not box:
        thread.join()
        raise results[0]
    addresses, stop = box[0]
    running = Running(addresses, stop, thread)
    try:
        yield running
    finally:
        if model is not None:
            model.gate.set()
        if thread.is_alive():
            stop()
        thread.join(30)
        logging.getLogger("asyncio").removeHandler(complaints)
        assert not thread.is_alive()
    assert results == [finished]
    assert not complaints.messages


def wait_for_queue(server, rows):
    """Returns once as many rows wait for the model."""
    for _ in range(3000):
        page = server.request("GET", "/monitoring/prometheus/metrics")[2]
        if counted(page, "seq2seq_queued_rows") == {"": rows}:
            return
    raise AssertionError(f"the queue never held {rows} rows")


def free_port():
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def counted(metrics, name):
    """Values of a metric by their label set, e.g. 'api="rest",code="200"'."""
    values = Counter()
    for line in metrics.decode().splitlines():
        key, _, value = line.rpartition(" ")
        if key.split("{")[0] == name:
            values[key.partition("{")[2].rstrip("}")] = float(value)
    return values
