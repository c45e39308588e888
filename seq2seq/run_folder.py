"""The run folder: settings, vocabulary and weights, in files whose hashes the manifest holds.

The manifest is the commit point: at every save weights get names of their content, then the
manifest points to them, then the old ones go. A kill at any moment leaves a folder that opens.
"""

import csv
import hashlib
import json
import math
import os
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, TypeVar

from seq2seq.config.loading import check_settings, dump_run_config, parse_yaml
from seq2seq.config.sections import RunConfig
from seq2seq.data.shortlist import Shortlist
from seq2seq.data.source_words import SourceWords
from seq2seq.data.subwords import SpecialIds, Subwords
from seq2seq.errors import DISTRIBUTION, RunError
from seq2seq.files import (
    file_sha256,
    flush,
    new_folder,
    remove_leftovers,
    rename_durably,
    write_atomically,
)
from seq2seq.manifest import (
    CONFIG,
    FORMAT,
    MANIFEST,
    RESTORE,
    SUBWORDS,
    checked_manifest,
)

SHORTLIST, SOURCE_WORDS = "shortlist.npz", "source_words.tsv"
SCORES, HISTORY = "scores.json", "history.csv"
OURS = re.compile(r"(best|last|state)-\d+.*|\.tmp-.*")  # in weights/; others' files stay
ALWAYS_RECORDED = ("step", "best", "validation_perplexity")  # columns of the history
METRICS = ("bleu", "chrf", "ter")
WEIGHTS, TENSORBOARD = "weights", "tensorboard"
PACKAGES = (DISTRIBUTION, "tensorflow", "tensorflow-text", "keras", "sentencepiece", "sacrebleu")
T = TypeVar("T")


class RunFolder:
    """An open run folder; `create` makes one, `open` checks one."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest

    @classmethod
    def exists(cls, path: Path) -> bool:
        """Whether there is a run at `path`.

        Raises:
            RunError: there is something else.
        """
        if (path / MANIFEST).is_file():
            return True
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError(f"{path} is not a run folder and not empty; choose another --run")
        return False

    @classmethod
    def create(
        cls,
        path: Path,
        config: RunConfig,
        subwords: Subwords,
        hashes: Mapping[str, str] = MappingProxyType({}),
        fill: Callable[["RunFolder"], None] = lambda _: None,
    ) -> "RunFolder":
        """A new run, which takes its name when it is whole.

        Args:
            path: of the folder; a link stays a link.
            config: its settings, with the files whose hashes are kept.
            subwords: its vocabulary.
            hashes: SHA-256 of files of `DataConfig.fixed_files` that were read anyway.
            fill: adds what else belongs in, such as first weights.

        Raises:
            RunError: another process makes it too.
        """
        try:
            with new_folder(Path(os.path.realpath(path))) as making:
                manifest = cls._fill(making, config, subwords, hashes)
                fill(cls(making, manifest))
        except BlockingIOError:
            raise RunError(
                f"{path} is being made or trained by another process; wait or stop it"
            ) from None
        return cls(path, manifest)

    @classmethod
    def _fill(
        cls, making: Path, config: RunConfig, subwords: Subwords, hashes: Mapping[str, str]
    ) -> dict[str, Any]:
        """Writes the files of a new run into a folder; returns the manifest."""
        (making / WEIGHTS).mkdir()
        versions = {"python": platform.python_version()}
        versions |= {package: version(package) for package in PACKAGES}
        manifest = {
            "format": FORMAT,
            "versions": versions,
            "special_ids": asdict(SpecialIds()),
            "vocabulary_size": subwords.size,
            "trained_on": _trained_on(config, hashes),
            "weights": {},
            "files": {},
        }
        folder = cls(making, manifest)
        folder._write(CONFIG, dump_run_config(config).encode())
        folder._write(SUBWORDS, subwords.model)
        return manifest

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The run at `path`, after every file was compared with its hash; also in training.

        Raises:
            RunError: no run, a newer format, or a file that is missing or was altered.
        """
        return cls(path, checked_manifest(path))

    def config(self) -> RunConfig:
        """The settings of the run.

        Raises:
            ConfigError: they are none that this version knows.
        """
        path = self.path / CONFIG
        text = path.read_bytes().decode("utf-8", errors="replace")
        return check_settings(parse_yaml(text, str(path)), str(path))

    def subwords(self) -> Subwords:
        """The run's vocabulary.

        Raises:
            RunError: it is none, or not the one that the manifest describes.
        """
        path = self.path / SUBWORDS
        try:
            subwords = Subwords.load(path)
        except RuntimeError as error:  # of SentencePiece
            raise RunError(f"{path} is no SentencePiece model; {RESTORE}") from error
        if subwords.size != self.manifest["vocabulary_size"]:
            raise RunError(
                f"{path} has {subwords.size} subwords, and {MANIFEST} says "
                f"{self.manifest['vocabulary_size']}; {RESTORE}"
            )
        return subwords

    def shortlist(self) -> Shortlist | None:
        """The run's vocabulary shortlist, if it has one."""
        return self._learnt(SHORTLIST, Shortlist.from_bytes)

    def source_words(self) -> SourceWords | None:
        """The words of the run's training text, if it has them."""
        return self._learnt(SOURCE_WORDS, SourceWords.from_bytes)

    def _learnt(self, name: str, read: Callable[[bytes], T]) -> T | None:
        if name not in self.manifest["files"]:
            return None
        try:
            return read((self.path / name).read_bytes())
        except ValueError as error:
            raise RunError(f"{self.path / name}: {error}; {RESTORE}") from error

    def save_shortlist(self, shortlist: Shortlist) -> None:
        """Adds the vocabulary shortlist."""
        self._write(SHORTLIST, shortlist.to_bytes())

    def save_source_words(self, words: SourceWords) -> None:
        """Adds the words of the training text."""
        self._write(SOURCE_WORDS, words.to_bytes())

    def weights(self, role: str) -> Path | None:
        """The file of "best", "last" or "state", if one was saved."""
        name = self.manifest["weights"].get(role)
        return self.path / name if name else None

    def save_weights(self, step: int, writers: dict[str, Callable[[BinaryIO], None]]) -> None:
        """Writes files for some roles, commits them together, then removes those they replace.

        Args:
            step: optimizer steps so far.
            writers: by role, what writes the contents of its file: an .npz for "state", and HDF5
                for the others.

        Raises:
            RunError: the disk does not take them; what was saved before is still in force.
        """
        saved = dict(self.manifest["files"]), dict(self.manifest["weights"])
        self.manifest["format"] = FORMAT
        try:
            for role, write in writers.items():
                name, digest = self._write_weights(step, role, write)
                self.manifest["files"].pop(self.manifest["weights"].get(role), None)
                self.manifest["weights"][role] = name
                self.manifest["files"][name] = digest
            self._commit()
        except OSError as error:
            self.manifest["files"], self.manifest["weights"] = saved
            raise RunError(
                f"{self.path / WEIGHTS} does not take the weights of step {step}: "
                f"{error.strerror or error}; make room, and the same command goes on from the "
                "last save"
            ) from error
        self._remove_superseded()

    def _write_weights(
        self, step: int, role: str, write: Callable[[BinaryIO], None]
    ) -> tuple[str, str]:
        """Writes one file; returns its name, which is of its content, and its hash."""
        suffix = ".npz" if role == "state" else ".weights.h5"
        temporary = self.path / WEIGHTS / f".tmp-{role}{suffix}"
        try:
            with open(temporary, "wb") as stream:
                write(stream)
            flush(temporary)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        digest = file_sha256(temporary)
        name = f"{WEIGHTS}/{role}-{step:07d}-{digest[:8]}{suffix}"
        rename_durably(temporary, self.path / name)
        return name, digest

    def _remove_superseded(self) -> None:
        """Removes files of weights that the manifest does not name."""
        kept = set(self.manifest["weights"].values())
        for path in (self.path / WEIGHTS).iterdir():
            if OURS.fullmatch(path.name) and f"{WEIGHTS}/{path.name}" not in kept:
                path.unlink()

    def remove_leftovers(self) -> None:
        """Removes files that killed processes left; for the only trainer of the run."""
        for name in (*self.manifest["files"], MANIFEST, SCORES, HISTORY):
            remove_leftovers(self.path / name)
        self._remove_superseded()

    def check_trained_on(
        self, config: RunConfig, hashes: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Checks that the training and validation text is the one that the run was started on.

        Args:
            config: names the files.
            hashes: see `create`.

        Raises:
            RunError: a file was changed since.
        """
        found = _trained_on(config, hashes)
        for name, digest in self.manifest["trained_on"].items():
            if found[name] != digest:
                raise RunError(
                    f"{config.data.fixed_files[name]} changed since {self.path} was started on it; "
                    "restore it, or train into another folder with --run"
                )

    def replace_config(self, config: RunConfig) -> None:
        """Replaces the settings of a run that is resumed with others."""
        old, text = self.manifest["files"][CONFIG], dump_run_config(config).encode()
        self.manifest["files"][CONFIG] = f"{old} {hashlib.sha256(text).hexdigest()}"
        self._commit()  # both are right until the new file is there
        self._write(CONFIG, text)

    def write_record(self, name: str, text: str) -> None:
        """Writes history or scores, which no translation needs, so without a hash."""
        with write_atomically(self.path / name) as stream:
            stream.write(text.encode())

    def history(self) -> list[dict[str, str]]:
        """Rows of history.csv, by column, all of them numbers; none before the first validation.

        Raises:
            RunError: the file is damaged.
        """
        path = self.path / HISTORY
        if not path.is_file():
            return []
        try:
            with open(path, newline="", encoding="utf-8") as stream:
                rows = list(csv.DictReader(stream))
            for row in rows:
                numbers = [row[name] for name in ALWAYS_RECORDED] + list(filter(None, row.values()))
                if not all(math.isfinite(float(number)) for number in numbers):
                    raise ValueError(row)
        except (ValueError, TypeError, KeyError, csv.Error):
            raise RunError(f"{path} is damaged; {RESTORE}, or delete it") from None
        return rows

    def scores(self) -> dict[str, Any]:
        """Contents of scores.json, empty before the first evaluation.

        Raises:
            RunError: the file is damaged.
        """
        path = self.path / SCORES
        if not path.is_file():
            return {}
        try:
            scores = json.loads(path.read_bytes())
            if all(name == "of" or _are_scores(each) for name, each in scores.items()):
                return scores
        except (ValueError, AttributeError, RecursionError):
            pass
        raise RunError(f"{path} is damaged; delete it, `seq2seq train` writes it anew")

    def _write(self, name: str, content: bytes) -> None:
        with write_atomically(self.path / name) as stream:
            stream.write(content)
        self.manifest["files"][name] = hashlib.sha256(content).hexdigest()
        self._commit()

    def _commit(self) -> None:
        with write_atomically(self.path / MANIFEST) as stream:
            stream.write(json.dumps(self.manifest, indent=2).encode() + b"\n")


def _are_scores(scores: Any) -> bool:
    return isinstance(scores, dict) and all(
        type(scores.get(name)) in (int, float) and isinstance(scores.get(f"{name}_signature"), str)
        for name in METRICS
    )


def _trained_on(config: RunConfig, hashes: Mapping[str, str]) -> dict[str, str]:
    return {
        name: hashes.get(name) or file_sha256(path)
        for name, path in config.data.fixed_files.items()
    }
