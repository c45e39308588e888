"""A run folder's own ONNX models: exported when first asked for, kept in its folder `onnx`.

A model's name tells by which weights, other files, settings and version it was exported, so that
none is taken for another; those of weights that training has replaced go when the next is exported.
Processes that want the same model wait for the one that exports it.
"""

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seq2seq.config.loading import with_decoding
from seq2seq.errors import ExportError, RunError, installed_version
from seq2seq.exported_folder import FORMAT, LACKING, OF_THE_CALLER
from seq2seq.files import held, hidden_sibling, rename_durably
from seq2seq.manifest import CONFIG, SUBWORDS, check_files, read_manifest
from seq2seq.run_folder import SHORTLIST, SOURCE_WORDS, RunFolder

logger = logging.getLogger(__name__)

FOLDER = "onnx"
COPIED = (SUBWORDS, SOURCE_WORDS, SHORTLIST)  # files of a run that a model has, as they are or not
DIGITS = 16  # of hashes in names
# Names of kept models, and of the hidden folders that they are made in.
KEPT = re.compile(rf"\.?[0-9a-f]{{{DIGITS}}}-[0-9a-f]{{{DIGITS}}}.*")


def kept_model(
    run: Path, settings: Mapping[str, Any], weights: str, further: Collection[str] = ()
) -> Path:
    """The directory of a run's model, whether or not it is there yet.

    Args:
        run: the run folder.
        settings: decoding settings in place of the run's.
        weights: how they are stored.
        further: models beside it, of `FURTHER`.

    Raises:
        ConfigError: a setting that does not exist or is out of range.
        ExportError: a setting that no exported model has.
        RunError: no run, an altered file, or no weights yet.
    """
    for name, value in LACKING.items():
        if settings.get(name, value) != value:
            raise ExportError(
                f"--engine onnx has no {name} {settings[name]}; leave the option out, or translate "
                "with --engine tensorflow"
            )
    manifest = read_manifest(run)
    # The others, which a training may replace meanwhile, are read and compared if it is exported.
    check_files(run, manifest | {"files": {CONFIG: manifest["files"][CONFIG]}, "weights": {}})
    folder, files = RunFolder(run, manifest), manifest["files"]
    best = manifest["weights"].get("best")
    if not best:
        raise RunError(f"{run} has no trained weights yet; run `seq2seq train` again to go on")
    config = with_decoding(folder.config(), settings)
    decoding = asdict(config.decoding) | LACKING
    for name in OF_THE_CALLER:
        if name != "n_best":
            del decoding[name]
    told: dict[str, Any] = {
        **{"decoding": decoding, "weights": weights, "format": FORMAT},
        "version": installed_version()[1],
        "copied": [files.get(name) for name in COPIED],
        "languages": [asdict(config.data.languages), config.data.tags and asdict(config.data.tags)],
    }
    if further:
        told["further"] = sorted(set(further))
    key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return run / FOLDER / f"{files[best][:DIGITS]}-{key[:DIGITS]}"


def keep_model(
    run: Path,
    settings: Mapping[str, Any],
    weights: str,
    further: Collection[str] = (),
    before_export: Callable[[], None] = lambda: None,
) -> Path:
    """The directory of a run's model, which is exported if it is not there yet.

    Args:
        run: see `kept_model`, as are the others and what is raised.
        settings: decoding settings in place of the run's.
        weights: how they are stored.
        further: models beside it, of `FURTHER`.
        before_export: called before the run is exported, which loads TensorFlow.
    """
    directory = kept_model(run, settings, weights, further)
    if directory.exists():
        return directory
    before_export()
    from seq2seq.workflows.export_portable import PortableJob, export_portable

    own = {name: value for name, value in settings.items() if name not in LACKING}
    with _alone_in(directory.parent):
        while not (directory := kept_model(run, settings, weights, further)).exists():
            logger.info("exporting %s for ONNX Runtime, once for these weights and settings", run)
            made = hidden_sibling(directory, ".made")
            shutil.rmtree(made, ignore_errors=True)
            export_portable(PortableJob(run, made, "onnx", own, weights, sorted(set(further))))
            if (
                kept_model(run, settings, weights, further) == directory
            ):  # no training saved meanwhile
                rename_durably(made, directory)
        _remove_superseded(directory)
    return directory


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Waits until no other process exports into a folder of models."""
    with ExitStack() as holding:
        try:
            folder.mkdir(exist_ok=True)
            holding.enter_context(held(folder, wait=True))
        except OSError as error:
            raise ExportError(
                f"{folder} cannot be made ({error.strerror}), where models of --engine onnx are "
                "kept; `seq2seq export --format onnx` makes one elsewhere"
            ) from None
        yield


def _remove_superseded(directory: Path) -> None:
    """Removes models of other weights, and what exports that were killed have left."""
    current, _, _ = directory.name.partition("-")
    for other in directory.parent.iterdir():
        if KEPT.fullmatch(other.name) and not other.name.startswith(current):
            shutil.rmtree(other, ignore_errors=True)
