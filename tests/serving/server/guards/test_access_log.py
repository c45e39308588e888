"""A line for each request, with what it had the model do."""

import asyncio
import logging
import re
import threading
import time

import grpc
import pytest
import tensorflow as tf
from fake_server import ShoutingModel, serving, write_versions
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from seq2seq.serving.server.guards.access_log import AccessLog, _quoted

BODY = {"instances": ["a", "bcd"], "signature_name": "translate"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    base = tmp_path_factory.mktemp("models")
    with serving(base, ShoutingModel(), grpc_port=0) as running:
        yield running


@pytest.fixture
def lines(caplog):
    """Fields of the lines, as they come."""
    caplog.set_level(logging.INFO, "seq2seq.access")

    def read(count=1):
        for _ in range(3000):  # a line is written after the answer
            found = [each.fields for each in caplog.records if each.name == "seq2seq.access"]
            if len(found) >= count:
                break
            time.sleep(0.003)
        return found

    return read


def test_a_prediction_is_told_with_its_rows_and_bytes(server, lines, caplog):
    server.request("POST", "/v1/models/seq2seq:predict?a=secret", BODY)
    (line,) = lines()
    assert 0 < line.pop("ms") < 10_000
    assert line == {
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/v1/models/seq2seq:predict",
        "status": 200,
        "model": "seq2seq",
        "signature": "translate",
        "rows": 2,
        "bytes": 4,
    }
    written = next(each for each in caplog.records if each.name == "seq2seq.access").getMessage()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 client=127\.0\.0\.1 method=POST "
        r"path=/v1/models/seq2seq:predict status=200 ms=[\d.]+ model=seq2seq "
        r"signature=translate rows=2 bytes=4",
        written,
    )


def test_libretranslates_requests_and_grpc_calls_are_told_too(server, lines):
    fields = {"q": "abc", "source": "en", "target": "de"}
    server.request("POST", "/translate", fields, **{"Content-Type": "application/json"})
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "seq2seq"
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(["abcde"], tf.string))
    with grpc.insecure_channel(server.grpc) as channel:
        prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=20)
    first, second = lines(2)
    assert (first["path"], first["model"], first["rows"]) == ("/translate", "seq2seq", 1)
    assert (second["method"], second["path"], second["status"]) == ("GRPC", "PredictRequest", "OK")
    assert (second["client"], second["rows"], second["bytes"]) == ("127.0.0.1", 1, 5)


def test_refusals_are_told_and_healthy_answers_to_probes_are_not(server, lines):
    server.request("GET", "/healthz")
    server.request("GET", "/readyz")
    server.request("GET", "/healthz", Host="evil.example")
    server.request("POST", "/v1/models/other:predict", BODY)
    refused, unknown = lines(2)
    assert (refused["path"], refused["status"]) == ("/healthz", 403)
    assert (unknown["status"], unknown["model"], unknown["rows"]) == (404, "", 0)


@pytest.mark.parametrize("path", ["/a%0d%0aclient=10.0.0.1", "/%1b[2J", "/a\\x", "/" + "x" * 5000])
def test_no_path_forges_a_line(server, lines, caplog, path):
    server.request("GET", path)
    (line,) = lines()
    assert len(line["path"]) <= 200
    (record,) = (each for each in caplog.records if each.name == "seq2seq.access")
    assert record.getMessage().isprintable()
    assert record.getMessage().count("client=") == 1 + path.count("client=")
    assert " client=10" not in record.getMessage()


def test_probes_of_a_server_that_loads_are_not_told(tmp_path, lines):
    before, loaded = [], threading.Event()

    def load(folder):
        assert before[0].request("GET", "/readyz")[0] == 503
        loaded.set()
        return ShoutingModel()

    base = write_versions(tmp_path, 1)
    with serving(base, loader=load, before=before) as server:
        assert loaded.is_set()
        server.predict(BODY)
        (line,) = lines()
    assert line["path"] == "/v1/models/seq2seq:predict"


def test_a_request_that_nothing_answered_is_told_as_one_whose_client_went(lines):
    async def silent(scope, receive, send):
        pass

    scope = {"method": "GET", "path": "/x", "raw_path": b"/x"}
    asyncio.run(AccessLog(silent, lambda model: "")(scope, None, None))
    (line,) = lines()
    assert (line["path"], line["status"]) == ("/x", 499)


def test_a_path_is_written_in_signs_that_part_nothing():
    assert _quoted("/a b\r\n\x1b[2J\xe9/~c?key=secret") == "/a%20b%0D%0A%1B[2J%E9/~c"


def test_it_can_be_off(tmp_path, lines):
    with serving(tmp_path, ShoutingModel(), access_log=False) as server:
        server.predict(BODY)
    assert lines(0) == []
