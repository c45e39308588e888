"""Bodies that are held together: bounded, and free again when their requests end."""

from fake_server import ShoutingModel, serving

from seq2seq.serving.server.guards.body_budget import BODIES

LARGEST = 1000  # bytes of a body
HEAD = b"POST /v1/models/seq2seq:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
PREDICT = "/v1/models/seq2seq:predict"


def test_bodies_beyond_what_all_may_hold_are_refused_until_others_end(tmp_path):
    body = {"instances": ["a" * 900]}
    with serving(tmp_path, ShoutingModel(), limits={"max_body": LARGEST}) as server:
        held = [server.connect() for _ in range(BODIES)]
        for connection in held:  # all but the last byte
            connection.sendall(HEAD % LARGEST + b" " * (LARGEST - 1))
        for _ in range(3000):
            status, headers, content = server.request("POST", PREDICT, body)
            if status == 503:
                break
        assert (status, headers["retry-after"]) == (503, "1")
        assert content == {"error": "too many large requests are under way; try again later"}
        assert server.request("GET", "/readyz")[0] == 200
        held.pop().close()
        for _ in range(3000):
            if (status := server.request("POST", PREDICT, body)[0]) == 200:
                break
        assert status == 200
        for connection in held:  # each body is read, and refused for what it says
            connection.sendall(b" ")
            assert connection.recv(10_000).startswith(b"HTTP/1.1 400")
            connection.close()
