"""A run folder's own ONNX models: exported when first asked for, kept in its folder `onnx`.

A model's name tells by which weights, settings and version it was exported, so that none is taken
for another; those of weights that training has replaced go when the next is exported.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seq2seq.config.loading import with_decoding
from seq2seq.errors import ExportError, RunError, installed_version
from seq2seq.run_folder import RunFolder
from seq2seq.translation.exported_translator import FORMAT, LACKING, OF_THE_CALLER

logger = logging.getLogger(__name__)

FOLDER = "onnx"
DIGITS = 16  # of hashes in names


def kept_model(run: Path, settings: Mapping[str, Any], weights: str) -> Path:
    """The directory of a run's model, whether or not it is there yet.

    Args:
        run: the run folder.
        settings: decoding settings in place of the run's.
        weights: how they are stored.

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
    folder = RunFolder.open(run)
    best = folder.weights("best")
    if not best:
        raise RunError(f"{run} has no trained weights yet; run `seq2seq train` again to go on")
    files = folder.manifest["files"]
    config = with_decoding(folder.config(), settings)
    decoding = asdict(config.decoding) | LACKING
    for name in OF_THE_CALLER:
        if name != "n_best":
            del decoding[name]
    told = {
        **{"decoding": decoding, "weights": weights, "format": FORMAT},
        "version": installed_version()[1],
        "languages": [asdict(config.data.languages), config.data.tags and asdict(config.data.tags)],
    }
    key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    of_weights = files[best.relative_to(folder.path).as_posix()]
    return folder.path / FOLDER / f"{of_weights[:DIGITS]}-{key[:DIGITS]}"


def keep_model(
    run: Path,
    settings: Mapping[str, Any],
    weights: str,
    before_export: Callable[[], None] = lambda: None,
) -> Path:
    """The directory of a run's model, which is exported if it is not there yet.

    Args:
        run: see `kept_model`, as are the others and what is raised.
        settings: decoding settings in place of the run's.
        weights: how they are stored.
        before_export: called before the run is exported, which loads TensorFlow.
    """
    directory = kept_model(run, settings, weights)
    if directory.exists():
        return directory
    before_export()
    from seq2seq.workflows.export_portable import PortableJob, export_portable

    logger.info("exporting %s for ONNX Runtime, once for these weights and settings", run)
    own = {name: value for name, value in settings.items() if name not in LACKING}
    export_portable(PortableJob(run, directory, "onnx", own, weights))
    _remove_superseded(directory)
    return directory


def _remove_superseded(directory: Path) -> None:
    """Removes models of other weights."""
    current, _, _ = directory.name.partition("-")
    for other in directory.parent.iterdir():
        if not other.name.startswith((current, ".")):
            shutil.rmtree(other, ignore_errors=True)
