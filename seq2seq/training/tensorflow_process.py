"""Work that needs Keras on TensorFlow, for a training that runs on another backend.

Keras has one backend in a process, which is chosen when it is imported; so the work is done in
another process. Search, and with it validation and scores, is written for TensorFlow.
"""

import functools
import io
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from logging.handlers import QueueHandler
from multiprocessing import get_context
from typing import Any, BinaryIO

import keras
import numpy as np

from seq2seq.config.sections import RunConfig
from seq2seq.data.subwords import Subwords
from seq2seq.errors import RunError
from seq2seq.training.child_process import begin_child
from seq2seq.training.validation import Validated, Validator
from seq2seq.translation.quiet import BACKEND, load_tensorflow


def on_tensorflow() -> bool:
    """Whether this process's Keras is."""
    return keras.backend.backend() == "tensorflow"


class TensorFlowProcess:
    """A process that waits for work; it ends with this one."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), load_tensorflow)
        before = os.environ.get(BACKEND)
        os.environ[BACKEND] = "tensorflow"
        try:
            self.submit(_begin)  # starts it
        finally:
            os.environ.pop(BACKEND) if before is None else os.environ.update({BACKEND: before})

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future:
        """Begins some work, after that which is under way."""
        return self._pool.submit(_with_records, work, arguments)

    def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What a function gives there; what it logs is logged here.

        Raises:
            RunError: the process has died.
        """
        return self.result(self.submit(work, *arguments))

    def result(self, future: Future) -> Any:
        """What work that was begun gives; see `run`."""
        try:
            found, records = future.result()
        except BrokenProcessPool:
            tensorflow_process.cache_clear()
            raise RunError(
                "the process that validates and scores on TensorFlow has ended (out of memory?); "
                "the same command goes on from the last save"
            ) from None
        for record in records:
            logging.getLogger(record.name).handle(record)
        return found


@functools.cache
def tensorflow_process() -> TensorFlowProcess:
    """The process that all of this process's work goes to."""
    return TensorFlowProcess()


class RemoteValidator:
    """`Validator` in another process.

    Args:
        config: every setting.
        subwords: the run's vocabulary.
    """

    def __init__(self, config: RunConfig, subwords: Subwords) -> None:
        self._process = tensorflow_process()
        self._made = self._process.submit(_make_validator, config, subwords.model)

    def __call__(self, weights: list[np.ndarray]) -> Validated:
        """See `Validator`."""
        self._process.result(self._made)
        return self._process.run(_validate, weights)

    def save_weights(self, stream: BinaryIO) -> None:
        """See `Validator`."""
        stream.write(self._process.run(_weights))


_validators: list[Validator] = []  # of the other process


def _make_validator(config: RunConfig, model: bytes) -> None:
    _validators.append(Validator(config, Subwords(model)))


def _validate(weights: list[np.ndarray]) -> Validated:
    return _validators[-1](weights)


def _weights() -> bytes:
    stream = io.BytesIO()
    _validators[-1].save_weights(stream)
    return stream.getvalue()


def _begin() -> None:
    begin_child()
    logging.getLogger("seq2seq").setLevel(logging.INFO)


class _Kept(QueueHandler):
    """Keeps records in a list, as they travel."""

    def enqueue(self, record: logging.LogRecord) -> None:
        self.queue.append(record)  # type: ignore[attr-defined]


def _with_records(work: Callable[..., Any], arguments: tuple) -> tuple[Any, list]:
    records: list[logging.LogRecord] = []
    handler = _Kept(records)  # type: ignore[arg-type]
    logger = logging.getLogger("seq2seq")
    logger.addHandler(handler)
    try:
        return work(*arguments), records
    finally:
        logger.removeHandler(handler)
