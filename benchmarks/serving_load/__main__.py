"""Load on a model server: throughput, latencies, errors and wrong answers, as a Markdown table.

    seq2seq serve runs/miniature &
    python -m benchmarks.serving_load [--url http://127.0.0.1:8501] [--clients 64] [--seconds 60]

First one client asks for every line, one after the other: its answers are what all later ones are
compared with. Then one client, and then many, ask for lines drawn at random, each as soon as it
has its last answer. The server must be on this machine, whose cores it shares with the clients:
this is no tool against others'.
"""

import argparse
import os
import sys
import time
from itertools import islice
from pathlib import Path

from benchmarks.machine import processor_name
from benchmarks.serving_load.phase import HEAD, refuse_other_machines, run_clients
from data_prep.miniature.corpus import DEFAULT_SEED, make_corpus
from seq2seq.data.lines import read_lines
from seq2seq.errors import Seq2SeqError
from seq2seq.serving.client import Client
from seq2seq.serving.client_endpoint import Endpoint

SHOWN_MISTAKES = 3


def main() -> None:
    """Prints the table; exits with 1 after any error or wrong answer."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:8501", help="of a server here")
    parser.add_argument("--model", help="its name, if the URL has none")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the phase with many")
    parser.add_argument("--alone", type=float, default=20.0, help="seconds of the phase with one")
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
    refuse_other_machines(endpoint)
    lines = _lines(arguments.input, arguments.lines)
    client = Client(arguments.url, arguments.model, batch_lines=1, in_flight=1)
    started = time.monotonic()
    expected = dict(zip(lines, client.translate(lines), strict=True))
    print(f"{len(lines)} lines in turn: {time.monotonic() - started:.1f} s", file=sys.stderr)
    size = arguments.lines_a_request
    one = run_clients(endpoint, expected, 1, arguments.alone, size)
    many = run_clients(endpoint, expected, arguments.clients, arguments.seconds, size)
    print(
        f"{os.cpu_count()} cores of {processor_name()}, shared by server and clients. "
        f"{arguments.alone:g} s with one client, {arguments.seconds:g} s with "
        f"{arguments.clients}; {size} of {len(lines)} lines a request.\n"
    )
    for row in (HEAD, ["---"] * len(HEAD), one.row(size, one), many.row(size, one)):
        print(f"| {' | '.join(row)} |")
    mistakes = [*one.errors, *one.wrong, *many.errors, *many.wrong]
    for mistake in mistakes[:SHOWN_MISTAKES]:
        print(f"    {mistake}", file=sys.stderr)
    return bool(one.latencies and many.latencies) and not mistakes


def _lines(path: Path | None, most: int) -> list[str]:
    """Different lines, none of them blank."""
    if path:
        found = (line for line in read_lines(path) if line.strip())
    else:
        found = (source for source, _ in make_corpus(DEFAULT_SEED)["train"])
    return list(islice(dict.fromkeys(found), most))


if __name__ == "__main__":
    main()
