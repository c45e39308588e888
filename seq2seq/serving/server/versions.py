"""The versions of one model: the largest that loads is served, and newer ones are looked for."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from seq2seq.errors import ServerError
from seq2seq.serving.server.errors import LONGEST_MESSAGE, Code, RequestError
from seq2seq.serving.server.metrics import Metrics
from seq2seq.serving.server.servable import Loader, ServedModel
from seq2seq.serving.server.threads import WorkerThreads
from seq2seq.serving.server.version_folders import Fingerprint, VersionFolders, fingerprint

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VersionStatus:
    """The state of one version, in TensorFlow Serving's words."""

    version: int
    state: str  # LOADING, AVAILABLE, or END: unloaded, or never loaded
    code: Code | None = None  # of the error; none: OK
    message: str = ""


@dataclass(frozen=True)
class LoadedVersion:
    """The version that answers."""

    version: int
    model: ServedModel


class ModelVersions:
    """Loads versions beside the one that answers, and puts them in its place when they are ready.

    A request keeps the model it began with, so no request sees the change.

    Args:
        name: of the model, in paths.
        folders: where its versions are.
        loader: makes a model of a version's folder; slow.
        metrics: are told of versions and failures.
        thread: on which versions are looked for and loaded.
    """

    def __init__(
        self,
        name: str,
        folders: VersionFolders,
        loader: Loader,
        metrics: Metrics,
        thread: WorkerThreads,
    ) -> None:
        self.name = name
        self._folders = folders
        self._loader = loader
        self._metrics = metrics
        self._thread = thread
        self._served: LoadedVersion | None = None
        self._statuses: dict[int, VersionStatus] = {}
        self._failed: dict[int, Fingerprint] = {}
        self._complaint = ""

    @property
    def served(self) -> LoadedVersion | None:
        """The version that answers now; none before the first is loaded."""
        return self._served

    def find(self, version: int | None = None, label: str | None = None) -> LoadedVersion:
        """The version that a request asks for.

        Args:
            version: its number; the one that is served if none.
            label: refused, since there are none.

        Raises:
            RequestError: NOT_FOUND, or UNAVAILABLE while the first version is being loaded.
        """
        if label is not None:
            raise RequestError(Code.NOT_FOUND, f"Unrecognized servable version label: {label}")
        if self._served is None:
            raise RequestError(
                Code.UNAVAILABLE, f"{self.name} is still being loaded; try again later"
            )
        if version not in (None, self._served.version):
            raise RequestError(
                Code.NOT_FOUND, f"Servable not found for request: Specific({self.name}, {version})"
            )
        return self._served

    def statuses(self, version: int | None = None) -> list[VersionStatus]:
        """States of one version or of all, the newest first.

        Raises:
            RequestError: NOT_FOUND.
        """
        name, known = self.name, self._statuses
        if version is None:
            if not known:
                raise RequestError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
            return [known[number] for number in sorted(known, reverse=True)]
        if version not in known:
            raise RequestError(Code.NOT_FOUND, f"Could not find version {version} of model {name}")
        return [known[version]]

    async def load_first(self) -> None:
        """Loads the largest version that can be loaded.

        Raises:
            ServerError: none can; the message holds the reason for the largest.
        """
        self._folders.check()
        await self.poll()
        if self._served is None:
            failed = [status for status in self._statuses.values() if status.code]
            reason = max(failed, key=lambda each: each.version) if failed else None
            raise ServerError(
                f"{self._folders.directory}: no version can be loaded"
                + (f"; version {reason.version}: {reason.message}" if reason else "")
            )

    async def look_again(self) -> None:
        """Looks for other versions; what keeps it from looking is said once."""
        try:
            await self.poll()
            self._complaint = ""
        except Exception as error:
            if str(error) != self._complaint:  # said once, not every second
                logger.error("cannot look for new versions of %s: %s", self.name, error)
            self._complaint = str(error)

    async def poll(self) -> None:
        """Looks once, loads what should be served now, and unloads what it replaces.

        Raises:
            OSError: the folder cannot be read; what is served stays.
        """
        found = await self._thread.run(self._folders.find)
        for version in sorted(found, reverse=True):
            if self._served and self._served.version in found and version <= self._served.version:
                break
            if await self._load(version, found[version]):
                break
        served = self._served.version if self._served else None
        for version in [each for each in self._statuses if each not in (*found, served)]:
            del self._statuses[version]
            self._failed.pop(version, None)
        self._show()

    async def _load(self, version: int, folder: Path) -> bool:
        """Whether the version is served now; one that failed waits for a change of its files."""
        state = await self._thread.run(fingerprint, folder)
        if self._failed.get(version) == state:
            return False
        self._note(VersionStatus(version, "LOADING"))
        started = time.monotonic()
        try:
            model = await self._thread.run(self._loader, folder)
        except Exception as error:
            self._refuse(version, state, error)
            return False
        before, self._served = self._served, LoadedVersion(version, model)
        self._failed.pop(version, None)
        if before:
            self._note(VersionStatus(before.version, "END"))
        self._note(VersionStatus(version, "AVAILABLE"))
        logger.info(
            "loaded version %d of %s in %.1f s", version, self.name, time.monotonic() - started
        )
        return True

    def _refuse(self, version: int, state: Fingerprint, error: Exception) -> None:
        message = (" ".join(str(error).split()) or repr(error))[:LONGEST_MESSAGE]
        self._failed[version] = state
        self._metrics.failed_loads.inc()
        self._note(VersionStatus(version, "END", Code.UNKNOWN, message))
        stays = f"; version {self._served.version} stays" if self._served else ""
        logger.error("version %d of %s cannot be loaded: %s%s", version, self.name, message, stays)

    def _note(self, status: VersionStatus) -> None:
        self._statuses[status.version] = status
        self._show()

    def _show(self) -> None:
        self._metrics.show_versions(
            self.name, [(each.version, each.state) for each in self._statuses.values()]
        )
