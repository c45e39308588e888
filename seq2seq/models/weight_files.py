"""Files of weights, those of version 0.1 too."""

import io
import re
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

import h5py
import keras

from seq2seq.errors import RunError

# Version 0.1 had a layer of its own for the plain LSTM, which held its weights itself.
FORMER_LSTM = re.compile(r"(.*/)lstm((?:_\d+)?)/vars")
LONGEST_REASON = 200  # characters of what a library says


def load_weights(model: keras.Model, path: Path) -> None:
    """Reads what `model.save_weights` wrote, in this version or in 0.1.

    Args:
        model: built, of the settings that the weights were saved with.
        path: a file ending in .weights.h5; it stays as it is.

    Raises:
        RunError: the file is none of such a model, or holds a weight that is no number.
    """
    try:
        _load(model, path)
    except Exception as error:  # h5py and Keras have a dozen kinds
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        raise RunError(
            f"{path} holds no weights of this run's network ({reason}); "
            "restore it from a copy of the run"
        ) from error
    for weight in model.weights:
        if not bool(keras.ops.all(keras.ops.isfinite(weight))):
            raise RunError(
                f"{path}: {weight.path} holds values that are infinite or no numbers; restore it "
                "from a copy of the run, or train again"
            )


def _load(model: keras.Model, path: Path) -> None:
    groups: list[str] = []
    with h5py.File(path) as stored:
        stored.visit(groups.append)
    former = [match for match in map(FORMER_LSTM.fullmatch, groups) if match]
    if not former:
        model.load_weights(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        renamed = Path(folder) / "renamed.weights.h5"
        shutil.copy(path, renamed)
        with h5py.File(renamed, "r+") as stored:
            for match in former:
                stored.move(match[0], f"{match[1]}recurrence{match[2]}/cell/vars")
        model.load_weights(renamed)


class _WeightsInMemory(io.BytesIO):
    """Memory that Keras takes for a file of weights, which it knows by the end of its name."""

    def __str__(self) -> str:
        return "memory.weights.h5"


def write_weights(model: keras.Model, stream: BinaryIO) -> None:
    """Writes the bytes of the file that `model.save_weights` makes.

    HDF5 never writes to the disk itself: where that is full, it ends the process without an error.

    Raises:
        OSError: the stream does not take them.
    """
    memory = _WeightsInMemory()
    model.save_weights(memory)
    stream.write(memory.getbuffer())
