"""A mix of requests on a server: TensorFlow Serving's, LibreTranslate's and streams.

    seq2seq serve runs/miniature &
    python -m benchmarks.serving_load.mixed [--url URL] [--clients 64] [--seconds 60]

First one client asks for every line, one after the other: what it gets is what all later answers
are compared with. Then many ask at once, each for one to four lines in one of the three forms,
while another looks at /healthz all the time. Last, a few clients send short requests, alone and
beside texts of 5,000 words, one after the other, as one line and as lines of 20 words. The server
must be on this machine, whose cores it shares with the clients.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import random
import re
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from benchmarks.machine import processor_name
from benchmarks.serving_load.phase import (
    METRICS,
    PAUSE,
    TIMEOUT,
    refuse_other_machines,
    run_clients,
)
from data_prep.miniature.corpus import DEFAULT_SEED, make_corpus
from seq2seq.errors import Seq2SeqError
from seq2seq.serving.client import Client
from seq2seq.serving.client_endpoint import Endpoint

LINES = 300
MOST_LINES = 4  # of a request
WORDS, WORDS_A_LINE = 5000, 20  # of a long text
SHORT_CLIENTS = 2
HEALTH_PAUSE = 0.02  # seconds
JSON = {"Content-Type": "application/json"}
SHOWN_MISTAKES = 3


@dataclass
class Seen:
    """What the clients of the mix saw; several threads append."""

    answers: list[str] = field(default_factory=list)  # the form of each right one
    swapped: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    health: list[float] = field(default_factory=list)  # seconds


def main() -> None:
    """Prints what was seen; exits with 1 after any error or wrong answer."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:8501", help="of a server here")
    parser.add_argument("--model", help="its name, if the URL has none")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the mix")
    parser.add_argument("--short", type=float, default=20.0, help="seconds of each later phase")
    arguments = parser.parse_args()
    try:
        sys.exit(0 if _measure(arguments) else 1)
    except (Seq2SeqError, OSError, http.client.HTTPException) as error:
        sys.exit(f"error: {error}")


def _measure(arguments: argparse.Namespace) -> bool:
    endpoint = Endpoint.parse(arguments.url, arguments.model)
    refuse_other_machines(endpoint)
    lines = list(
        islice(dict.fromkeys(each for each, _ in make_corpus(DEFAULT_SEED)["train"]), LINES)
    )
    client = Client(arguments.url, arguments.model, batch_lines=1, in_flight=1)
    expected = dict(zip(lines, client.translate(lines), strict=True))
    memory = [_memory(endpoint)]
    seen = Seen()
    with _asking_for_health(endpoint, seen):
        _run_mix(endpoint, expected, arguments, seen, memory)
        memory.append(_memory(endpoint))
        print(f"{os.cpu_count()} cores of {processor_name()}, shared by server and clients.")
        counts = {form: seen.answers.count(form) for form in sorted(set(seen.answers))}
        print(
            f"{arguments.seconds:g} s of {arguments.clients} clients: right answers {counts}, "
            f"{len(seen.swapped)} swapped, {len(seen.errors)} errors"
        )
        print(
            "resident memory at start, middle and end: "
            + ", ".join(f"{each / 2**20:,.0f} MiB" for each in memory)
        )
        mistakes = _run_short(endpoint, expected, arguments.short)
    if seen.health:
        print(f"longest /healthz of {len(seen.health):,}: {1000 * max(seen.health):.0f} ms")
    mistakes = [*seen.swapped, *seen.errors, *mistakes]
    for mistake in mistakes[:SHOWN_MISTAKES]:
        print(f"    {mistake}", file=sys.stderr)
    return bool(seen.answers) and not mistakes


def _run_mix(
    endpoint: Endpoint,
    expected: dict[str, str],
    arguments: argparse.Namespace,
    seen: Seen,
    memory: list[float],
) -> None:
    begin = time.monotonic()
    lines = list(expected)
    name = endpoint.path.removeprefix("/v1/models/")

    def ask(number: int) -> None:
        draw = random.Random(number)
        connection = endpoint.connection(TIMEOUT)
        while time.monotonic() < begin + arguments.seconds:
            some = draw.choices(lines, k=draw.randint(1, MOST_LINES))
            form = draw.choice(list(FORMS))
            try:
                found = FORMS[form](connection, name, some)
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                connection.close()
                seen.errors.append(f"{form}: {error!r}")
                continue
            if found == [expected[line] for line in some]:
                seen.answers.append(form)
            else:
                seen.swapped.append(f"{form}: {some} gave {found}")
        connection.close()

    threads = [threading.Thread(target=ask, args=(each,)) for each in range(arguments.clients)]
    for thread in threads:
        thread.start()
    time.sleep(arguments.seconds / 2)
    memory.append(_memory(endpoint))
    for thread in threads:
        thread.join()


def _run_short(endpoint: Endpoint, expected: dict[str, str], seconds: float) -> list[str]:
    """Prints latencies of short requests alone and beside long ones; returns what went wrong."""
    words = " ".join(expected).split()
    words = (words * (WORDS // len(words) + 1))[:WORDS]
    parts = [" ".join(words[each : each + WORDS_A_LINE]) for each in range(0, WORDS, WORDS_A_LINE)]
    name = endpoint.path.removeprefix("/v1/models/")
    mistakes: list[str] = []
    for title, form, text in (
        ("alone", "", []),
        (f"beside a line of {WORDS:,} words", "TensorFlow Serving", [" ".join(words)]),
        (f"beside {len(parts)} lines of {WORDS_A_LINE} words", "LibreTranslate", parts),
    ):
        with _asking_again_and_again(endpoint, name, form, text) as (times, errors):
            phase = run_clients(endpoint, expected, SHORT_CLIENTS, seconds, 1)
        long = ""
        if text:
            taken = ", ".join(f"{each:.1f}" for each in times)
            long = f"; the long ones took {taken} s" if times else "; no long one was answered"
        print(f"short requests {title}: {_shown(phase.latencies)}{long}")
        mistakes += [*errors, *phase.errors, *phase.wrong, *phase.refused]
        if not phase.latencies:
            mistakes.append(f"short requests {title}: no right answer")
    return mistakes


def _shown(latencies: list[float]) -> str:
    """Quantiles of seconds, and of how many."""
    if len(latencies) < 2:
        cuts = latencies * 19
    else:
        cuts = statistics.quantiles(latencies, n=20, method="inclusive")
    p50, p95 = (f"{1000 * cuts[each]:.0f}" if cuts else "-" for each in (9, 18))
    return f"p50 {p50} ms, p95 {p95} ms of {len(latencies):,}"


@contextmanager
def _asking_again_and_again(
    endpoint: Endpoint, name: str, form: str, text: list[str]
) -> Iterator[tuple[list[float], list[str]]]:
    """Sends a text again and again meanwhile, if there is one.

    Args:
        endpoint: the model.
        name: the model's.
        form: of `FORMS`.
        text: lines.

    Yields:
        The seconds that each answer took, and what went wrong.
    """
    times: list[float] = []
    errors: list[str] = []
    ended = threading.Event()

    def ask() -> None:
        connection = endpoint.connection(TIMEOUT)
        while not ended.is_set():
            started = time.monotonic()
            try:
                FORMS[form](connection, name, text)
                times.append(time.monotonic() - started)
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                connection.close()
                errors.append(f"a long text, {form}: {error!r}")
                ended.wait(PAUSE)
        connection.close()

    thread = threading.Thread(target=ask)
    if text:
        thread.start()
    try:
        yield times, errors
    finally:
        ended.set()
        if text:
            thread.join()


@contextmanager
def _asking_for_health(endpoint: Endpoint, seen: Seen) -> Iterator[None]:
    """Asks for /healthz meanwhile, and notes how long each answer took.

    In a process of its own: here it would wait for the other clients' turns of the interpreter.
    """
    ended = multiprocessing.Event()
    reader, writer = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.Process(target=_ask_for_health, args=(endpoint, ended, writer))
    child.start()
    writer.close()  # or the end of a child that was killed would not be seen
    try:
        yield
    finally:
        ended.set()
        try:
            seconds, error = reader.recv()
        except EOFError:
            seconds, error = [], "the process that asks ended without a word"
        seen.health.extend(seconds)
        if error:
            seen.errors.append(f"/healthz: {error}")
        child.join()


def _ask_for_health(endpoint: Endpoint, ended: Any, writer: Any) -> None:
    """Sends the seconds of each answer, and the error that ended them, if any."""
    connection = endpoint.connection(TIMEOUT)
    seconds, error = [], ""
    try:
        while not ended.wait(HEALTH_PAUSE):
            started = time.monotonic()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            seconds.append(time.monotonic() - started)
    except (OSError, http.client.HTTPException) as found:
        error = repr(found)
    connection.close()
    writer.send((seconds, error))


def _post(connection: http.client.HTTPConnection, path: str, body: dict[str, object]) -> bytes:
    connection.request("POST", path, json.dumps(body), JSON)
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise ValueError(f"{response.status}: {content[:200]!r}")
    return content


def _predict(connection: http.client.HTTPConnection, name: str, lines: list[str]) -> list[str]:
    path = f"/v1/models/{name}:predict"
    found: list[str] = json.loads(_post(connection, path, {"instances": lines}))["predictions"]
    return found


def _translate(connection: http.client.HTTPConnection, name: str, lines: list[str]) -> list[str]:
    fields = {"q": "\n".join(lines), "source": "en", "target": "de"}
    found: str = json.loads(_post(connection, "/translate", dict(fields)))["translatedText"]
    return found.split("\n")


def _stream(connection: http.client.HTTPConnection, name: str, lines: list[str]) -> list[str]:
    path = f"/v2/models/{name}/generate_stream"
    events = _post(connection, path, {"text_input": "\n".join(lines)}).split(b"\n\n")[:-1]
    parts = [json.loads(each.removeprefix(b"data: "))["text_output"] for each in events]
    return "".join(parts).split("\n")


FORMS: dict[str, Callable[[http.client.HTTPConnection, str, list[str]], list[str]]] = {
    "TensorFlow Serving": _predict,
    "LibreTranslate": _translate,
    "stream": _stream,
}


def _memory(endpoint: Endpoint) -> float:
    """Resident bytes of the server's process."""
    connection = endpoint.connection(TIMEOUT)
    connection.request("GET", METRICS)
    page = connection.getresponse().read().decode()
    connection.close()
    found = re.search(r"^process_resident_memory_bytes (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0.0


if __name__ == "__main__":
    main()
