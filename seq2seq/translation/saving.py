"""Writes a network that was changed outside of a training into a run folder."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seq2seq.config.loading import differences
from seq2seq.config.sections import RunConfig
from seq2seq.data.shortlist import Shortlist
from seq2seq.data.source_words import SourceWords
from seq2seq.data.subwords import Subwords
from seq2seq.errors import RunError
from seq2seq.manifest import only_writer
from seq2seq.models.translator import Translator
from seq2seq.models.weight_files import write_weights
from seq2seq.run_folder import SCORES, RunFolder


@dataclass(frozen=True)
class Origin:
    """What a run folder holds beside vocabulary and weights."""

    config: RunConfig
    trained_on: Mapping[str, str]  # SHA-256 of the text by setting, see `RunFolder.create`


def save_run(
    path: Path,
    origin: Origin,
    subwords: Subwords,
    network: Translator,
    shortlist: Shortlist | None = None,
    source_words: SourceWords | None = None,
) -> None:
    """Makes the weights the best ones of a run, of a new one if there is none.

    A training of the run goes on from where it was, not from these weights.

    Args:
        path: of the folder.
        origin: settings, and what the vocabulary was learnt from.
        subwords: the vocabulary.
        network: whose weights are written.
        shortlist: of a new run.
        source_words: of the training, likewise.

    Raises:
        RunError: the folder is of another network or vocabulary, is no run, or is being trained.
    """
    if not RunFolder.exists(path):
        folder = RunFolder.create(path, origin.config, subwords, origin.trained_on)
        if shortlist:
            folder.save_shortlist(shortlist)
        if source_words:
            folder.save_source_words(source_words)
    with only_writer(path):  # else a training would write a manifest that names the former weights
        _make_best(_opened(path, origin, subwords), network)


def _opened(path: Path, origin: Origin, subwords: Subwords) -> RunFolder:
    folder = RunFolder.open(path)
    changes = differences(folder.config(), origin.config, ("model",))
    if folder.subwords().model != subwords.model:
        changes.append("another vocabulary")
    if changes:
        raise RunError(
            f"{path} is a run of another network ({'; '.join(changes)}); save into a new folder"
        )
    return folder


def _make_best(folder: RunFolder, network: Translator) -> None:
    history = folder.history()
    step = int(float(history[-1]["step"])) if history else 0
    folder.save_weights(step, {"best": functools.partial(write_weights, network.training)})
    (folder.path / SCORES).unlink(missing_ok=True)  # they were other weights'
