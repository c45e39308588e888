"""Which processes train together: HOST:PORT of each, from the command line or from TF_CONFIG."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seq2seq.config.mistakes import printable
from seq2seq.errors import ConfigError

ADDRESS = re.compile(r"[^\s,]+:[0-9]{1,5}")
HIGHEST_PORT = 65535
VARIABLE = "TF_CONFIG"
JOBS = ("chief", "worker")  # that take part in a training, in their order


@dataclass(frozen=True)
class Workers:
    """The processes of a training.

    Attributes:
        addresses: HOST:PORT of each, as all others reach it; the first is the chief.
        index: this process's place among them.
        wait: seconds until a worker that has not come is missing.
    """

    addresses: tuple[str, ...]
    index: int
    wait: float

    def __post_init__(self) -> None:
        """Rejects addresses that are none or given twice, no time, an index without an address."""
        for address in self.addresses:
            port = int(address.rpartition(":")[2]) if ADDRESS.fullmatch(address) else 0
            if not 0 < port <= HIGHEST_PORT:
                raise ConfigError(f"workers: expected HOST:PORT (got {printable(address)})")
            if self.addresses.count(address) > 1:
                raise ConfigError(f"workers: {address} is given twice; each worker has its own")
        if not 0 < self.wait < math.inf:
            raise ConfigError(f"wait: expected seconds above 0 (got {self.wait})")
        if not 0 <= self.index < len(self.addresses):
            raise ConfigError(
                f"worker: expected a number from 0 to {len(self.addresses) - 1}, "
                f"one for each of the workers (got {self.index})"
            )

    def named(self, index: int) -> str:
        """A worker, as messages name it."""
        return f"worker {index} ({self.addresses[index]})"


def workers_of(
    addresses: str | None, index: int | None, wait: float, environment: Mapping[str, str]
) -> Workers | None:
    """The workers of a training; None where this process trains alone.

    Args:
        addresses: HOST:PORT of each, separated by commas; goes before the environment.
        index: of this process.
        wait: see `Workers`.
        environment: of this process; TF_CONFIG as TensorFlow has it.

    Raises:
        ConfigError: half of it is missing, or it is not what it should be.
    """
    if (addresses is None) != (index is None):
        raise ConfigError("--workers and --worker are given together or not at all")
    if addresses is not None and index is not None:
        every = tuple(addresses.split(","))
    else:
        every, index = _of_tf_config(environment.get(VARIABLE, ""))
    found = Workers(every, index, wait) if every else None
    return found if found and len(found.addresses) > 1 else None


def _of_tf_config(text: str) -> tuple[tuple[str, ...], int]:
    """Addresses and index; no addresses where there is no cluster."""
    if not text.strip():
        return (), 0
    try:
        settings = json.loads(text)
        jobs, task = settings.get("cluster") or {}, settings.get("task") or {}
        every = {job: [str(each) for each in jobs[job]] for job in JOBS if jobs.get(job)}
        return _placed(every, str(task.get("type", "worker")), int(task.get("index", 0)))
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{VARIABLE}: expected JSON with `cluster` and `task` as TensorFlow has them "
            f"({' '.join(str(error).split())}; got {printable(text)})"
        ) from None


def _placed(jobs: dict[str, list[Any]], job: str, index: int) -> tuple[tuple[str, ...], int]:
    addresses = tuple(address for each in jobs.values() for address in each)
    if addresses and job not in jobs:
        raise ConfigError(
            f"{VARIABLE}: this process is {printable(job)} {index}, and only {' and '.join(JOBS)} "
            "train; start `seq2seq train` there alone"
        )
    before = len(jobs["chief"]) if job == "worker" and "chief" in jobs else 0
    return addresses, before + index
