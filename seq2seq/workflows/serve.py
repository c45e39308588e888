"""Serve runs and exported models over HTTP, and gRPC if asked for, until a signal stops it."""

import asyncio
import gc
import importlib.util
import ipaddress
import logging
import os
import signal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seq.config.serving import ServerConfig
from seq2seq.config.tokens import read_tokens
from seq2seq.errors import ServerError, install_extra
from seq2seq.exported_folder import is_portable
from seq2seq.manifest import MANIFEST, read_manifest
from seq2seq.run_folder import RunFolder
from seq2seq.serving.server.version_folders import VersionFolders
from seq2seq.workflows.onnx_engine import keep_model

if TYPE_CHECKING:
    from seq2seq.serving.server.servable import Loader, ServedModel
    from seq2seq.serving.server.served_models import ModelSource
    from seq2seq.serving.server.server import Addresses

logger = logging.getLogger(__name__)

EXTRAS = {  # packages that only the server imports
    "serve": (
        "starlette",
        "uvicorn",
        "prometheus_client",
        "python_multipart",
        "babel",
        "py3langid",
    ),
    "grpc": ("tensorflow_serving", "grpc_health"),
}
SIGNALS = (signal.SIGTERM, signal.SIGINT)
STOPPED = "stopped before the model was exported"


def serve(
    models: Mapping[str, Path],
    config: ServerConfig,
    settings: Mapping[str, Any] | None = None,
    export_to: Path | None = None,
    loader: "Loader | None" = None,
) -> bool:
    """Serves until SIGTERM or SIGINT, and ends what is under way; a second signal ends at once.

    Args:
        models: by the name in a server's paths, run folders and exported models; of the latter a
            base with version folders, or one version's.
        config: see `ServerConfig`.
        settings: decoding settings in place of a run's; an exported model takes none.
        export_to: the directory of a model, which gets the one run as its next version and is
            served in its place; an exported model takes none.
        loader: makes a model of a version's folder, or of a run.

    Returns:
        Whether all has ended; if not, a thread is still inside TensorFlow, and the process should
        be left without the interpreter's own clean-up, which would pull the ground from under it.

    Raises:
        ServerError: see `check_serving`; or a port is taken, or no version can be loaded.
        Seq2SeqError: the run cannot be exported.
    """
    check_serving(models, config)
    if not (config.token_file or _is_loopback(config.host)):
        logger.warning(
            "%s can be reached from other machines, and anyone there may use the server; "
            "--token-file would ask for a token",
            config.host,
        )
    for path in models.values():
        if not is_run(path) and (settings or export_to):
            raise ValueError(
                f"{path} is an exported model, so it takes neither settings ({settings}) nor "
                f"another export ({export_to})"
            )
    if export_to:
        ((name, path),) = models.items()
        try:
            with _signals_interrupt():
                _export(path, settings or {}, export_to)
        except KeyboardInterrupt:
            logger.info(STOPPED)
            return True
        models = {name: export_to}
    from seq2seq.serving.server.served_models import ModelSource  # here, as it needs the extra

    sources = []
    for name, path in models.items():
        run = is_run(path)
        how = loader or _loader(run, settings or {}, config)
        sources.append(ModelSource(name, VersionFolders(path, run), how))
    return _serve_models(sources, config)


def is_run(path: Path) -> bool:
    """Whether a run folder is there, rather than an exported model or nothing."""
    return (path / MANIFEST).is_file() and not is_portable(path)


def needs_tensorflow(models: Mapping[str, Path], config: ServerConfig) -> bool:
    """Whether any of what `serve` is given runs in TensorFlow; gRPC's messages are TensorFlow's."""
    return config.grpc_port is not None or not all(
        is_portable(version)
        for path in models.values()
        for version in VersionFolders(path, is_run(path)).find().values()
    )


def keep_onnx_models(
    runs: Mapping[str, Path],
    settings: Mapping[str, Any],
    weights: str,
    further: Collection[str],
    before_export: Callable[[], None],
) -> dict[str, Path] | None:
    """Each run's own ONNX model, by name, exported if it is not there yet; None if told to stop.

    Args:
        runs: run folders.
        settings: decoding settings in place of the runs'; as for a run in memory, outputs are as
            many as the beam is wide unless they say.
        weights: how they are stored.
        further: models beside those that search freely.
        before_export: called before a run is exported, which loads TensorFlow.

    Raises:
        Seq2SeqError: see `keep_model`.
    """
    kept = {}
    try:
        with _signals_interrupt():
            for name, run in runs.items():
                own = {"n_best": _beam(run, settings), **settings}
                kept[name] = keep_model(run, own, weights, further, before_export)
        return kept
    except KeyboardInterrupt:
        logger.info(STOPPED)
        return None


def check_serving(models: Mapping[str, Path], config: ServerConfig) -> None:
    """Finds, in no time, what would keep `serve` from starting.

    Raises:
        ServerError: a package is missing, naming its extra; there is neither run nor model; a port
            is taken; or the token file is of no use.
    """
    for extra in ("serve",) if config.grpc_port is None else ("serve", "grpc"):
        missing = [name for name in EXTRAS[extra] if importlib.util.find_spec(name) is None]
        if missing:
            raise ServerError(
                f"serving needs packages that are not installed ({', '.join(missing)}); "
                f"install them with: {install_extra(extra)}"
            )
    for path in models.values():
        if not path.is_dir():
            raise ServerError(f"{path} is no folder; give a run folder or an exported model")
        if not is_run(path):
            try:
                VersionFolders(path).check()
            except ServerError as error:
                raise ServerError(f"{error} (and a run folder would have a {MANIFEST})") from None
    if config.token_file:
        read_tokens(config.token_file)
    for port in filter(None, (config.port, config.grpc_port)):
        _check_port(config.host, port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_port(host: str, port: int) -> None:
    from seq2seq.serving.server.server import listen  # here, because it needs the extra

    listen(host, port).close()


def _export(run: Path, settings: Mapping[str, Any], model: Path) -> None:
    from seq2seq.workflows.export import ExportJob, export  # here, because it loads TensorFlow

    logger.info("exporting %s to %s", run, model)
    export(ExportJob(run, model, settings=settings))


def _beam(run: Path, settings: Mapping[str, Any]) -> int:
    """What the run says is compared with its hash by `keep_model`."""
    if given := settings.get("beam_width"):
        return int(given)
    return RunFolder(run, read_manifest(run)).config().decoding.beam_width


def threads_of_a_run(config: ServerConfig) -> int | None:
    """A run's share of the processors; None if there is one run at a time, which has all."""
    runs = config.batching.threads
    return max(1, len(os.sched_getaffinity(0)) // runs) if runs > 1 else None


def load_exported_model(folder: Path, threads: int | None = None) -> "ServedModel":
    """A version of an exported model, in whichever format it is.

    Args:
        folder: of the version.
        threads: of a run by ONNX Runtime; TensorFlow's were told when it was loaded.

    Raises:
        Exception: it cannot be loaded.
    """
    if is_portable(folder):
        from seq2seq.translation.served_export import load_served_export

        return load_served_export(folder, threads)
    from seq2seq.serving.server.saved_model_loader import load_saved_model

    return load_saved_model(folder)


def _loader(run: bool, settings: Mapping[str, Any], config: ServerConfig) -> "Loader":
    if run:
        from seq2seq.inspection.interactive import SentenceInspector
        from seq2seq.translation.served_run import load_served_run

        inspector = SentenceInspector if config.page else None
        load = partial(load_served_run, settings=settings, inspector=inspector)
        return _spared_by_the_collector(load)
    return _spared_by_the_collector(partial(load_exported_model, threads=threads_of_a_run(config)))


def _spared_by_the_collector(loader: "Loader") -> "Loader":
    """The loader of a model that later garbage collections do not look at.

    A graph is a million objects: looking at them takes a second, in which nobody is answered. What
    is left of a version that was replaced is collected when the next is loaded.
    """

    def load(folder: Path) -> "ServedModel":
        model = loader(folder)
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        return model

    return load


def _serve_models(sources: "Sequence[ModelSource]", config: ServerConfig) -> bool:
    from seq2seq.serving.server.server import Server

    async def run() -> bool:
        server = Server(sources, config)
        for each in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(each, server.stop)
        return await server.run(lambda addresses: _announce(sources, addresses))

    return asyncio.run(run())


def _announce(sources: "Sequence[ModelSource]", addresses: "Addresses") -> None:
    names = ", ".join(each.name for each in sources)
    logger.info("serving %s at %s", names, addresses.url)
    if addresses.grpc:
        logger.info("serving %s by gRPC at %s", names, addresses.grpc)


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Either signal raises KeyboardInterrupt, as SIGINT does by itself."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler or signal.SIG_DFL)
