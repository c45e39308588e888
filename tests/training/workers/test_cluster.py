"""Workers that are not there, and a process that sees too much, are said before any step."""

import socket
import time
from types import SimpleNamespace

import pytest
import tensorflow as tf
from free_ports import free_addresses

from seq2seq.config.workers import Workers
from seq2seq.errors import RestartNeeded, RunError
from seq2seq.training.workers.cluster import Cluster, joined


def test_every_worker_that_does_not_come_is_named_in_time():
    addresses, began = free_addresses(3), time.monotonic()
    host, port = addresses[2].split(":")
    with socket.create_server((host, int(port))):  # the third is there
        with pytest.raises(RestartNeeded) as raised, joined(Workers(tuple(addresses), 0, 0.5)):
            pass
    message = f"worker 1 ({addresses[1]}) did not come within 0.5 s; start all workers again"
    assert str(raised.value).startswith(message)
    assert time.monotonic() - began < 10


def test_a_port_that_is_taken_is_named():
    addresses = free_addresses(2)
    with socket.create_server(("", int(addresses[1].split(":")[1]))):
        taken = rf"worker 1 \({addresses[1]}\) cannot listen at its port here \(Address already in"
        with pytest.raises(RunError, match=taken), joined(Workers(tuple(addresses), 1, 0.5)):
            pass


def test_a_worker_takes_one_accelerator(monkeypatch):
    seen = SimpleNamespace(num_replicas_in_sync=8)
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda **_: seen)
    with pytest.raises(RunError, match="sees several accelerators; set CUDA_VISIBLE_DEVICES"):
        Cluster(Workers(("a:1", "b:2"), 0, 1.0))
