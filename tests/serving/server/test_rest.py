import http.client
import json
import select
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_server import (
    ShoutingModel,
    counted,
    load_by_prefix,
    serving,
    wait_for_queue,
    write_versions,
)

from seq2seq.serving.server import rest
from seq2seq.serving.server.rest_json import parse_predict

PREDICT = "/v1/models/seq2seq:predict"
HEAD = b"POST /v1/models/seq2seq:predict HTTP/1.1\r\nHost: localhost\r\n"
SMALL = {"limits": {"max_body": 2000, "read_timeout": 1}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), ShoutingModel()) as running:
        yield running


@pytest.fixture(scope="module")
def small_server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), ShoutingModel(), **SMALL) as running:
        yield running


def read_answer(connection):
    """Status and JSON of an answer on a plain socket, up to its end."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status, json.loads(response.read())


def test_a_prediction_has_tensorflow_servings_form(server):
    assert server.predict({"instances": ["Hallo", "du"]}) == (200, {"predictions": ["HALLO", "DU"]})
    assert server.predict({"inputs": ["Hallo"]}) == (200, {"outputs": ["HALLO"]})
    body = {"signature_name": "translate", "instances": [{"text": "ab"}]}
    assert server.predict(body)[1] == {"predictions": [{"translation": "AB", "score": -0.2}]}


def test_a_version_can_be_asked_for(server):
    body = {"instances": ["a"]}
    assert server.predict(body, "/v1/models/seq2seq/versions/1:predict")[0] == 200
    assert server.predict(body, f"/v1/models/seq2seq/versions/{'0' * 9000}1:predict")[0] == 200
    assert server.predict(body, "/v1/models/seq2seq/versions/2:predict") == (
        404,
        {"error": "Servable not found for request: Specific(seq2seq, 2)"},
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/v1/models/other:predict", 404, "Servable not found for request: Latest(other)"),
        ("POST", "/v1/models/seq2seq/labels/stable:predict", 404, "version label: stable"),
        ("GET", "/v1/models/other", 404, "Could not find any versions of model other"),
        ("GET", "/v1/models/seq2seq/versions/7", 404, "Could not find version 7"),
        ("GET", "/v1/models/seq2seq/labels/stable", 404, "version label: stable"),
        ("GET", f"/v1/models/seq2seq/versions/{2**63}", 400, "to numeric"),
        ("GET", f"/v1/models/seq2seq/versions/{'9' * 25}", 400, "to numeric"),
        ("POST", "/v1/models/seq2seq:classify", 501, "only :predict"),
        ("POST", "/v1/models/seq2seq:translate", 400, "Malformed request: POST /v1/models"),
        ("GET", "/v1/", 400, "Malformed request: GET /v1/"),
        ("GET", PREDICT, 405, "GET is not for this path"),
        ("DELETE", "/v1/models/seq2seq", 405, "DELETE is not for this path"),
        ("GET", "/nothing", 404, "Not Found: GET /nothing"),
        ("POST", "/healthz", 405, "Method Not Allowed"),
        ("GET", "/healthz/", 404, "Not Found: GET /healthz/"),
        ("POST", "/translate/", 404, "Not Found: POST /translate/"),
    ],
)
def test_a_path_that_cannot_be_answered_gets_its_status(server, method, path, status, message):
    got, headers, content = server.request(method, path, "{}" if method == "POST" else None)
    assert (got, list(content)) == (status, ["error"])
    assert message in content["error"]
    assert status != 405 or headers["allow"]


def test_a_signature_or_shape_that_is_not_there_is_refused(server):
    assert server.predict({"signature_name": "x", "instances": ["a"]})[0] == 400
    status, content = server.predict({"inputs": [["a"], ["b"]]})
    assert (status, content["error"]) == (
        400,
        "input text has shape [2, 1] instead of [-1], where -1 is any size",
    )
    columns = {"left": [[1, 2]], "right": [1.0, 2.0]}
    status, content = server.predict({"signature_name": "add", "inputs": columns})
    assert (status, "left: 1, right: 2" in content["error"]) == (400, True)


def test_status_and_metadata_describe_the_model(server):
    status, _, content = server.request("GET", "/v1/models/seq2seq")
    expected = {"version": "1", "state": "AVAILABLE"}
    expected["status"] = {"error_code": "OK", "error_message": ""}
    assert (status, content) == (200, {"model_version_status": [expected]})
    assert server.request("GET", "/v1/models/seq2seq/versions/1")[2] == content
    metadata = server.request("GET", "/v1/models/seq2seq/metadata")[2]
    assert metadata["model_spec"] == {"name": "seq2seq", "signature_name": "", "version": "1"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["letters"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["outputs"]["length"]["dtype"] == "DT_INT32"
    shape = signature["outputs"]["letters"]["tensor_shape"]
    assert [each["size"] for each in shape["dim"]] == ["-1", "-1"]


def test_a_bug_in_the_model_is_a_500_and_the_server_lives(server, caplog):
    assert server.predict({"instances": ["bug"]}) == (500, {"error": "the model failed: 'bug'"})
    assert "KeyError" in caplog.text
    assert server.predict({"instances": ["a"]})[0] == 200


def test_outputs_that_are_no_rows_are_the_models_fault(server):
    status, content = server.predict({"signature_name": "scalar", "instances": ["a"]})
    assert (status, content["error"]) == (500, "the model's count has shape [] for 1 rows")


def test_requests_share_a_connection(server):
    connection = http.client.HTTPConnection(server.host, server.port)
    for number in range(3):
        for body, status in ((f'{{"instances": ["{number}"]}}', 200), ("{", 400)):
            connection.request("POST", PREDICT, body)
            response = connection.getresponse()
            response.read()
            assert response.status == status
            assert connection.sock is not None  # still open
    connection.close()


def test_metrics_count_answers_batches_and_versions(tmp_path):
    with serving(tmp_path, ShoutingModel()) as server:
        server.predict({"instances": ["a", "b"]})
        server.predict({"instances": [1]})
        server.predict({"instances": ["a"], "signature_name": "\ud800 made up"})
        server.request("GET", "/languages/")
        _, headers, page = server.request("GET", "/monitoring/prometheus/metrics")
    assert headers["content-type"].startswith("text/plain")
    answers = counted(page, "seq2seq_requests_total")
    assert answers == {
        'api="rest",code="200",signature="serving_default"': 1,
        'api="rest",code="400",signature=""': 2,
        'api="rest",code="404",signature=""': 1,
    }
    assert counted(page, "seq2seq_batch_rows_sum") == {"": 2}
    assert counted(page, "seq2seq_queued_rows") == {"": 0}
    assert sum(counted(page, "seq2seq_request_seconds_count").values()) == 4
    shown = counted(page, "seq2seq_model_version")
    assert shown == {'model="seq2seq",state="AVAILABLE",version="1"': 1}


def test_it_lives_before_it_is_ready(tmp_path):
    write_versions(tmp_path, 1)
    seen = {}

    def load(folder):
        for path in ("/healthz", "/readyz", "/v1/models/seq2seq"):
            seen[path] = box[0].request("GET", path)[::2]
        seen["predict"] = box[0].predict({"instances": ["a"]})
        return load_by_prefix(folder)

    with serving(tmp_path, loader=load, before=(box := [])) as server:
        assert server.request("GET", "/readyz")[0] == 200
    assert seen["/healthz"][0] == 200
    assert seen["/readyz"][0] == 503
    assert seen["/v1/models/seq2seq"][1]["model_version_status"][0]["state"] == "LOADING"
    assert seen["predict"][0] == 503


def test_too_large_a_body_is_refused(small_server):
    body = json.dumps({"instances": ["x" * 3000]})
    status, content = small_server.predict(body.encode())
    assert (status, content["error"]) == (413, "the body is larger than 2000 bytes")
    in_chunks = small_server.request("POST", PREDICT, iter([b"x" * 900] * 4))
    assert in_chunks[0] == 413
    assert small_server.predict({"instances": ["x" * 1900]})[0] == 200  # and below, it is not


def test_a_large_body_is_refused_before_it_is_sent(small_server):
    with small_server.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 9999999999\r\n\r\n")
        assert read_answer(connection)[0] == 413
        assert connection.recv(1) == b""  # the rest is not waited for without end


def test_a_compressed_body_is_refused(small_server):
    headers = {"Content-Encoding": "gzip"}
    assert small_server.request("POST", PREDICT, b"x", **headers)[0] == 415


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (HEAD, 408),
        (HEAD + b"Content-Length: 9\r\n\r\n{", 408),
        (b"\x16\x03\x01 not HTTP at all\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000, 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
    ],
    ids=["slow head", "slow body", "no HTTP", "long head", "wrong length"],
)
def test_a_slow_or_broken_request_is_refused_and_disturbs_nobody(small_server, start, status):
    answers, ended = [], threading.Event()

    def ask_meanwhile():
        while not ended.is_set():
            answers.append(small_server.predict({"instances": ["a"]})[0])

    other = threading.Thread(target=ask_meanwhile)
    other.start()
    try:
        with small_server.connect() as connection:
            connection.sendall(start)
            got, content = read_answer(connection)
            assert (got, list(content)) == (status, ["error"])
            assert connection.recv(1) == b""
    finally:
        ended.set()
        other.join()
    assert answers and set(answers) == {200}


def test_a_client_that_is_slow_again_and_again_is_refused_too(small_server):
    with small_server.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.read() == b"ok\n"
        connection.sendall(b"GET /heal")  # a first request in time is no licence for the second
        assert read_answer(connection)[0] == 408


def test_a_client_that_does_not_read_its_answer_is_dropped(tmp_path):
    with serving(tmp_path, ShoutingModel(), limits={"read_timeout": 1}) as server:
        body = json.dumps({"signature_name": "letters", "instances": ["x" * 10_000] * 100}).encode()
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((server.host, server.port))
            connection.settimeout(20)
            connection.sendall(head.encode() + body)
            dropped = select.poll()
            dropped.register(connection, select.POLLRDHUP)
            assert dropped.poll(20_000)
            with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
                read_answer(connection)
        status, content = server.predict(body)  # the same request of one who reads
        assert status == 200 and len(content["predictions"]) == 100


def test_connections_beyond_the_limit_are_refused_at_once(tmp_path):
    with serving(tmp_path, ShoutingModel(), limits={"max_connections": 3}) as server:
        connections = [server.connect() for _ in range(3)]
        with server.connect() as one_more:
            status, content = read_answer(one_more)
        assert (status, content["error"]) == (503, "too many connections; try again later")
        connections[-1].sendall(b"GET /v1/models/seq2seq HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(connections[-1])[0] == 200  # the last that is allowed
        connections.pop().close()
        while server_refuses(server):  # until it has seen that there is room again
            pass
        for connection in connections:
            connection.close()


def server_refuses(server):
    try:
        return server.predict({"instances": ["a"]})[0] == 503
    except OSError:  # refused while it was still sending
        return True


def test_a_client_that_goes_away_leaves_the_queue(tmp_path):
    model = ShoutingModel()
    with serving(tmp_path, model) as server:
        model.gate.clear()
        first = threading.Thread(target=server.predict, args=({"instances": ["first"]},))
        first.start()
        assert model.running.acquire(timeout=10)  # the only worker is busy
        body = b'{"instances": ["gone"]}'
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        with server.connect() as connection:
            connection.sendall(head.encode() + body)
            wait_for_queue(server, 1)
        wait_for_queue(server, 0)
        model.gate.set()
        first.join()
    assert model.batches == [1]  # nothing was run for the client that left


def test_the_encoding_that_is_none_may_be_named_in_any_case(server):
    body = json.dumps({"instances": ["a"]})
    for encoding in ("Identity", "IDENTITY", "identity, identity", ""):
        assert server.request("POST", PREDICT, body, **{"Content-Encoding": encoding})[0] == 200
    for encoding in ("br", "identity, gzip"):
        assert server.request("POST", PREDICT, body, **{"Content-Encoding": encoding})[0] == 415


@pytest.mark.parametrize(
    "value", ["[]", "[[],[]]", '[{"text":[]}]', '["",""]', "{}", "1", '[{"b64":""}]'], ids=repr
)
def test_millions_of_values_are_refused_in_no_time(server, value):
    body = b'{"instances": [%s]}' % b",".join([value.encode()] * (4_000_000 // (len(value) + 1)))
    started = time.process_time()
    status, content = server.predict(body)
    assert (status, "more than 100000 values" in content["error"]) == (400, True)
    assert time.process_time() - started < 2  # of this process, in which the server runs too


def test_large_bodies_are_read_beside_the_event_loop(tmp_path, monkeypatch):
    reading, ended, threads = threading.Event(), threading.Event(), []

    def slow_parse(body, model, most_values):
        threads.append(threading.current_thread())
        if len(body) > 100_000:
            reading.set()
            assert ended.wait(20)
        return parse_predict(body, model, most_values)

    monkeypatch.setattr(rest, "parse_predict", slow_parse)
    text = "a" * 200_000
    with serving(tmp_path, ShoutingModel()) as server, ThreadPoolExecutor(1) as pool:
        large = pool.submit(server.predict, {"instances": [text]})
        assert reading.wait(20)
        assert server.request("GET", "/healthz")[0] == 200
        assert server.predict({"instances": ["b"]}) == (200, {"predictions": ["B"]})
        ended.set()
        assert large.result() == (200, {"predictions": [text.upper()]})
        assert threads[0] is not server.thread and threads[1] is server.thread


def test_many_small_chunks_are_refused_and_a_few_are_not(server):
    body = json.dumps({"instances": ["a" * 8000]}).encode()

    def ask(chunks):
        connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
        sent = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks)
        connection.putrequest("POST", PREDICT)
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(sent + b"0\r\n\r\n")
        response = connection.getresponse()
        content = json.loads(response.read())
        connection.close()
        return response.status, content

    assert ask([body[:9], *(body[place : place + 2] for place in range(9, len(body), 2))])[0] == 200
    status, content = ask([bytes([each]) for each in body])
    assert (status, content["error"]) == (
        413,
        "the body comes in more than 4096 chunks; send larger ones",
    )
