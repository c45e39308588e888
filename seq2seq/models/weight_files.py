"""Files of weights, those with former names too."""

import io
import re
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

import h5py
import keras

from seq2seq.errors import RunError

# Keras names weights in a file by the classes of their layers. Version 0.1 had a layer of its own
# for the plain LSTM, which held its weights itself; a bridge, a Transformer and convolutions were
# of Keras's own layers before they knew a precision.
FORMER_NAMES = [
    (re.compile(former), name)
    for former, name in {
        r"(.*/)lstm((?:_\d+)?)/vars": r"\1recurrence\2/cell/vars",
        r"(.*/(?:denses|inner|outer|transforms|gates))/dense((?:_\d+)?)": r"\1/projection\2",
        r"(.*/attentions)/multi_head_attention((?:_\d+)?)": r"\1/self_attention\2",
        r"(.*/filters)/conv1d((?:_\d+)?)": r"\1/convolution\2",
    }.items()
]
LONGEST_REASON = 200  # characters of what a library says


def load_weights(model: keras.Model, path: Path) -> None:
    """Reads what `model.save_weights` wrote, in this version or a former one.

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
    found = [
        (group, pattern.fullmatch(group), name)
        for group in groups
        for pattern, name in FORMER_NAMES
    ]
    former = {group: match.expand(name) for group, match, name in found if match}
    if not former:
        model.load_weights(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        renamed = Path(folder) / "renamed.weights.h5"
        shutil.copy(path, renamed)
        with h5py.File(renamed, "r+") as stored:
            for group, name in former.items():
                stored.move(group, name)
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
