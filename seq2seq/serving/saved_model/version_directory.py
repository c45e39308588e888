"""Version directories, MODEL/1, MODEL/2, ...: what a model server watches and loads.

The server polls MODEL and takes up a number as soon as it is there; other names it leaves alone.
So a version is written under a name of the form .tmp-VERSION-PROCESS and renamed when it is whole.
The writer holds a lock on its directory; one without is what a killed process left, and goes.

Beside the versions stand sample configuration files for tensorflow_model_server. Each carries a
checksum of itself: a file that still has it is brought up to date by the next export, one that was
edited is left alone.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

from seq2seq.errors import ExportError
from seq2seq.files import (
    flush,
    flush_tree,
    make_directories,
    remove_empty,
    rename_durably,
    write_atomically,
)

MODEL_FILE = "saved_model.pb"
VERSION = re.compile(r"[0-9]+")
TEMPORARY = re.compile(r"\.tmp-([0-9]+)-[0-9]+")
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # stands in the server's URLs
HIGHEST = 2**63 - 1  # versions are int64 in the server
SAMPLE_MODELS = """\
# tensorflow_model_server --model_config_file=models.config
# The server takes up new versions by itself. To keep two of them and to name them, give it a
# version policy and labels, and start it with --allow_version_labels_for_unavailable_models=true.
model_config_list {
  config {
    name: "MODEL_NAME"
    base_path: "/models/MODEL_NAME"  # where the server finds the directory of this file
    model_platform: "tensorflow"
    # model_version_policy { specific { versions: 1 versions: 2 } }
    # version_labels { key: "stable" value: 1 }
    # version_labels { key: "canary" value: 2 }
  }
}
"""
SAMPLE_BATCHING = """\
# tensorflow_model_server --enable_batching=true --batching_parameters_file=batching.txt
# Requests that arrive within the timeout run as one batch; a full queue answers UNAVAILABLE.
max_batch_size { value: 32 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 4 }  # set it to the number of cores
"""
SAMPLE_MONITORING = """\
# tensorflow_model_server --rest_api_port=8501 --monitoring_config_file=monitoring.txt
prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }
"""
SAMPLE_CHECKSUM = "# checksum of the lines below, as `seq2seq export` wrote them: "
SAMPLE_FILES = {
    "models.config": SAMPLE_MODELS,
    "batching.txt": SAMPLE_BATCHING,
    "monitoring.txt": SAMPLE_MONITORING,
}
SAMPLE_NAME = "MODEL_NAME"  # stands for the model's in the samples


def versions(model: Path) -> list[int]:
    """Numbers of the versions of a model, ascending."""
    return sorted(int(each.name) for each in _entries(model) if VERSION.fullmatch(each.name))


def next_version(model: Path) -> int:
    """One above the highest version there is or is being written; 1 for a new model."""
    written = [TEMPORARY.fullmatch(each.name) for each in _entries(model)]
    return 1 + max([0, *versions(model), *(int(match[1]) for match in written if match)])


def find_version(directory: Path) -> Path:
    """The version directory itself, or the highest version of a model's directory.

    Raises:
        ExportError: neither.
    """
    if (directory / MODEL_FILE).is_file():
        return directory
    if found := [each for each in _entries(directory) if VERSION.fullmatch(each.name)]:
        return max(found, key=lambda each: int(each.name))
    raise ExportError(
        f"{directory} has no {MODEL_FILE} and no numbered version; "
        "give a directory that `seq2seq export` wrote"
    )


@contextmanager
def new_version(model: Path, version: int | None = None) -> Iterator[Path]:
    """A directory to fill, which becomes MODEL/VERSION if the block ends well and else vanishes.

    Args:
        model: directory of the model, whose name is the model's; made if it is not there.
        version: the number; by default the next one.

    Raises:
        ExportError: the version exists, or `model` is something other than a model's directory.
    """
    if version is not None and not 1 <= version <= HIGHEST:
        raise ExportError(f"version {version}: give a number from 1 to {HIGHEST}")
    check_model_directory(model)
    try:
        made = make_directories(model)
    except OSError as error:
        raise ExportError(f"{model} cannot be made: {error.strerror}") from None
    with ExitStack() as cleanup:
        cleanup.callback(remove_empty, made)
        with _locked(model):  # nobody takes a directory for a leftover before it is locked
            _remove_leftovers(model)
            number = next_version(model) if version is None else version
            final, temporary = model / str(number), model / f".tmp-{number}-{os.getpid()}"
            _refuse_existing(final)
            temporary.mkdir()
            cleanup.callback(shutil.rmtree, temporary, ignore_errors=True)
            cleanup.enter_context(_locked(temporary))
        yield temporary
        flush_tree(temporary)
        _refuse_existing(final)
        rename_durably(temporary, final)
        for directory in made:
            flush(directory.parent)


def check_model_directory(model: Path) -> None:
    """Checks that a directory holds versions of a model, is empty, or is not there.

    Raises:
        ExportError: it is something else, or its name cannot stand in a URL.
    """
    name = model.absolute().name
    if not MODEL_NAME.fullmatch(name) or VERSION.fullmatch(name):
        raise ExportError(
            f"{model}: a model cannot be named {name!r}; "
            "use letters, digits, '.', '_' and '-', and not digits alone"
        )
    if model.exists() and not model.is_dir():
        raise ExportError(f"{model} is a file; give a directory for the model's versions")
    if (model / MODEL_FILE).exists():
        raise ExportError(f"{model} is a saved model itself; give another directory")
    entries = [each for each in _entries(model) if not _is_ours(each)]
    if not entries:
        return
    numbered = [each for each in entries if VERSION.fullmatch(each.name)]
    foreign = [each for each in numbered if not (each / MODEL_FILE).is_file()]
    if foreign or not numbered:
        raise ExportError(
            f"{model} holds {(foreign or entries)[0].name}, which is no version of a model; "
            "give a new or empty directory"
        )


def write_samples(model: Path) -> list[Path]:
    """Writes the samples into a model's directory; returns the edited ones, which it left alone."""
    edited = []
    for file, sample in SAMPLE_FILES.items():
        path, text = model / file, sample.replace(SAMPLE_NAME, model.absolute().name)
        if path.exists() and not _is_unedited(path):
            edited.append(path)
            continue
        with write_atomically(path) as stream:
            stream.write(_signed(text).encode())
    return edited


def _entries(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []


def _is_ours(entry: Path) -> bool:
    return bool(TEMPORARY.fullmatch(entry.name)) or entry.name in SAMPLE_FILES


def _refuse_existing(final: Path) -> None:
    if final.exists():
        raise ExportError(
            f"{final} exists; give another --version, or none for the next free number"
        )


@contextmanager
def _locked(directory: Path, wait: bool = True) -> Iterator[bool]:
    """Locks a directory until the block or the process ends; tells whether that was possible.

    It is not if another process holds it and `wait` is off, nor on some network file systems.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            locked = True
        except OSError:
            locked = False
        yield locked
    finally:
        os.close(descriptor)


def _remove_leftovers(model: Path) -> None:
    for directory in filter(lambda each: TEMPORARY.fullmatch(each.name), _entries(model)):
        try:
            with _locked(directory, wait=False) as abandoned:
                if abandoned:
                    shutil.rmtree(directory, ignore_errors=True)
        except FileNotFoundError:
            continue  # it has become a version since it was seen


def _signed(text: str) -> str:
    return f"{SAMPLE_CHECKSUM}{sha256(text.encode()).hexdigest()[:16]}\n{text}"


def _is_unedited(path: Path) -> bool:
    try:
        first, _, text = path.read_bytes().decode().partition("\n")
    except (OSError, UnicodeDecodeError):
        return False
    return first.startswith(SAMPLE_CHECKSUM) and _signed(text).startswith(first + "\n")
