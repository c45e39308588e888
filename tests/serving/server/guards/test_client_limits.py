"""One client's requests a minute and at once, with others left alone."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from fake_server import ShoutingModel, counted, serving, wait_for_queue
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from seq2seq.serving.server.guards.client_limits import ClientLimits, TooMany, client_of

BODY = {"instances": ["a"]}


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def ask(limits, address="192.0.2.1"):
    with limits.request(address):
        pass


def test_a_minutes_requests_come_back_one_by_one():
    clock = Clock()
    limits = ClientLimits(6, 0, clock)
    for _ in range(6):
        ask(limits)
    with pytest.raises(TooMany, match="at most 6 requests of a client a minute") as error:
        ask(limits)
    assert error.value.seconds == 10
    ask(limits, "192.0.2.2")  # another's
    clock.now += 9.9
    with pytest.raises(TooMany) as error:
        ask(limits)
    assert error.value.seconds == 1
    clock.now += 0.2
    ask(limits)
    clock.now += 1e6
    for _ in range(6):  # no more than a minute's are saved up
        ask(limits)
    with pytest.raises(TooMany):
        ask(limits)


@given(st.lists(st.floats(0, 100), max_size=60), st.integers(1, 20))
def test_no_more_than_a_minutes_and_what_came_back_are_answered(pauses, per_minute):
    clock, answered = Clock(), 0
    limits = ClientLimits(per_minute, 0, clock)
    for pause in pauses:
        clock.now += pause
        try:
            ask(limits)
            answered += 1
        except TooMany as error:
            assert 1 <= error.seconds <= 60
    assert answered <= per_minute * (1 + (clock.now - 1000) / 60) + 1e-6


def test_requests_under_way_are_counted_until_they_end_however_they_do():
    limits = ClientLimits(0, 1)
    with pytest.raises(KeyError), limits.request("192.0.2.1"):
        with pytest.raises(TooMany, match="at most 1 requests of a client at once"):
            ask(limits)
        ask(limits, "192.0.2.2")
        raise KeyError
    ask(limits)


def test_addresses_of_one_network_are_one_client():
    limits = ClientLimits(1, 0, Clock())
    ask(limits, "2001:db8:1:2::1")
    with pytest.raises(TooMany):
        ask(limits, "2001:db8:1:2:ffff::9")
    ask(limits, "2001:db8:1:3::1")
    ask(limits, "::ffff:192.0.2.1")
    with pytest.raises(TooMany):
        ask(limits, "192.0.2.1")


def test_clients_that_are_gone_are_forgotten_but_not_their_long_requests():
    clock = Clock()
    limits = ClientLimits(10, 1, clock)
    with limits.request("198.51.100.1"):
        for number in range(500):
            ask(limits, f"192.0.2.{number % 250}")
            clock.now += 1
        assert limits.clients < 70
        with pytest.raises(TooMany):
            ask(limits, "198.51.100.1")
    without = ClientLimits(0, 0)
    ask(without)
    assert without.clients == 0


def test_an_interface_of_the_clients_machine_is_no_part_of_its_address():
    assert client_of("fe80::%eth0") == client_of("fe80::2%eth1") == "fe80::/64"


def test_a_client_kept_by_a_long_request_has_a_minutes_requests_again():
    clock = Clock()
    limits = ClientLimits(3, 9, clock)
    with limits.request("192.0.2.1"):
        ask(limits)
        ask(limits)
        clock.now += 61
        ask(limits, "192.0.2.2")
        for _ in range(3):
            ask(limits)
        with pytest.raises(TooMany):
            ask(limits)


def test_the_server_says_when_to_come_again_and_leaves_health_alone(tmp_path):
    model = ShoutingModel()
    with serving(tmp_path, model, grpc_port=0, limits={"client_rate": 3}) as server:
        for _ in range(3):
            assert server.predict(BODY)[0] == 200
        status, headers, content = server.request("POST", "/v1/models/seq2seq:predict", BODY)
        assert (status, headers["retry-after"]) == (429, "20")
        assert content == {"error": "at most 3 requests of a client a minute"}
        assert server.request("GET", "/healthz")[0] == 200
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "seq2seq"
        with grpc.insecure_channel(server.grpc) as channel:  # the same client
            with pytest.raises(grpc.RpcError) as error:
                model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request)
        assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_the_pages_files_are_outside_of_the_limits_and_what_it_asks_is_not(tmp_path):
    with serving(tmp_path, ShoutingModel(), limits={"client_rate": 3}) as server:
        for path in ["/", "/page/app.js", "/page/style.css", "/page/vendor/preact.js"] * 2:
            assert server.request("GET", path)[0] == 200
        found = [server.request("GET", "/page/api/models")[0] for _ in range(4)]
        assert found == [200, 200, 200, 429]
        assert server.request("GET", "/page/app.js")[0] == 200


def test_the_server_counts_what_is_under_way(tmp_path):
    model = ShoutingModel()
    with serving(tmp_path, model, limits={"client_under_way": 3}) as server:
        model.gate.clear()
        asking = [threading.Thread(target=server.predict, args=(BODY,)) for _ in range(3)]
        asking[0].start()
        assert model.running.acquire(timeout=20)
        asking[1].start()
        wait_for_queue(server, 1)
        asking[2].start()
        time.sleep(0.5)  # a question below must not take its place
        for _ in range(3000):
            if server.request("GET", "/v1/models/seq2seq")[0] == 429:
                break
        else:
            raise AssertionError("the fourth was never refused")
        model.gate.set()
        for each in asking:
            each.join()
        assert server.predict(BODY)[0] == 200
        metrics = server.request("GET", "/monitoring/prometheus/metrics")[2]
        codes = counted(metrics, "seq2seq_requests_total")
        assert codes['api="rest",code="429",signature=""'] == 1


def test_requests_whose_client_went_away_do_not_count_on(tmp_path):
    model = ShoutingModel()
    body = b'{"instances": ["a"]}'
    head = (
        b"POST /v1/models/seq2seq:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    )
    with serving(tmp_path, model, limits={"client_under_way": 4}) as server:
        model.gate.clear()
        for announced in (len(body), len(body) + 5):  # whole requests, and halves of some
            for _ in range(50):
                with server.connect() as connection:
                    connection.sendall(head % announced + body)
        model.gate.set()
        for _ in range(3000):
            if server.predict(BODY)[0] == 200:
                break
        else:
            raise AssertionError("the client was never let in again")
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: server.predict(BODY)[0], range(4)))
        assert found == [200] * 4
