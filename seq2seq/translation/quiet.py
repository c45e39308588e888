"""Loads TensorFlow without the start-up notes that nothing can turn off in time."""

import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec

from seq2seq.errors import DISTRIBUTION, ConfigError, Seq2SeqError, install_extra

BACKEND = "KERAS_BACKEND"  # the environment variable that Keras reads
TRAINED_ON = ("tensorflow", "jax")
# Some set it for programs of Keras 2, and Ray Train for all that it starts. TensorFlow then takes
# the package tf_keras for Keras, and nothing if that is not there.
LEGACY_KERAS = "TF_USE_LEGACY_KERAS"


def load_tensorflow(
    start: bool = True,
    threads: int | None = None,
    backends: Sequence[str] | None = ("tensorflow",),
) -> None:
    """Imports TensorFlow and tensorflow-text; if that fails, what they wrote is shown after all.

    Args:
        start: whether to start its runtime too, which has to wait where workers are to be joined.
        threads: of one operation; as many as the process has processors if None.
        backends: those that Keras may run on for what comes; any if None.

    Raises:
        Seq2SeqError: it is not installed, or Keras's backend is not, or is another.
    """
    if find_spec("tensorflow") is None:
        raise Seq2SeqError(
            f"this needs TensorFlow, which is not installed; pip install {DISTRIBUTION} brings it"
        )
    if backends:
        _check_backend(backends)
    if find_spec("tf_keras") is None:
        os.environ.pop(LEGACY_KERAS, None)
    if threads:
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            import tensorflow
            import tensorflow_text  # noqa: F401

            if start:
                tensorflow.constant(0)  # the last notes come with the first operation
        except BaseException:
            notes.seek(0)
            os.write(terminal, notes.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def load_for_training(start: bool = True) -> None:
    """`load_tensorflow`, where Keras may run on another backend that trains."""
    load_tensorflow(start, backends=TRAINED_ON)


def _check_backend(backends: Sequence[str]) -> None:
    backend = os.environ.get(BACKEND, "tensorflow")
    if backend not in backends:
        raise ConfigError(
            f"{BACKEND}={backend}: this runs on {' or '.join(backends)}; leave {BACKEND} out"
        )
    if find_spec(backend) is None:
        raise ConfigError(
            f"{BACKEND}={backend} needs {backend}, which is not installed; "
            f"{install_extra(backend)} brings it"
        )
