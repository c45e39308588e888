"""The server's counters, in Prometheus's text format."""

import platform
import time
from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The counters of one server, in a registry of their own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        if platform.system() == "Linux":
            ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._requests = Counter(
            "seq2seq_requests",
            "Requests answered; code is the HTTP status or the name of the gRPC status.",
            ("api", "signature", "code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "seq2seq_request_seconds",
            "From the arrival of a request's head to its answer, of a stream to its end.",
            ("api", "signature"),
            buckets=SECONDS,
            registry=registry,
        )
        self.batch_rows = Histogram(
            "seq2seq_batch_rows", "Rows a run of the model.", buckets=ROWS, registry=registry
        )
        self.queued_rows = Gauge(
            "seq2seq_queued_rows", "Rows that wait for the model.", registry=registry
        )
        self._shown: dict[str, list[tuple[str, str, str]]] = {}  # labels of `_versions`, by model
        self._versions = Gauge(
            "seq2seq_model_version",
            "1 for each version the server knows, with its state.",
            ("model", "version", "state"),
            registry=registry,
        )
        self.failed_loads = Counter(
            "seq2seq_failed_loads", "Versions that could not be loaded.", registry=registry
        )

    def answered(self, api: str, signature: str, code: str, started: float) -> None:
        """Counts one answer.

        Args:
            api: "rest" or "grpc".
            signature: of the model; "" where none was found, so that clients' inventions do not
                become label values.
            code: of the answer.
            started: when the request came, by `time.monotonic()`.
        """
        self._requests.labels(api, signature, code).inc()
        self._seconds.labels(api, signature).observe(time.monotonic() - started)

    def refused(self, status: int) -> None:
        """Counts a request by HTTP that was refused at its head."""
        self.answered("rest", "", str(status), time.monotonic())

    def show_versions(self, model: str, versions: Iterable[tuple[int, str]]) -> None:
        """Replaces the versions of a model and their states."""
        for labels in self._shown.pop(model, ()):
            self._versions.remove(*labels)
        self._shown[model] = [(model, str(version), state) for version, state in versions]
        for labels in self._shown[model]:
            self._versions.labels(*labels).set(1)

    def text(self) -> bytes:
        """The page that Prometheus reads."""
        return generate_latest(self._registry)
