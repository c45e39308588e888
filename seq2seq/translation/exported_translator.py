"""An exported ONNX model as a translator: text in, text out, without TensorFlow and Keras.

A directory of `seq2seq export --format onnx` has all that this needs; ONNX Runtime computes.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import ConfigDict, PositiveInt, StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from seq2seq.config.languages import UNKNOWN, Languages, LanguageTags
from seq2seq.config.mistakes import explain
from seq2seq.config.sections import DecodingConfig
from seq2seq.data.source_words import SourceWords
from seq2seq.data.subwords import Subwords
from seq2seq.errors import ConfigError, ExportError, install_extra
from seq2seq.files import file_sha256
from seq2seq.manifest import MANIFEST, SUBWORDS
from seq2seq.run_folder import SOURCE_WORDS
from seq2seq.translation.batch_search import BatchSearch
from seq2seq.translation.line_translator import LineTranslator

logger = logging.getLogger(__name__)

FORMAT = 3  # of the manifest; models of 1 give no attention
SAFE_INT8 = 3  # before, int8 weights stood where ONNX Runtime cannot have them multiplied exactly
MODEL, ATTENTION = "model.onnx", "attention"
OF_THE_CALLER = ("n_best", "longest_source", "batch_tokens")  # settings that no model holds
# What no model has, and the value that stands for it.
LACKING = {"sampling": False, "mbr": "none", "precision": "float32"}
AGAIN = "export the run again"


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


class Workers(NamedTuple):
    """How work is shared among processors."""

    batches: int = 1  # at once
    threads: int | None = None  # of each; None: as many as the process has processors


ALL_FOR_ONE = Workers()


class ExportedTranslator:
    """A `TextEngine` on an exported model; made by `load_exported`.

    Args:
        directory: of the model, for messages.
        subwords: the vocabulary.
        decoding: how the model searches; `n_best` may be less than what it gives.
        source_words: the words of the training, if they are known.
        languages: of its source and its target.
        tags: before each source, if training had them.
        workers: how many batches are searched at once, and by how many threads each.
    """

    def __init__(
        self,
        directory: Path,
        subwords: Subwords,
        decoding: DecodingConfig,
        source_words: SourceWords | None,
        languages: Languages = UNKNOWN,
        tags: LanguageTags | None = None,
        workers: Workers = ALL_FOR_ONE,
    ) -> None:
        try:
            from seq2seq.serving.portable.onnx_search import OnnxSearch
        except ModuleNotFoundError as error:
            raise ExportError(
                f"{directory} is translated by ONNX Runtime, which is not installed; install it "
                f"with: {install_extra('onnx')}"
            ) from error
        self.subwords = subwords
        self.decoding = decoding
        self.source_words = source_words
        self.languages = languages
        self._directory = directory
        self._tags = tags
        self._workers = workers
        self._run = OnnxSearch(directory / MODEL, self._workers.threads)

    @property
    def gives_attention(self) -> bool:
        """Whether the model does; those of format 1 do not."""
        return ATTENTION in self._run.outputs

    def line_translator(
        self, keep_attention: bool = False, prefixed: bool = False
    ) -> LineTranslator:
        """See `TextEngine`."""
        if prefixed:
            raise ExportError(
                f"{self._directory} cannot begin a translation as told; leave the prefix out, or "
                "translate by the run folder"
            )
        if keep_attention and not self.gives_attention:
            raise ExportError(
                f"{self._directory} gives no attention, which --format jsonl has; {AGAIN}, or give "
                "--format tsv or text"
            )
        search, longest = self.batch_search(), self.decoding.longest_source
        return LineTranslator(self.subwords, search, longest, tags=self._tags)

    def batch_search(self) -> BatchSearch:
        """The search of encoded sentences."""
        return batch_search(self._run, self.decoding, self._workers.batches)


def batch_search(
    run: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    decoding: DecodingConfig,
    threads: int = 1,
) -> BatchSearch:
    """The search of encoded sentences by a portable model.

    Args:
        run: the model.
        decoding: of its outputs `n_best` are taken.
        threads: batches searched at once.
    """

    def search(source_ids: np.ndarray) -> Mapping[str, np.ndarray]:
        """The fields of `Hypotheses`; those that a model of before does not give are empty."""
        fields = {name: each[:, : decoding.n_best] for name, each in run(source_ids).items()}
        shape = fields["lengths"].shape
        return {
            "token_log_probabilities": np.zeros((*shape, 0), np.float32),
            "weights": fields.get(ATTENTION, np.zeros((*shape, 0, 0), np.float32)),
            **fields,
        }

    return BatchSearch(search, decoding, threads)


def is_portable(directory: Path) -> bool:
    """Whether a directory holds an ONNX or LiteRT model, rather than a run or anything else."""
    try:
        return "model" in json.loads((directory / MANIFEST).read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def load_exported(
    directory: Path, settings: Mapping[str, Any], workers: Workers = ALL_FOR_ONE
) -> ExportedTranslator:
    """Opens a directory of `seq2seq export --format onnx`.

    Args:
        directory: of the model.
        settings: decoding settings in place of the model's, those that it does not hold.
        workers: see `ExportedTranslator`.

    Raises:
        ConfigError: a setting that does not exist or is out of range.
        ExportError: an altered file, another format, a package that is missing, or a setting that
            the model holds.
    """
    manifest = _read(directory)
    try:
        exported = _DECODING.validate_python(manifest.decoding)
    except ValidationError as error:
        reason = explain(error, DecodingConfig)
        raise ExportError(f"{directory / MANIFEST}: decoding: {reason}; {AGAIN}") from None
    decoding = _with_settings(directory, exported, settings)
    words = None
    if SOURCE_WORDS in manifest.files:
        words = SourceWords.from_bytes((directory / SOURCE_WORDS).read_bytes())
    subwords = Subwords.load(directory / SUBWORDS)
    about = (manifest.languages, manifest.tags, workers)
    return ExportedTranslator(directory, subwords, decoding, words, *about)


def _read(directory: Path) -> _Manifest:
    """The manifest of a directory, whose files are as it says."""
    path = directory / MANIFEST
    try:
        manifest = _MANIFEST.validate_json(path.read_bytes())
    except (OSError, ValueError):
        raise ExportError(f"{path} is damaged; {AGAIN}") from None
    if manifest.format > FORMAT:
        raise ExportError(
            f"{directory} has format {manifest.format}, this version reads up to {FORMAT}; update "
            "seq2seq"
        )
    if manifest.weights == "int8" and manifest.format < SAFE_INT8:
        logger.warning(
            "%s computes wrong products on processors without VNNI; %s to be sure", directory, AGAIN
        )
    if manifest.model != "onnx":
        raise ExportError(
            f"{directory} holds a LiteRT model, which is for devices; export the run with --format "
            "onnx to translate by it here"
        )
    for name in {MODEL, SUBWORDS, *manifest.files}:
        if not (directory / name).is_file():
            raise ExportError(f"{directory / name} is missing; {AGAIN}")
        if file_sha256(directory / name) != manifest.files.get(name):
            raise ExportError(
                f"{directory / name} is not the file that was exported (its SHA-256 differs from "
                f"{MANIFEST}); {AGAIN}"
            )
    return manifest


def _with_settings(
    directory: Path, exported: DecodingConfig, settings: Mapping[str, Any]
) -> DecodingConfig:
    """How the model searches, with the caller's settings where it leaves them to the caller."""
    own = asdict(exported)
    try:
        wanted = _DECODING.validate_python({**own, **settings})
    except ValidationError as error:
        raise ConfigError(f"decoding settings: {explain(error, DecodingConfig)}") from None
    for name, value in asdict(wanted).items():
        held = own[name]
        fits = value <= held if name == "n_best" else name in OF_THE_CALLER or value == held
        if not fits:
            raise ExportError(
                f"{directory} was exported with {name} {held} (got {value}); leave the option out, "
                "or export the run with it"
            )
    return wanted
