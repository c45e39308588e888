"""One phase of load on a model server: clients that ask, and what they saw."""

import http.client
import ipaddress
import json
import random
import re
import socket
import statistics
import threading
import time
from dataclasses import dataclass, field

from seq2seq.errors import ServerError
from seq2seq.serving.client_endpoint import Endpoint

WARM_UP = 1.0  # seconds of a phase that are not counted
TIMEOUT = 60.0  # seconds for an answer
PAUSE = 0.1  # seconds until a client that was refused asks again
METRICS = "/monitoring/prometheus/metrics"
HEAD = [
    *("clients", "lines/s", "times one client's", "p50 ms", "p95 ms", "p99 ms", "longest ms"),
    *("answers", "wrong", "errors", "refused", "lines a run of the model"),
]


@dataclass
class Phase:
    """What the clients of one phase saw; several threads append."""

    clients: int
    seconds: float
    latencies: list[float] = field(default_factory=list)  # seconds, of right answers
    refused: list[str] = field(default_factory=list)  # answers of 429 and 503
    errors: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    batch: float | None = None  # mean lines a run of the model, if the server counts them

    def row(self, lines_a_request: int, one: "Phase") -> list[str]:
        """Of the table; `one` is the phase of one client."""
        rate, alone = (len(each.latencies) / each.seconds for each in (self, one))
        done = sorted(self.latencies)
        cuts = statistics.quantiles(done, n=100, method="inclusive") if len(done) > 1 else done * 99
        shown = [f"{1000 * cuts[each - 1]:,.1f}" for each in (50, 95, 99)] if done else ["-"] * 3
        return [
            *(str(self.clients), f"{rate * lines_a_request:,.1f}"),
            *(f"{rate / alone:.2f}" if alone else "-", *shown),
            f"{1000 * done[-1]:,.1f}" if done else "-",
            *(f"{len(each):,}" for each in (done, self.wrong, self.errors, self.refused)),
            "-" if self.batch is None else f"{self.batch:.1f}",
        ]


def run_clients(
    endpoint: Endpoint, expected: dict[str, str], clients: int, seconds: float, size: int
) -> Phase:
    """Lets clients ask for a while, each over one connection.

    Args:
        endpoint: the model.
        expected: the right answer to each line.
        clients: threads that ask.
        seconds: how long, without the first that are not counted.
        size: lines a request.
    """
    phase = Phase(clients, seconds)
    before = _batches(endpoint)
    begin = time.monotonic() + WARM_UP
    lines = list(expected)

    def ask(number: int) -> None:
        draw = random.Random(number)
        connection = endpoint.connection(TIMEOUT)
        while (started := time.monotonic()) < begin + seconds:
            batch = draw.choices(lines, k=size)
            right = _ask_once(connection, endpoint.path, batch, expected, phase)
            if right and begin <= started:
                phase.latencies.append(time.monotonic() - started)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs, rows = (after - old for after, old in zip(_batches(endpoint), before, strict=True))
    phase.batch = rows / runs if runs else None
    return phase


def _ask_once(
    connection: http.client.HTTPConnection,
    path: str,
    batch: list[str],
    expected: dict[str, str],
    phase: Phase,
) -> bool:
    """Asks, and notes anything but the right answer; whether that is what came."""
    body = json.dumps({"instances": batch})
    try:
        connection.request("POST", f"{path}:predict", body)
        response = connection.getresponse()
        content = response.read()
        if response.status in (429, 503):
            phase.refused.append(str(response.status))
            time.sleep(PAUSE)
        elif response.status != 200:
            phase.errors.append(f"{response.status}: {content[:200]!r}")
        else:
            answers = json.loads(content)["predictions"]
            if answers == [expected[line] for line in batch]:
                return True
            phase.wrong.append(f"{batch} gave {answers}")
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        connection.close()
        phase.errors.append(repr(error))
    return False


def _batches(endpoint: Endpoint) -> tuple[float, float]:
    """Runs of the model and their lines so far; 0 of a server that does not count them."""
    connection = endpoint.connection(TIMEOUT)
    try:
        connection.request("GET", METRICS)
        page = connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return 0.0, 0.0
    finally:
        connection.close()
    found = {
        name: re.search(rf"^seq2seq_batch_rows_{name} (\S+)$", page, re.MULTILINE)
        for name in ("count", "sum")
    }
    runs, rows = (float(each[1]) if each else 0.0 for each in found.values())
    return runs, rows


def refuse_other_machines(endpoint: Endpoint) -> None:
    """Checks that a server is on this machine.

    Raises:
        ServerError: it is not.
    """
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port or 80, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ServerError(f"{endpoint.host} is unknown ({error}); is the URL right?") from None
    if not all(ipaddress.ip_address(each[4][0]).is_loopback for each in found):
        raise ServerError(f"{endpoint.host} is not this machine; load only servers of your own")
