"""Serve an exported model over HTTP, and gRPC if asked for, until a signal stops it."""

import asyncio
import importlib.util
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from seq2seq.config.serving import ServerConfig
from seq2seq.errors import ServerError
from seq2seq.serving.version_folders import VersionFolders

if TYPE_CHECKING:
    from seq2seq.serving.models import Loader
    from seq2seq.serving.server import Addresses

logger = logging.getLogger(__name__)

EXTRAS = {  # packages that only the server imports
    "serve": ("starlette", "uvicorn", "prometheus_client"),
    "grpc": ("tensorflow_serving", "grpc_health"),
}
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(directory: Path, config: ServerConfig, loader: "Loader | None" = None) -> bool:
    """Serves until SIGTERM or SIGINT, and ends what is under way; a second signal ends at once.

    Args:
        directory: a base with version folders, or the folder of one version.
        config: see `ServerConfig`.
        loader: makes a model of a version's folder; by default TensorFlow loads a SavedModel.

    Returns:
        Whether all has ended; if not, a thread is still inside TensorFlow, and the process should
        be left without the interpreter's own clean-up, which would pull the ground from under it.

    Raises:
        ServerError: see `check_serving`; or a port is taken, or no version can be loaded.
    """
    check_serving(directory, config)
    from seq2seq.serving.loaded_model import load_saved_model
    from seq2seq.serving.server import Server

    async def run() -> bool:
        server = Server(directory, loader or load_saved_model, config)
        for each in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(each, server.stop)
        return await server.run(lambda addresses: _announce(config, addresses))

    return asyncio.run(run())


def check_serving(directory: Path, config: ServerConfig) -> None:
    """Finds, in no time, what would keep `serve` from starting.

    Raises:
        ServerError: a package is missing, naming its extra, or there is no model in the folder.
    """
    for extra in ("serve",) if config.grpc_port is None else ("serve", "grpc"):
        missing = [name for name in EXTRAS[extra] if importlib.util.find_spec(name) is None]
        if missing:
            raise ServerError(
                f"serving needs packages that are not installed ({', '.join(missing)}); "
                f"install them with: pip install 'seq2seq[{extra}]'"
            )
    VersionFolders(directory).check()


def _announce(config: ServerConfig, addresses: "Addresses") -> None:
    logger.info("serving %s at %s", config.name, addresses.url)
    if addresses.grpc:
        logger.info("serving %s by gRPC at %s", config.name, addresses.grpc)
