"""Versions of a model on disk: BASE/NUMBER with a model in it, or one such folder by itself."""

import os
from pathlib import Path

from seq2seq.errors import ServerError
from seq2seq.serving.saved_model.version_directory import HIGHEST, MODEL_FILE

MODEL_FILES = (MODEL_FILE, "saved_model.pbtxt", "model.onnx")

Fingerprint = frozenset[tuple[str, int, int]]  # path, bytes, nanoseconds of the last change


class VersionFolders:
    """The folders of one model's versions.

    Args:
        directory: a base whose children are called by their version, or a single version; one that
            is not called by a number is version 1.
        run: whether it is a run folder instead, which is version 1.
    """

    def __init__(self, directory: Path, run: bool = False) -> None:
        self.directory = directory
        self._run = run
        self._single = any((directory / name).is_file() for name in MODEL_FILES)

    def find(self) -> dict[int, Path]:
        """The versions there are now; other children, such as unfinished ones, are passed over.

        Raises:
            OSError: the base cannot be read.
        """
        if self._run:
            return {1: self.directory}
        if self._single:
            return {_number(self.directory.resolve().name) or 1: self.directory}
        found = {}
        for entry in os.scandir(self.directory):
            number = _number(entry.name)
            if number is not None and entry.is_dir():
                found[number] = Path(entry.path)
        return found

    def check(self) -> None:
        """Checks that there is something to serve.

        Raises:
            ServerError: no folder, or no version in it.
        """
        if not self.directory.is_dir():
            raise ServerError(
                f"{self.directory} is no folder; give the folder of an exported model"
            )
        try:
            found = self.find()
        except OSError as error:
            raise ServerError(f"{self.directory} cannot be read: {error}") from error
        if not found:
            raise ServerError(
                f"{self.directory} holds no model: expected saved_model.pb or model.onnx, or "
                "version folders such as 1/; `seq2seq export` writes them"
            )


def fingerprint(folder: Path) -> Fingerprint:
    """Names, sizes and times of all files below; any change worth a new try changes it."""
    found = set()
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except OSError:  # vanished between listing and looking
            continue
        found.add((str(path.relative_to(folder)), status.st_size, status.st_mtime_ns))
    return frozenset(found)


def _number(name: str) -> int | None:
    """The version that a child's name stands for; none for names such as 007 and +1."""
    if name.isascii() and name.isdecimal() and len(name) <= len(str(HIGHEST)):
        number = int(name)
        return number if str(number) == name and number <= HIGHEST else None
    return None
