"""With --token-file, only who sends a token is answered, by every interface."""

import hmac
import json

import grpc
import pytest
from fake_server import ShoutingModel, counted, serving
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from seq2seq.errors import ServerError
from seq2seq.serving.client import Client
from seq2seq.serving.server.guards.tokens import FREE, Tokens

PREDICT = "/v1/models/seq2seq:predict"
BODY = {"instances": ["a"]}
FIELDS = {"q": "a", "source": "en", "target": "de"}
JSON = {"Content-Type": "application/json"}
PAGE = "https://mt.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.write_text("first\nsecond\n")
    base = tmp_path_factory.mktemp("models")
    options = {"token_file": str(tokens), "allow_origin": [PAGE], "grpc_port": 0}
    with serving(base, ShoutingModel(), **options) as running:
        yield running


@pytest.mark.parametrize("header", ["Bearer first", "bearer second", "BEARER  second "])
def test_a_token_of_the_file_opens(server, header):
    status, _, content = server.request("POST", PREDICT, BODY, Authorization=header)
    assert (status, content) == (200, {"predictions": ["A"]})


@pytest.mark.parametrize(
    "headers",
    [
        *({}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "}),
        *({"Authorization": "Bearer firs"}, {"Authorization": "Bearer first2"}),
        *({"Authorization": "first"}, {"Authorization": "Basic first"}),
        *({"Authorization": "Bearer first second"}, {"Authorization": "Bearer f\xefrst"}),
    ],
)
@pytest.mark.parametrize("path", [PREDICT, "/translate", "/monitoring/prometheus/metrics", "/none"])
def test_all_else_is_refused(server, path, headers):
    body = FIELDS if path == "/translate" else BODY
    status, answered, content = server.request("POST", path, body, **JSON, **headers)
    if path == "/translate" and not headers:
        assert (status, "wants a token" in content["error"]) == (403, True)
    else:
        assert (status, answered["www-authenticate"]) == (401, "Bearer")


def test_files_of_the_page_are_free_and_what_it_asks_is_not(server):
    for path in ("/", "/page/app.js", "/page/api.js"):
        assert server.request("GET", path)[0] in (200, 404)
    bearer = {"Authorization": "Bearer first"}
    for method, path in (("GET", "models"), ("POST", "translate"), ("POST", "tree"), ("GET", "x")):
        body = "{}" if method == "POST" else None
        assert server.request(method, f"/page/api/{path}", body)[0] == 401
        assert server.request(method, f"/page/api/{path}", body, **bearer)[0] != 401


def test_health_and_what_a_client_asks_first_are_free(server):
    for path in FREE:
        assert server.request("GET", path)[0] == 200
    settings = server.request("GET", "/frontend/settings")[2]
    assert settings["apiKeys"] and settings["keyRequired"]


@pytest.mark.parametrize("path", ["/translate", "/detect"])
def test_libretranslates_key_is_a_token(server, path):
    for key, expected in (("first", 200), ("wrong", 403), ("", 403), (["first"], 403), (None, 403)):
        fields = FIELDS | {"api_key": key}
        assert server.request("POST", path, fields, **JSON)[0] == expected
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for key, expected in (("second", 200), ("wrong", 403)):
        body = f"q=a&source=en&target=de&api_key={key}"
        assert server.request("POST", path, body, **form)[0] == expected
    # A key in the fields does not make up for a wrong header.
    fields = FIELDS | {"api_key": "first"}
    assert server.request("POST", path, fields, **JSON, Authorization="Bearer x")[0] == 401


def test_a_pages_preflight_needs_no_token_and_may_announce_one(server):
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization,content-type"
    status, headers, _ = server.request("OPTIONS", PREDICT, **asked)
    assert (status, headers["access-control-allow-origin"]) == (200, PAGE)
    assert "authorization" in headers["access-control-allow-headers"].lower()
    status, headers, _ = server.request("POST", PREDICT, BODY, Origin=PAGE)
    assert (status, headers["access-control-allow-origin"]) == (401, PAGE)  # the page can read why


def test_grpc_wants_it_in_the_metadata_but_for_health(server):
    assert server.request("POST", PREDICT, BODY)[0] == 401
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "seq2seq"
    with grpc.insecure_channel(server.grpc) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        found = stub.GetModelStatus(request, metadata=[("authorization", "Bearer first")])
        assert found.model_version_status[0].version == 1
        for metadata in ((), [("authorization", "Bearer x")], [("authorization", "first")]):
            with pytest.raises(grpc.RpcError) as error:
                stub.GetModelStatus(request, metadata=metadata)
            assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
        metrics = server.request(
            "GET", "/monitoring/prometheus/metrics", Authorization="Bearer first"
        )[2]
        codes = counted(metrics, "seq2seq_requests_total")
        assert codes['api="rest",code="401",signature=""'] >= 1
        assert codes['api="grpc",code="UNAUTHENTICATED",signature=""'] == 3
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_the_client_sends_it(server):
    assert list(Client(server.url, token="second").translate(["a"])) == ["A"]
    for token, complaint in ((None, "wants a token"), ("x", "not one of this server's")):
        with pytest.raises(ServerError, match=complaint):
            list(Client(server.url, token=token).translate(["a"]))
    for token in ("two words", "a\r\nHost: b", "", "ü"):
        with pytest.raises(ServerError, match="a token has neither spaces nor"):
            Client(server.url, token=token)


def test_every_token_is_compared_in_constant_time(monkeypatch):
    compared = []
    honest = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda *two: compared.append(two) or honest(*two))
    assert Tokens(["right", "other"]).holds("right")
    assert compared == [(b"right", b"right"), (b"other", b"right")]


def test_a_refused_body_is_not_read(server):
    with server.connect() as connection:
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n"
        connection.sendall(head.encode() + json.dumps(BODY).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")
