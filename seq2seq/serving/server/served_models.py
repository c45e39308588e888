"""All models of a server, each with its versions, by their names."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from seq2seq.serving.server.errors import Code, RequestError
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.servable import Loader, ServedModel
from seq2seq.serving.server.threads import WorkerThreads
from seq2seq.serving.server.version_folders import VersionFolders
from seq2seq.serving.server.versions import LoadedVersion, ModelVersions, VersionStatus

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelSource:
    """A model's name in paths, the folders of its versions, and what loads one of them."""

    name: str
    folders: VersionFolders
    loader: Loader


class ServedModels:
    """Loads the models of a server one after another, and finds the one that a request names.

    Args:
        sources: of the models; no two have the same name.
        metrics: are told of versions and failures.
    """

    def __init__(self, sources: Sequence[ModelSource], metrics: Metrics) -> None:
        self._thread = WorkerThreads(1, "loader")
        self._models = {
            each.name: ModelVersions(each.name, each.folders, each.loader, metrics, self._thread)
            for each in sources
        }

    @property
    def served(self) -> list[LoadedVersion]:
        """What answers now, in the order of the sources; not what is still being loaded."""
        return [each.served for each in self._models.values() if each.served]

    @property
    def by_name(self) -> dict[str, LoadedVersion]:
        """What answers now, by the names of the models."""
        return {name: each.served for name, each in self._models.items() if each.served}

    @property
    def ready(self) -> bool:
        """Whether every model answers."""
        return len(self.served) == len(self._models)

    @property
    def idle(self) -> bool:
        """Whether nothing is being loaded."""
        return self._thread.idle

    def stop(self) -> None:
        """Ends the thread once a version it may be loading is loaded."""
        self._thread.stop()

    def find(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> LoadedVersion:
        """The version that a request asks for.

        Args:
            name: of the model.
            version: its number; the one that is served if none.
            label: refused, since there are none.

        Raises:
            RequestError: NOT_FOUND, or UNAVAILABLE while the first version is being loaded.
        """
        if name not in self._models:
            wanted = f"Specific({name}, {version})" if version is not None else f"Latest({name})"
            raise RequestError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")
        return self._models[name].find(version, label)

    def statuses(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """States of one version of a model or of all, the newest first.

        Raises:
            RequestError: NOT_FOUND.
        """
        if name not in self._models:
            raise RequestError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        return self._models[name].statuses(version)

    def name_of(self, model: ServedModel) -> str:
        """The name of a model that answers; "" of one that does not any more."""
        for name, versions in self._models.items():
            if versions.served and versions.served.model is model:
                return name
        return ""

    async def load_first(self) -> None:
        """Loads the largest version of each that can be loaded.

        Raises:
            ServerError: none can of one of them.
        """
        for model in self._models.values():
            await model.load_first()

    async def prepare(self) -> None:
        """Has each model do what was left for later; what fails then fails for requests too."""
        for loaded in self.served:
            try:
                await self._thread.run(loaded.model.prepare)
            except Exception:
                logger.exception("%s cannot be prepared", self.name_of(loaded.model))

    async def keep_polling(self, seconds: float) -> None:
        """Looks for other versions every so often, for ever."""
        while True:
            await asyncio.sleep(seconds)
            for model in self._models.values():
                await model.look_again()
