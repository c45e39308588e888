"""The address of a model on a server, and what every request to it carries."""

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from seq2seq.config.tokens import TOKEN
from seq2seq.errors import ServerError

DEFAULT_MODEL = "seq2seq"  # as `seq2seq serve` calls it
HOST = re.compile(r"[^\s\x00-\x20\x7f]+")
PATH_CHARACTERS = "/%:@!$&'()*+,;=~"  # that need no quoting there
MODEL_PATH = re.compile(
    r"(?P<before>.*?)"  # what a reverse proxy may have put there
    r"/v1/models/(?P<name>[^/:]+)(?P<version>(?:/versions/[0-9]+|/labels/[^/:]+)?)(?::predict)?"
)


@dataclass(frozen=True)
class Endpoint:
    """The address of a model on a server."""

    scheme: str  # http or https
    host: str
    port: int | None
    path: str  # of the model: /v1/models/NAME, perhaps with a version or a label
    headers: Mapping[str, str] = field(default_factory=dict)  # of every request

    @classmethod
    def parse(cls, url: str, model: str | None, token: str | None = None) -> "Endpoint":
        """The endpoint of http://HOST:PORT, or of the same with /v1/models/NAME.

        Args:
            url: of the server, or of a model, version or label on it.
            model: its name; if none, the one in the URL, or "seq2seq".
            token: if the server wants one.

        Raises:
            ServerError: no such URL, two names that differ, or a token no header can carry.
        """
        if token is not None and not TOKEN.fullmatch(token):
            raise ServerError("a token has neither spaces nor characters that are not ASCII")
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            host.encode("idna")
        except ValueError:  # UnicodeError, of labels too long or empty, is one
            host, port = "", None
        if not HOST.fullmatch(host) or port == 0 or parts.scheme not in ("http", "https"):
            raise ServerError(f"{url} is no address of a server; give http://HOST:PORT")
        if parts.username or parts.query or parts.fragment:
            raise ServerError(f"{url}: give the address without user, query and fragment")
        path = quote(parts.path.rstrip("/"), PATH_CHARACTERS, errors="surrogateescape")
        match = MODEL_PATH.fullmatch(path)
        if not match:
            name = quote(model or DEFAULT_MODEL, safe="", errors="surrogateescape")
            return cls(parts.scheme, host, port, f"{path}/v1/models/{name}", headers)
        if model is not None and unquote(match["name"]) != model:
            raise ServerError(f"{url} names the model {match['name']}, not {model}; give one name")
        path = f"{match['before']}/v1/models/{match['name']}{match['version']}"
        return cls(parts.scheme, host, port, path, headers)

    @property
    def url(self) -> str:
        """The model's address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{'' if self.port is None else f':{self.port}'}{self.path}"

    def connection(self, timeout: float) -> http.client.HTTPConnection:
        """A connection that is opened by its first request; `timeout` in seconds."""
        if self.scheme == "https":
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)
