"""Large bodies that are held together: bounded, for each client too, and free when they end."""

import json
import socket
from contextlib import contextmanager

import pytest
from fake_server import ShoutingModel, serving

from seq2seq.serving.server.guards.body_budget import BODIES, SHARES
from seq2seq.serving.server.http_requests import LARGE_BODY

LARGEST = 2 * LARGE_BODY  # bytes of a body
OF_ONE = BODIES // SHARES  # bodies that one client may have under way
PREDICT = "/v1/models/seq2seq:predict"
LARGE = json.dumps({"instances": ["a" * (LARGEST - 100)]})
SMALL = json.dumps({"instances": ["a" * (LARGE_BODY - 100)]})
BUSY = {"error": "too many large requests are under way; try again later"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.write_text("token\n")
    options = {"token_file": str(tokens), "limits": {"max_body": LARGEST}}
    with serving(tmp_path_factory.mktemp("models"), ShoutingModel(), **options) as running:
        yield running


def connect(server, client):
    address = ("127.0.0." + str(client), 0)
    return socket.create_connection((server.host, server.port), 10, source_address=address)


def send(connection, path, body, *headers, all_but=0):
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    head = "\r\n".join([*lines, "", ""])
    connection.sendall(head.encode() + body.encode()[: len(body) - all_but])


def ask(server, client, body):
    """Status of a client's request with a token, and JSON of a refusal."""
    with connect(server, client) as connection:
        send(connection, PREDICT, body, "Authorization: Bearer token", "Connection: close")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, content = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert status != 503 or b"retry-after: 1" in head
    return status, json.loads(content) if status != 200 else None


def wait_for(server, client, status):
    """Returns what a large body gets once it has that status: others are read, or gone, by then."""
    for _ in range(3000):
        found = ask(server, client, LARGE)
        if found[0] == status:
            return found[1]
    raise AssertionError(f"never {status}")


@contextmanager
def stalling(server, clients, *headers, path=PREDICT):
    """Large bodies whose last byte does not come, of the clients, as many as one may have."""
    held = [connect(server, client) for client in clients for _ in range(OF_ONE)]
    try:
        for connection in held:
            send(connection, path, " " * LARGEST, *headers, all_but=1)
        yield held
    finally:
        for connection in held:
            connection.close()


def test_one_client_has_a_share_of_the_large_bodies_and_small_ones_are_always_read(server):
    with stalling(server, [2], "Authorization: Bearer token") as held:
        assert wait_for(server, 2, 503) == BUSY
        assert ask(server, 2, SMALL)[0] == 200
        assert ask(server, 3, LARGE)[0] == 200
        held[0].close()
        wait_for(server, 2, 200)
        for connection in held[1:]:  # each body is read, and refused for what it says
            connection.sendall(b" ")
            assert connection.recv(10_000).startswith(b"HTTP/1.1 400")


def test_all_large_bodies_are_bounded_and_small_ones_are_still_read(server):
    with stalling(server, range(2, 2 + SHARES), "Authorization: Bearer token"):
        assert wait_for(server, 9, 503) == BUSY
        assert ask(server, 9, SMALL)[0] == 200
    wait_for(server, 9, 200)
    for client in range(2, 2 + SHARES):  # and each has its share again
        wait_for(server, client, 200)


@pytest.mark.parametrize("path", ["/translate", "/detect"])
def test_clients_without_a_token_have_one_share_together(server, path):
    with stalling(server, range(2, 2 + SHARES), path=path):
        with connect(server, 9) as one_more:
            send(one_more, path, " " * LARGEST)
            assert one_more.recv(100).startswith(b"HTTP/1.1 503")
        for _ in range(5):
            assert ask(server, 9, LARGE)[0] == 200
