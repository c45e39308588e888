"""What is calculated of several workers, on numbers that can be done by hand."""

import subprocess
import sys

import pytest

from benchmarks.training_speed import workers as command
from benchmarks.training_speed.workers import COUNTS, Steps, table

STEPS = Steps(alone=0.1, worker=0.12, tokens=1000, sending=0.05)


@pytest.mark.parametrize(
    ("workers", "accumulate", "rate"),
    [
        (1, 1, 1000 / 0.1),
        (1, 8, 1000 / 0.1),
        (2, 1, 2000 / (0.12 + 0.05)),  # each sends its gradients once
        (4, 8, 32_000 / (0.82 + 1.5 * 0.05)),
    ],
)
def test_a_step_computes_and_then_sends(workers, accumulate, rate):
    assert STEPS.rate(workers, accumulate) == pytest.approx(rate)


def test_the_table_has_a_row_for_each_number_of_workers():
    rows = table(STEPS).splitlines()
    assert len(rows) == len(COUNTS) + 2
    assert rows[2].startswith("| 1 | 10,000 | 10,000 | 0.44 | 4.44 | 44.44 |")


def test_a_process_that_fails_is_named(monkeypatch):
    start = subprocess.Popen

    def popen(words, **options):
        fails = words[-1] == "1"  # the second worker
        script = "raise SystemExit(3)" if fails else "print('noise'); print('{\"tokens\": 7}')"
        return start([sys.executable, "-c", script], **options)

    monkeypatch.setattr(command.subprocess, "Popen", popen)
    assert command._children(8, "alone", "", 1) == [{"tokens": 7}]  # control
    with pytest.raises(SystemExit, match="error: worker ended with 3, and said above why"):
        command._children(8, "worker", "", 2)
