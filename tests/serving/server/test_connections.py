"""Connections over which several requests come, one after the other."""

import http.client
import json
import socket
import time

from fake_server import ShoutingModel, serving

PREDICT = "/v1/models/seq2seq:predict"


def test_a_client_that_catches_up_with_its_answer_keeps_its_connection(tmp_path):
    asked = {"signature_name": "letters", "instances": ["x" * 10_000] * 100}
    with serving(tmp_path, ShoutingModel(), limits={"read_timeout": 1}) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
        connection.sock = socket.socket()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sock.connect((server.host, server.port))
        connection.sock.settimeout(20)
        connection.request("POST", PREDICT, json.dumps(asked))
        response = connection.getresponse()  # of which the rest waits
        time.sleep(0.3)
        assert len(json.loads(response.read())["predictions"]) == 100
        time.sleep(1.2)  # longer than one may not read
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
        connection.close()


def test_each_request_of_a_connection_has_chunks_of_its_own(tmp_path):
    body = json.dumps({"instances": ["a" * 5900]}).encode()
    with serving(tmp_path, ShoutingModel()) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
        for _ in range(2):  # together in more than one request may have
            connection.putrequest("POST", PREDICT)
            connection.putheader("Transfer-Encoding", "chunked")
            chunks = [body[place : place + 2] for place in range(0, len(body), 2)]
            sent = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks)
            connection.endheaders(sent + b"0\r\n\r\n")
            response = connection.getresponse()
            assert (response.status, len(response.read())) == (200, 5900 + 21)
            assert connection.sock is not None  # still open
        connection.close()
