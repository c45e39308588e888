"""Models behind HTTP, and gRPC if asked for, from start to graceful stop."""

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from seq2seq.config.serving import ServerConfig
from seq2seq.config.tokens import read_tokens
from seq2seq.errors import ServerError
from seq2seq.serving.server.batching import Batcher
from seq2seq.serving.server.connections import bounded_by
from seq2seq.serving.server.generate import GenerateInterface
from seq2seq.serving.server.guards.access_log import AccessLog
from seq2seq.serving.server.guards.body_budget import BODIES, BodyBudget
from seq2seq.serving.server.guards.client_limits import ClientGuard, ClientLimits
from seq2seq.serving.server.guards.tokens import TokenGuard, Tokens
from seq2seq.serving.server.libretranslate.interface import LibreTranslateInterface
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.page.interface import PageInterface
from seq2seq.serving.server.request_heads import RequestHeads
from seq2seq.serving.server.rest import RestInterface
from seq2seq.serving.server.served_models import ModelSource, ServedModels


@dataclass(frozen=True)
class Addresses:
    """The addresses at which the server listens."""

    url: str  # http://HOST:PORT
    grpc: str | None = None  # HOST:PORT


class Server:
    """Serves the versions of models.

    Args:
        sources: of the models; no two have the same name.
        config: see `ServerConfig`.

    Raises:
        ServerError: see `read_tokens`.
    """

    def __init__(self, sources: Sequence[ModelSource], config: ServerConfig) -> None:
        self._config = config
        self._metrics = Metrics()
        self._batcher = Batcher(config.batching, self._metrics)
        self._models = ServedModels(sources, self._metrics)
        limits = config.limits
        self._client_limits = ClientLimits(limits.client_rate, limits.client_under_way)
        self._tokens = Tokens(read_tokens(config.token_file)) if config.token_file else None
        self._stopped = asyncio.Event()
        self._http: _Http | None = None
        self._grpc: Any = None
        self._hurry: asyncio.Future[None] | None = None

    def stop(self) -> None:
        """Ends `run` once what is under way has ended; a second call ends it at once.

        Only from the thread of the event loop.
        """
        if self._stopped.is_set() and self._http:
            self._http.force_exit = True
            if self._grpc and not self._hurry:
                self._hurry = asyncio.ensure_future(self._grpc.stop(0))
        self._stopped.set()

    async def run(self, started: Callable[[Addresses], None]) -> bool:
        """Answers requests until `stop` is called, and then ends what is under way.

        Args:
            started: is called when a version of each model is loaded and requests are answered.

        Returns:
            Whether all has ended: no thread is inside a model any more.

        Raises:
            ServerError: a port is taken, a package is missing, or a model has no version
                that can be loaded.
        """
        try:
            with listen(self._config.host, self._config.port) as listener:
                await self._serve(listener, started)
        finally:
            self._batcher.stop()
            self._models.stop()
        return self._batcher.idle and self._models.idle

    async def _serve(self, listener: socket.socket, started: Callable[[Addresses], None]) -> None:
        limits = self._config.limits
        rest = RestInterface(
            self._models, self._batcher, self._metrics, limits, self._config.batching.timeout
        )
        self._http = _Http(self._http_config(rest, listener))
        self._grpc = await self._start_grpc()
        serving = asyncio.create_task(self._http.serve(sockets=[listener]))
        loading = asyncio.create_task(self._models.load_first())
        polling = asyncio.create_task(self._poll_after(loading))
        try:
            if await self._unless_stopped(loading, serving):
                if self._grpc:
                    await self._grpc.ready()
                started(Addresses(_url(listener), self._grpc.address if self._grpc else None))
                await self._unless_stopped(serving)
        finally:
            polling.cancel()
            loading.cancel()
            self._http.should_exit = True
            if self._grpc:
                await self._grpc.stop(self._config.grace)
            await serving

    async def _unless_stopped(self, *tasks: "asyncio.Task[Any]") -> bool:
        """Waits for the first task; False if `stop` is called before.

        Raises:
            Exception: what a task raised.
        """
        stopped = asyncio.create_task(self._stopped.wait())
        done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task in tasks:
            if task in done:
                task.result()
        return not self._stopped.is_set()

    async def _poll_after(self, loading: "asyncio.Task[None]") -> None:
        await asyncio.wait({loading})
        await self._models.prepare()
        if self._config.poll:
            await self._models.keep_polling(self._config.poll)

    async def _start_grpc(self) -> Any:
        if self._config.grpc_port is None:
            return None
        # Here, because they need an extra of their own.
        from seq2seq.serving.server.grpc_api import GrpcInterface, GrpcServer

        interface = GrpcInterface(
            *(self._models, self._batcher, self._metrics, self._client_limits, self._config),
            self._tokens,
        )
        grpc = GrpcServer(interface, self._config)
        await grpc.start()
        return grpc

    def _http_config(self, rest: RestInterface, listener: socket.socket) -> uvicorn.Config:
        bound = (self._config.host, listener.getsockname()[0])
        libretranslate = LibreTranslateInterface(
            self._models, self._batcher, self._metrics, self._config
        )
        limits = self._config.limits
        generate = GenerateInterface(self._models, self._batcher, self._metrics, limits)
        routes = [*libretranslate.routes(), *generate.routes()]
        if self._config.page:
            routes += PageInterface(self._models, self._batcher, self._metrics, limits).routes()
        application: ASGIApp = BodyBudget(rest.application(routes), BODIES * limits.max_body)
        if self._tokens:
            application = TokenGuard(application, self._tokens, self._metrics)
        application = ClientGuard(application, self._client_limits, self._metrics)
        application = RequestHeads(application, bound, self._config, self._metrics)
        if self._config.access_log:
            application = AccessLog(application, self._models.name_of)
        return uvicorn.Config(
            application,
            http=bounded_by(self._config.limits),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=math.ceil(self._config.limits.keep_alive),
            timeout_graceful_shutdown=math.ceil(self._config.grace),
        )


class _Http(uvicorn.Server):
    """uvicorn without signal handlers: it would end the process by the signal that stopped it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound to a port of a host's first address.

    Raises:
        ServerError: the port is taken, or there is no such host.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ServerError(
            f"cannot listen at {host} port {port}: {error.strerror or error}; "
            "choose another host or port"
        ) from None
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
