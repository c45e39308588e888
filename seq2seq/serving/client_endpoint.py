"""Where a model is served: a URL taken apart, and what is said of its answers."""

import http.client
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from seq2seq.errors import ServerError

DEFAULT_MODEL = "seq2seq"  # as `seq2seq serve` calls it

MODEL_PATH = re.compile(
    r"(?P<before>.*?)"  # what a reverse proxy may have put there
    r"/v1/models/(?P<name>[^/:]+)(?P<version>(?:/versions/[0-9]+|/labels/[^/:]+)?)(?::predict)?"
)


@dataclass(frozen=True)
class Endpoint:
    """A model on a server."""

    scheme: str  # http or https
    host: str
    port: int | None
    path: str  # of the model: /v1/models/NAME, perhaps with a version or a label

    @classmethod
    def parse(cls, url: str, model: str | None) -> "Endpoint":
        """Takes http://HOST:PORT, or the same with /v1/models/NAME.

        Args:
            url: of the server, or of a model, version or label on it.
            model: its name; if none, the one in the URL, or "seq2seq".

        Raises:
            ServerError: no such URL, or two names that differ.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in ("http", "https"):
            raise ServerError(f"{url} is no address of a server; give http://HOST:PORT")
        if parts.username or parts.query or parts.fragment:
            raise ServerError(f"{url}: give the address without user, query and fragment")
        match = MODEL_PATH.fullmatch(parts.path.rstrip("/"))
        if not match:
            path = f"{parts.path.rstrip('/')}/v1/models/{quote(model or DEFAULT_MODEL, safe='')}"
            return cls(parts.scheme, host, port, path)
        if model is not None and unquote(match["name"]) != model:
            raise ServerError(f"{url} names the model {match['name']}, not {model}; give one name")
        path = f"{match['before']}/v1/models/{match['name']}{match['version']}"
        return cls(parts.scheme, host, port, path)

    @property
    def url(self) -> str:
        """The model's address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{f':{self.port}' if self.port else ''}{self.path}"

    def connection(self, timeout: float) -> http.client.HTTPConnection:
        """A connection that is opened by its first request; `timeout` in seconds."""
        if self.scheme == "https":
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)
