"""Settings of `seq2seq serve`."""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from seq2seq.config.architecture import NUMBER, STRICT
from seq2seq.config.mistakes import explain
from seq2seq.errors import ConfigError

DEFAULT_NAME = "seq2seq"

Port = Annotated[int, Field(ge=0, le=65535), NUMBER]  # 0: any free one
HostName = Annotated[str, Field(pattern=r"^[^/\s]+$")]
Origin = Annotated[str, Field(pattern=r"^(\*|null|[A-Za-z][A-Za-z0-9+.-]*://[^/\s]+)$")]
Seconds = Annotated[float, Field(ge=0.001, le=86400), NUMBER]
Count = Annotated[int, Field(gt=0, le=10**6), NUMBER]
Amount = Annotated[int, Field(ge=0, le=10**6), NUMBER]
Bytes = Annotated[int, Field(gt=0, lt=2**31), NUMBER]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class BatchingConfig:
    """Sharing of runs of the model among requests, and bounds of those that wait."""

    max_batch: Count = 32  # rows a run of the model
    run_bytes: Bytes = 8192  # of text a run; a longer text runs alone, beside the others
    max_rows: Count = 256  # rows a request; more than a run takes are run in pieces
    # Milliseconds waited for company.
    max_delay: Annotated[float, Field(ge=0, le=10_000), NUMBER] = 2.0
    queue: Count = 512  # rows that wait for the model; more are refused at once
    # Runs at once, beside one of a long text.
    threads: Annotated[int, Field(ge=1, le=256), NUMBER] = 1
    timeout: Seconds = 60.0  # seconds from the arrival of a request's head to its answer


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RequestLimits:
    """Bounds of the memory and time that one client may take."""

    max_body: Bytes = 4 * 2**20
    max_values: Count = 100_000  # of a request, each list and string of its JSON counted
    max_connections: Count = 512
    client_rate: Amount = 0  # requests a minute of one client; 0: any number
    client_under_way: Amount = 0  # requests of one client at once; 0: any number
    read_timeout: Seconds = 20.0  # seconds for the head of a request, and again for its body
    keep_alive: Seconds = 75.0  # seconds a connection may stay idle between requests


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ServerConfig:
    """Address of the server, name of a single model, and bounds."""

    name: Annotated[str, Field(pattern=r"^[^/:\s]+$")] = (
        DEFAULT_NAME  # /v1/models/NAME of a single model
    )
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Port = 8501
    grpc_port: Port | None = None  # none: no gRPC
    allow_host: tuple[HostName, ...] = ()  # further names in the Host header; "*": any
    allow_origin: tuple[Origin, ...] = ()  # web pages that may ask; "*": any
    token_file: Path | None = None  # of tokens, one a line, of which clients need one
    access_log: bool = True  # a line for each request
    log_format: Literal["text", "json"] = "text"
    # Seconds between looks for new versions.
    poll: Annotated[float, Field(ge=0, le=86400), NUMBER] = 1.0
    grace: Seconds = 30.0  # seconds that requests under way are given when the server stops
    page: bool = True  # at `/`, for people
    batching: BatchingConfig = field(default_factory=BatchingConfig)
    limits: RequestLimits = field(default_factory=RequestLimits)


_ADAPTER = TypeAdapter(ServerConfig)


def check_server_settings(settings: dict[str, Any]) -> ServerConfig:
    """A `ServerConfig` from nested dictionaries.

    Raises:
        ConfigError: naming every mistake at once.
    """
    try:
        return _ADAPTER.validate_python(settings)
    except ValidationError as error:
        raise ConfigError(f"server settings: {explain(error, ServerConfig)}") from None
