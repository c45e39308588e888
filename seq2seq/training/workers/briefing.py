"""What the chief tells the other workers before the first step, and what they compare with it."""

import base64
import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from seq2seq.config.loading import as_settings, check_settings
from seq2seq.config.sections import RunConfig
from seq2seq.data.subwords import Subwords
from seq2seq.errors import ConfigError, DataError, RunError
from seq2seq.run_folder import PACKAGES, RunFolder
from seq2seq.training.corpus import SIDES
from seq2seq.training.text import TrainingText, training_text

# Each worker has its own paths, of training text alone; all else is read by the chief.
TEXTS = (
    *(f"{split}_{side}" for split in ("train", "validation", "test") for side in SIDES),
    "train_weights",
)
READ_BY_CHIEF = {"model": ("source_vectors", "target_vectors"), "training": ("start_from",)}


@dataclass(frozen=True)
class Briefing:
    """A run, for those that do not have its folder.

    Attributes:
        given: the settings that the chief was started with.
        settings: those of the run.
        model: its SentencePiece model, in base 64.
        hashes: SHA-256 of the training text, by setting.
        versions: of Python and packages.
    """

    given: dict[str, Any]
    settings: dict[str, Any]
    model: str
    hashes: dict[str, str]
    versions: dict[str, str]

    @classmethod
    def of(cls, given: RunConfig, folder: RunFolder, corpus: TrainingText) -> "Briefing":
        """What the chief has to say."""
        model = base64.b64encode(folder.subwords().model).decode()
        settings = as_settings(folder.config())
        return cls(as_settings(given), settings, model, dict(corpus.hashes), _versions())

    def to_bytes(self) -> bytes:
        """JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Briefing":
        """What `to_bytes` gave."""
        return cls(**json.loads(data))

    def taken_by(self, own: RunConfig) -> tuple[RunConfig, Subwords, TrainingText]:
        """The run's settings with a worker's paths, the vocabulary, and the worker's own text.

        Raises:
            ConfigError: the worker was started with other settings; each is named.
            RunError: it has other versions of Python or of packages.
            DataError: its text is not the chief's.
        """
        self._compare(own)
        settings, mine = as_settings(check_settings(self.settings, "the run")), as_settings(own)
        settings["data"] |= {name: mine["data"][name] for name in (*TEXTS, "train", "shards")}
        config = check_settings(settings, "the run")
        subwords = Subwords(base64.b64decode(self.model))
        corpus = training_text(config, subwords)
        for name, digest in self.hashes.items():
            if corpus.hashes.get(name) != digest:
                path = config.data.fixed_files[name]
                raise DataError(f"{path} is not the data.{name} that the chief has; copy that")
        return config, subwords, corpus

    def _compare(self, own: RunConfig) -> None:
        chiefs = _comparable(check_settings(self.given, "the chief's settings"))
        others = [
            f"{name}: {chiefs.get(name)} -> {value}"
            for name, value in _comparable(own).items()
            if value != chiefs.get(name)
        ]
        if others:
            raise ConfigError(
                f"this worker has other settings than the chief: {'; '.join(others)}; start all "
                "with the same"
            )
        here = _versions()
        apart = [
            f"{name}: {self.versions.get(name)} -> {here[name]}"
            for name in here
            if here[name] != self.versions.get(name)
        ]
        if apart:
            raise RunError(f"this worker has other versions than the chief: {'; '.join(apart)}")


def _comparable(config: RunConfig) -> dict[str, Any]:
    """Settings that all workers have alike, by name: what paths name is compared by its hash."""
    settings = as_settings(config)
    for name in TEXTS:
        del settings["data"][name]
    for section, names in READ_BY_CHIEF.items():
        for name in names:
            del settings[section][name]
    corpora = config.data.corpora
    settings["data"]["train"] = [
        [each.share, config.data.language_of(each), bool(each.weights)] for each in corpora
    ]
    settings["data"]["shards"] = bool(config.data.shards)
    return {
        f"{section}.{name}": value
        for section, values in settings.items()
        for name, value in values.items()
    }


def _versions() -> dict[str, str]:
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python} | {package: version(package) for package in PACKAGES}
