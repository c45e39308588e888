"""Load on a model server: throughput, latencies, errors and wrong answers.

    python -m benchmarks.serve_load --url http://127.0.0.1:8501 [--clients 64] [--seconds 60]

First one client asks for every line, one after the other: its answers are what all later ones are
compared with. Then one client, and then many, ask for lines drawn at random, each as soon as it
has its last answer. The server must be on this machine: this is no tool against others'.
"""

import argparse
import http.client
import ipaddress
import json
import random
import socket
import statistics
import sys
import threading
import time
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from data_prep.miniature.corpus import DEFAULT_SEED, make_corpus
from seq2seq.data.lines import read_lines
from seq2seq.errors import Seq2SeqError, ServerError
from seq2seq.serving.client import Client
from seq2seq.serving.endpoint import Endpoint

WARM_UP = 1.0  # seconds of a phase that are not counted
SHOWN_MISTAKES = 3


@dataclass
class Outcome:
    """What the clients of one phase saw; several threads append."""

    latencies: list[float] = field(default_factory=list)  # seconds, of right answers
    refused: list[str] = field(default_factory=list)  # answers of 429 and 503
    errors: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def report(self, name: str, lines_a_request: int) -> str:
        """One line."""
        done = sorted(self.latencies)
        if not done:
            return f"{name}: no answers; {len(self.errors)} errors, {len(self.refused)} refused"
        cuts = statistics.quantiles(done, n=100) if len(done) > 1 else done * 99
        p50, p95, p99 = (1000 * cuts[each - 1] for each in (50, 95, 99))
        return (
            f"{name}: {self.throughput(lines_a_request):,.1f} lines/s, "
            f"p50 {p50:,.1f} ms, p95 {p95:,.1f} ms, p99 {p99:,.1f} ms, "
            f"longest {1000 * done[-1]:,.1f} ms; {len(done):,} answers, {len(self.errors)} errors, "
            f"{len(self.wrong)} wrong, {len(self.refused)} refused for overload"
        )

    def throughput(self, lines_a_request: int) -> float:
        """Lines a second."""
        return len(self.latencies) * lines_a_request / self.seconds if self.seconds else 0.0


def main() -> None:
    """Prints a line a phase; exits with 1 after any error or wrong answer."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:8501", help="of a server here")
    parser.add_argument("--model", help="its name, if the URL has none")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the phase with many")
    parser.add_argument("--alone", type=float, default=10.0, help="seconds of the phase with one")
    parser.add_argument("--input", type=Path, help="a text file; by default the miniature corpus")
    parser.add_argument("--lines", type=int, default=500, help="different lines at most")
    parser.add_argument("--lines-a-request", type=int, default=1)
    arguments = parser.parse_args()
    try:
        sys.exit(0 if _measure(arguments) else 1)
    except Seq2SeqError as error:
        sys.exit(f"error: {error}")


def _measure(arguments: argparse.Namespace) -> bool:
    endpoint = Endpoint.parse(arguments.url, arguments.model)
    _refuse_other_machines(endpoint)
    lines = _lines(arguments.input, arguments.lines)
    client = Client(arguments.url, arguments.model, batch_lines=1, in_flight=1)
    started = time.monotonic()
    expected = dict(zip(lines, client.translate(lines), strict=True))
    print(f"{len(lines)} lines in turn: {time.monotonic() - started:.1f} s", flush=True)
    size = arguments.lines_a_request
    alone = run_clients(endpoint, expected, 1, arguments.alone, size)
    print(alone.report("1 client", size), flush=True)
    many = run_clients(endpoint, expected, arguments.clients, arguments.seconds, size)
    print(many.report(f"{arguments.clients} clients", size))
    if alone.latencies:
        ratio = many.throughput(size) / alone.throughput(size)
        print(f"{arguments.clients} clients get {ratio:.2f} times the lines of one")
    mistakes = [*alone.errors, *alone.wrong, *many.errors, *many.wrong]
    for mistake in mistakes[:SHOWN_MISTAKES]:
        print(f"    {mistake}", file=sys.stderr)
    return not mistakes


def run_clients(
    endpoint: Endpoint, expected: dict[str, str], clients: int, seconds: float, size: int
) -> Outcome:
    """Lets clients ask for a while, each over one connection.

    Args:
        endpoint: the model.
        expected: the right answer to each line.
        clients: threads that ask.
        seconds: how long, without the first that are not counted.
        size: lines a request.
    """
    outcome = Outcome(seconds=seconds)
    begin = time.monotonic() + WARM_UP
    lines = list(expected)

    def ask(number: int) -> None:
        draw = random.Random(number)
        connection = endpoint.connection(timeout=60)
        while (started := time.monotonic()) < begin + seconds:
            batch = draw.choices(lines, k=size)
            trouble = _ask_once(connection, endpoint.path, batch, expected, outcome)
            if not trouble and begin <= started:
                outcome.latencies.append(time.monotonic() - started)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome


def _ask_once(
    connection: http.client.HTTPConnection,
    path: str,
    batch: list[str],
    expected: dict[str, str],
    outcome: Outcome,
) -> bool:
    """Asks, and notes anything but the right answer; whether there was such a thing."""
    body = json.dumps({"instances": batch})
    try:
        connection.request("POST", f"{path}:predict", body)
        response = connection.getresponse()
        content = response.read()
        if response.status in (429, 503):
            outcome.refused.append(str(response.status))
        elif response.status != 200:
            outcome.errors.append(f"{response.status}: {content[:200]!r}")
        else:
            answers = json.loads(content)["predictions"]
            if answers == [expected[line] for line in batch]:
                return False
            outcome.wrong.append(f"{batch} gave {answers}")
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        connection.close()
        outcome.errors.append(repr(error))
    return True


def _refuse_other_machines(endpoint: Endpoint) -> None:
    found = socket.getaddrinfo(endpoint.host, endpoint.port or 80, type=socket.SOCK_STREAM)
    if not all(ipaddress.ip_address(each[4][0]).is_loopback for each in found):
        raise ServerError(f"{endpoint.host} is not this machine; load only servers of your own")


def _lines(path: Path | None, most: int) -> list[str]:
    """Different lines, none of them blank."""
    if path:
        found = (line for line in read_lines(path) if line.strip())
    else:
        found = (source for source, _ in make_corpus(DEFAULT_SEED)["train"])
    return list(islice(dict.fromkeys(found), most))


if __name__ == "__main__":
    main()
