"""Whom the server answers: clients that call it by its name, and pages that may ask it."""

import http.client
import json

import pytest
from fake_server import ShoutingModel, counted, serving

from seq2seq.config.serving import check_server_settings
from seq2seq.errors import ConfigError

PREDICT = "/v1/models/seq2seq:predict"
BODY = json.dumps({"instances": ["a"]})
ANSWER = {"predictions": ["A"]}
PATHS = (PREDICT, "/healthz", "/readyz", "/monitoring/prometheus/metrics", "/v1/models/seq2seq")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models"), ShoutingModel()) as running:
        yield running


def ask(server, method="POST", path=PREDICT, **headers):
    """Status, headers and content of a request with exactly these headers beside its length."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        body = BODY.encode() if method == "POST" else b""
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        content = response.read()
        is_json = response.headers.get("content-type") == "application/json"
        return response.status, response.headers, json.loads(content) if is_json else content
    finally:
        connection.close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:{port}",
        "127.0.0.1",
        "localhost:{port}",
        "LocalHost",
        "[::1]:{port}",
        "a.localhost",
    ],
)
def test_this_machine_is_called_by_its_own_names(server, host):
    assert ask(server, Host=host.format(port=server.port))[::2] == (200, ANSWER)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:{port}",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
        ),
        *("evil-localhost", "192.0.2.1", "[2001:db8::1]:{port}", "", "localhost@evil.example"),
    ],
)
def test_a_foreign_host_is_refused(server, host):
    status, _, content = ask(server, Host=host.format(port=server.port))
    assert status == 403 and "--allow-host" in content["error"]


def test_no_path_is_told_to_a_foreign_host_or_page(server):
    for path in PATHS:
        method = "POST" if path == PREDICT else "GET"
        assert ask(server, method, path, Host="evil.example")[0] == 403
        assert ask(server, method, path, Host="localhost", Origin="http://evil.example")[0] == 403
        assert ask(server, method, path, Host="localhost")[0] == 200


def test_a_host_may_be_allowed(tmp_path):
    settings = {"allow_host": ("Mt.Example", "2001:db8::1")}
    with serving(tmp_path, ShoutingModel(), **settings) as server:
        for host in ("mt.example", "MT.example.:80", "[2001:db8::1]:8501", "localhost"):
            assert ask(server, Host=host)[0] == 200
        for host in ("other.mt.example", "example", "2001"):
            assert ask(server, Host=host)[0] == 403
    with serving(tmp_path, ShoutingModel(), allow_host=("*",)) as server:
        assert ask(server, Host="evil.example")[0] == 200


def test_a_server_that_listens_everywhere_is_called_by_any_address(tmp_path):
    with serving(tmp_path, ShoutingModel(), host="0.0.0.0") as server:
        for host in ("192.0.2.1:8501", "[2001:db8::1]", "localhost"):
            assert ask(server, Host=host)[0] == 200
        assert ask(server, Host="evil.example")[0] == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost", "https://a"])
def test_a_post_from_a_foreign_page_is_refused(server, kind, origin):
    headers = {"Host": f"localhost:{server.port}", **({"Content_Type": kind} if kind else {})}
    status, answered, content = ask(server, **headers, Origin=origin)
    assert status == 403 and "--allow-origin" in content["error"]
    assert "access-control-allow-origin" not in answered
    assert ask(server, **headers)[0] == 200  # any other client says no origin
    assert ask(server, **headers, Origin=f"http://{headers['Host']}")[0] == 200


def test_a_page_may_be_allowed_and_its_scripts_read_the_answers(tmp_path):
    page = "https://mt.example"
    with serving(tmp_path, ShoutingModel(), allow_origin=(page, "http://localhost:3000")) as server:
        host = f"localhost:{server.port}"
        for origin in (page, "http://localhost:3000"):
            status, headers, content = ask(server, Host=host, Origin=origin)
            assert (status, content) == (200, ANSWER)
            assert headers["access-control-allow-origin"] == origin
            method = {"Access_Control_Request_Method": "POST"}
            asked = {**method, "Access_Control_Request_Headers": "content-type"}
            status, headers, _ = ask(server, "OPTIONS", Host=host, Origin=origin, **asked)
            assert status == 200 and "POST" in headers["access-control-allow-methods"]
        for origin in ("https://mt.example.evil.example", "http://mt.example", "null"):
            assert ask(server, Host=host, Origin=origin)[0] == 403
    with serving(tmp_path, ShoutingModel(), allow_origin=("*",)) as server:
        assert ask(server, Host="localhost", Origin="http://evil.example")[0] == 200


def test_a_long_head_is_refused_however_it_arrives(server):
    assert ask(server, Host="localhost", X="x" * 30_000)[0] == 200
    status, _, content = ask(server, Host="localhost", X="x" * 33_000)
    assert status == 431 and "32768 bytes at most" in content["error"]
    path = f"{PREDICT}?{'x' * 33_000}"
    assert ask(server, path=path, Host="localhost")[0] == 431


def test_refused_heads_are_counted(tmp_path):
    with serving(tmp_path, ShoutingModel()) as server:
        ask(server, Host="evil.example")
        page = ask(server, "GET", "/monitoring/prometheus/metrics", Host="localhost")[2]
    assert counted(page, "seq2seq_requests_total") == {'api="rest",code="403",signature=""': 1}


def test_names_that_are_none_are_refused():
    with pytest.raises(ConfigError, match=r"allow_host.0.*allow_origin.0"):
        check_server_settings({"allow_host": ("http://a",), "allow_origin": ("a.example",)})
