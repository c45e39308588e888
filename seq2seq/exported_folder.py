"""A directory of `seq2seq export --format onnx`: its manifest, and what its models are for.

Neither TensorFlow nor Keras is imported.
"""

import dataclasses
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, PositiveInt, StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from seq2seq.config.languages import UNKNOWN, Languages, LanguageTags
from seq2seq.config.mistakes import explain
from seq2seq.config.sections import DecodingConfig
from seq2seq.errors import ConfigError, ExportError
from seq2seq.files import file_sha256
from seq2seq.manifest import MANIFEST, SUBWORDS

logger = logging.getLogger(__name__)

FORMAT = 3  # of the manifest; models of 1 give no attention
SAFE_INT8 = 3  # before, int8 weights stood where ONNX Runtime cannot have them multiplied exactly
MODEL = "model.onnx"
# Models that may stand beside it. Two search with one input more: what each output begins with, and
# terms that it contains; the third scores outputs that are there already.
PREFIXES, TERMS, SCORES = FURTHER = ("prefixes", "terms", "scores")
OF_THE_CALLER = ("n_best", "longest_source", "batch_tokens")  # settings that no model holds
# What no model has, and the value that stands for it.
LACKING = {"sampling": False, "mbr": "none", "precision": "float32"}
AGAIN = "export the run again"


def model_file(kind: str) -> str:
    """The name of a model of `FURTHER`."""
    return f"{kind}.onnx"


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")]


@dataclass(config=ConfigDict(strict=True))
class _Manifest:
    """What the manifest of a portable model has to hold."""

    format: PositiveInt
    model: Literal["onnx", "litert"]
    decoding: dict[str, Any]
    files: dict[Name, str]
    weights: str = "float32"
    languages: Languages = UNKNOWN
    tags: LanguageTags | None = None


_MANIFEST, _DECODING = TypeAdapter(_Manifest), TypeAdapter(DecodingConfig)


@dataclasses.dataclass(frozen=True)
class ExportedFolder:
    """A directory whose files are those that were exported.

    Attributes:
        path: of the directory.
        manifest: what it says.
    """

    path: Path
    manifest: _Manifest

    @classmethod
    def open(cls, directory: Path) -> "ExportedFolder":
        """Reads the manifest, and compares all files with it.

        Raises:
            ExportError: an altered or missing file, or another format.
        """
        path = directory / MANIFEST
        try:
            manifest = _MANIFEST.validate_json(path.read_bytes())
        except (OSError, ValueError):
            raise ExportError(f"{path} is damaged; {AGAIN}") from None
        if manifest.format > FORMAT:
            raise ExportError(
                f"{directory} has format {manifest.format}, this version reads up to {FORMAT}; "
                "update seq2seq"
            )
        if manifest.weights == "int8" and manifest.format < SAFE_INT8:
            logger.warning(
                "%s computes wrong products on processors without VNNI; %s to be sure",
                directory,
                AGAIN,
            )
        if manifest.model != "onnx":
            raise ExportError(
                f"{directory} holds a LiteRT model, which is for devices; export the run with "
                "--format onnx to translate by it here"
            )
        for name in {MODEL, SUBWORDS, *manifest.files}:
            if not (directory / name).is_file():
                raise ExportError(f"{directory / name} is missing; {AGAIN}")
            if file_sha256(directory / name) != manifest.files.get(name):
                raise ExportError(
                    f"{directory / name} is not the file that was exported (its SHA-256 differs "
                    f"from {MANIFEST}); {AGAIN}"
                )
        return cls(directory, manifest)

    @property
    def further(self) -> list[str]:
        """The models of `FURTHER` that it has."""
        return [kind for kind in FURTHER if model_file(kind) in self.manifest.files]

    def decoding(self, settings: Mapping[str, Any]) -> DecodingConfig:
        """How the model searches, with the caller's settings where it leaves them to the caller.

        Raises:
            ConfigError: a setting that does not exist or is out of range.
            ExportError: one that the model holds, or the manifest's are not this version's.
        """
        try:
            own = asdict(_DECODING.validate_python(self.manifest.decoding))
        except ValidationError as error:
            reason = explain(error, DecodingConfig)
            raise ExportError(f"{self.path / MANIFEST}: decoding: {reason}; {AGAIN}") from None
        try:
            wanted = _DECODING.validate_python({**own, **settings})
        except ValidationError as error:
            raise ConfigError(f"decoding settings: {explain(error, DecodingConfig)}") from None
        for name, value in asdict(wanted).items():
            held = own[name]
            fits = value <= held if name == "n_best" else name in OF_THE_CALLER or value == held
            if not fits:
                raise ExportError(
                    f"{self.path} was exported with {name} {held} (got {value}); leave the option "
                    "out, or export the run with it"
                )
        return wanted


def is_portable(directory: Path) -> bool:
    """Whether a directory holds an ONNX or LiteRT model, rather than a run or anything else."""
    try:
        return "model" in json.loads((directory / MANIFEST).read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        return False
