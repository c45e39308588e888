"""Processes of a pool end with the one that made them, however that ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

PARENT = """
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from seq2seq.training.child_process import begin_child

if __name__ == "__main__":
    begin = begin_child if "begun" in sys.argv else None
    pool = ProcessPoolExecutor(1, get_context("spawn"), begin)
    print(pool.submit(os.getpid).result(), flush=True)
    signal.pause()
"""
SOON = 20.0  # seconds


def lives(process):
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{process}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "control"])
def test_a_child_ends_when_its_parent_was_killed(begun, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    command = [sys.executable, script, *(["begun"] if begun else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
    ends = time.monotonic() + (SOON if begun else 1.0)
    while lives(child) and time.monotonic() < ends:
        time.sleep(0.05)
    found = lives(child)
    if found:
        os.kill(child, signal.SIGKILL)
    assert found != begun
