"""What a training begins with: fresh weights and a vocabulary of its text, or those of another run.

Embeddings and the output layer have a row for each subword. Under another vocabulary the rows of
subwords that stay are kept, and a new one gets the mean of what the other vocabulary makes of it
(Gee et al. 2022, https://aclanthology.org/2022.emnlp-industry.41).
"""

import functools
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seq2seq.config.loading import as_settings, check_settings
from seq2seq.config.sections import RunConfig
from seq2seq.data.subwords import PAD, UNKNOWN, WORD_START, Subwords
from seq2seq.errors import ConfigError, RunError
from seq2seq.manifest import SUBWORDS
from seq2seq.models.translator import Translator, build_translator
from seq2seq.models.weight_files import write_weights
from seq2seq.run_folder import RunFolder
from seq2seq.training.corpus import learn_subwords
from seq2seq.training.train_step import seeded
from seq2seq.translation.loading import LoadedRun, load_run

logger = logging.getLogger(__name__)

NUMBERED_CELL = re.compile(r"_cell_\d+/")  # Keras numbers cells through a whole process


@dataclass(frozen=True)
class Beginning:
    """A run before its first step.

    Attributes:
        config: its settings; what they say about the vocabulary is true of it.
        subwords: its vocabulary.
        other: the run of `training.start_from`, with its best weights.
    """

    config: RunConfig
    subwords: Subwords
    other: LoadedRun | None = None

    def network(self) -> Translator:
        """The network with its first weights."""
        training = self.config.training
        with seeded(training.seed):
            network = build_translator(
                self.config.model,
                self.subwords.size,
                pad_id=PAD,
                word_dropout=training.word_dropout,
                precision=self.config.decoding.precision,
            )
        if self.other:
            _take_over(self.other, network, self.subwords)
        return network

    def write(self, folder: RunFolder) -> None:
        """Puts the other run's part into a new run folder, which then does without that run."""
        if not self.other:
            return
        theirs = self.other.folder.manifest
        folder.manifest["started_from"] = {
            "run": str(self.config.training.start_from),
            "weights": theirs["files"][theirs["weights"]["best"]],
            "vocabulary": theirs["files"][SUBWORDS],
        }
        write = functools.partial(write_weights, self.network().training)
        folder.save_weights(0, {"best": write, "last": write})


def begin(config: RunConfig) -> Beginning:
    """What a training with these settings begins with.

    Raises:
        RunError: `training.start_from` is no trained run.
        ConfigError: its vocabulary does not allow the settings, or the text not the vocabulary.
        DataError: there is no text.
    """
    path = config.training.start_from
    if path is None:
        return Beginning(config, learn_subwords(config))
    try:
        other = load_run(path, lambda _: {})
    except RunError as error:
        raise RunError(f"training.start_from: {error}") from error
    if config.training.start_vocabulary == "learnt":
        return Beginning(config, learn_subwords(config), other)
    logger.info("the vocabulary is that of %s: %d subwords", path, other.subwords.size)
    check_symbols(config, other.subwords)
    return Beginning(with_vocabulary_of(other.config, config), other.subwords, other)


def check_symbols(config: RunConfig, subwords: Subwords) -> None:
    """Looks that the vocabulary of `training.start_from` has the symbols that the settings ask for.

    Raises:
        ConfigError: it lacks one.
    """
    pieces = set(subwords.pieces(range(subwords.size)))
    wanted = {
        "data.language_tags": config.data.tags.symbols if config.data.tags else (),
        "subwords.symbols": config.subwords.symbols,
    }
    for setting, symbols in wanted.items():
        for symbol in symbols:
            if symbol not in pieces and WORD_START + symbol not in pieces:
                raise ConfigError(
                    f"{setting}: the vocabulary of {config.training.start_from} has no "
                    f"{symbol}; learn another with training.start_vocabulary: learnt"
                )


def with_vocabulary_of(other: RunConfig, config: RunConfig) -> RunConfig:
    """`config` with what another run's settings say about its vocabulary; sampling stays.

    Raises:
        ConfigError: the vocabulary allows no sampling.
    """
    settings = as_settings(config)
    sampling = {name: settings["subwords"][name] for name in ("sampling", "sampling_smoothness")}
    settings["subwords"] = as_settings(other)["subwords"] | sampling
    return check_settings(settings, f"settings with the vocabulary of {config.training.start_from}")


def _take_over(other: LoadedRun, network: Translator, subwords: Subwords) -> None:
    """Puts the weights of another run that fit into a fresh network; logs those that do not."""
    path = other.folder.path
    found = _by_name(other.network)
    rows = _origins(other.subwords, subwords)
    for name, weight in _by_name(network).items():
        value = np.array(found.pop(name)) if name in found else None
        if value is not None and name.startswith(_row_names(network)):
            value = np.stack([value[ids].mean(axis=0) for ids in rows])
        if value is not None and value.shape == tuple(weight.shape):
            weight.assign(value)
        else:
            theirs = "has none" if value is None else f"has {_shown(value.shape)}"
            logger.warning("%s (%s) begins anew: %s %s", name, _shown(weight.shape), path, theirs)
    for name in found:
        logger.warning("%s of %s is left out: this network has none", name, path)


def _by_name(network: Translator) -> dict:
    return {NUMBERED_CELL.sub("_cell/", each.path): each for each in network.training.weights}


def _row_names(network: Translator) -> tuple[str, ...]:
    """How names of weights begin that have a row for each subword."""
    layers = network.layers
    named = (layers.source_embedding, layers.target_embedding, layers.output)
    return tuple(f"{layer.name}/" for layer in named)


def _origins(old: Subwords, new: Subwords) -> list[list[int]]:
    """For each id of the new vocabulary, the ids of the old one that it is made of."""
    ids = {piece: number for number, piece in enumerate(old.pieces(range(old.size)))}
    cut = old.inside_text()
    return [
        [ids[piece]] if piece in ids else cut.encode(piece.replace(WORD_START, " ")) or [UNKNOWN]
        for piece in new.pieces(range(new.size))
    ]


def _shown(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
