"""The manifest of a run folder: its format, and the hashes of its files."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, PositiveInt, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass

from seq2seq.errors import RunError
from seq2seq.files import file_sha256, held
from seq2seq.serving.saved_model.version_directory import MODEL_FILE

CONFIG, SUBWORDS, MANIFEST = "config.yaml", "subwords.model", "manifest.json"
FORMAT = 2  # of the manifest and the weights; 1 was version 0.1's, see `weight_files`
RESTORE = "restore it from a copy of the run"

Name = Annotated[str, StringConstraints(pattern=r"^(weights/)?[A-Za-z0-9_-][A-Za-z0-9._-]*$")]

TextSetting = Annotated[
    str,
    StringConstraints(
        pattern=r"^(shards|(train_|validation_|train\.[0-9]+\.)(source|target)"
        r"|(train_|train\.[0-9]+\.)weights)$"
    ),
]


@dataclass(config=ConfigDict(strict=True))
class _Manifest:
    """What a manifest has to hold; names of files lead nowhere but into the run folder."""

    format: PositiveInt
    versions: dict[str, str]
    vocabulary_size: PositiveInt
    trained_on: dict[TextSetting, str]
    weights: dict[Literal["best", "last", "state"], Name]
    files: dict[Name, str]
    started_from: dict[Literal["run", "weights", "vocabulary"], str] | None = None


_MANIFEST = TypeAdapter(_Manifest)


def checked_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the run at `path`, after every file was compared with its hash.

    Where a training saves meanwhile, and takes old weights away, it is read again.

    Raises:
        RunError: see `read_manifest` and `check_files`.
    """
    while True:
        before = manifest_text(path)
        try:
            manifest = read_manifest(path)
            check_files(path, manifest)
            return manifest
        except (RunError, OSError):
            if manifest_text(path) == before:
                raise


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the run at `path`.

    Raises:
        RunError: no run, a newer format, or a damaged manifest.
    """
    if not (path / MANIFEST).is_file():
        raise RunError(_no_run(path))
    try:
        text = (path / MANIFEST).read_bytes()
        manifest = json.loads(text)
        if "model" in manifest:
            raise RunError(
                f"{path} is an exported model, which `translate` and `serve` take; give a run "
                "folder"
            )
        found = manifest["format"]
        if type(found) is int and found > FORMAT:
            raise RunError(
                f"{path} has run format {found}, this version reads up to {FORMAT}; update seq2seq"
            )
        _MANIFEST.validate_json(text)
        manifest["files"][CONFIG], manifest["files"][SUBWORDS]
        return manifest
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise RunError(f"{path / MANIFEST} is damaged; {RESTORE}") from None


def only_writer(run: Path) -> AbstractContextManager[None]:
    """Holds the run for this process, which alone writes its manifest meanwhile.

    Raises:
        RunError: another process trains it.
    """
    mistake = f"{run} is being trained by another process; wait or stop it"
    return held(run, taken=RunError(mistake))


def _no_run(path: Path) -> str:
    if not path.exists():
        return f"{path} does not exist; give a run folder, which `seq2seq train` makes"
    if path.is_dir() and (any(path.glob(MODEL_FILE)) or any(path.glob(f"*/{MODEL_FILE}"))):
        return f"{path} holds a SavedModel; serve it, and translate with --server (`seq2seq serve`)"
    return f"{path} is not a run folder (it has no {MANIFEST}); `seq2seq train` makes one"


def check_files(path: Path, manifest: dict[str, Any]) -> None:
    """Compares every file of a run with its hash in the manifest.

    Raises:
        RunError: a file that is missing or was altered.
    """
    files = manifest["files"]
    for name in {*files, *manifest["weights"].values()}:
        if not (path / name).is_file():
            raise RunError(f"{path / name} is missing; {RESTORE}")
        if file_sha256(path / name) not in files.get(name, "").split():
            raise RunError(
                f"{path / name} is not the file this run wrote (its SHA-256 differs from "
                f"{MANIFEST}); {RESTORE}"
            )


def manifest_text(path: Path) -> str:
    """The manifest as it is now, "" if there is none; tells whether a run was saved in between."""
    try:
        return (path / MANIFEST).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
