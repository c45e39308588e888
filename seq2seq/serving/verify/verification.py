"""Verification that a stock tensorflow/serving can serve a version directory as it was exported.

Nothing but the directory is needed: its graph is read, then the model is run through TensorFlow's C
library and asked what it was warmed up with, any bytes, and what the translator answered at export.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

from seq2seq.errors import ExportError
from seq2seq.serving.saved_model.expected_answers import EXPECTED_FILE, Expected, decode_expected
from seq2seq.serving.saved_model.tensors import Arrays
from seq2seq.serving.saved_model.version_directory import find_version
from seq2seq.serving.saved_model.warmup import WARMUP_FILE, WarmupRequest, read_warmup
from seq2seq.serving.verify.behaviour_checks import (
    Behaviour,
    check_answers,
    check_any_text,
    check_batch_sizes,
    check_independence,
    check_repeatability,
    replay,
)
from seq2seq.serving.verify.c_api import TIMEOUT, CApiModel
from seq2seq.serving.verify.graph_checks import graph_checks
from seq2seq.serving.verify.report import Check, Report

LOADING, WARMUP, ANSWERS = "loading", "warm-up", "expected answers"
BEHAVIOURS = {
    "batch sizes": (check_batch_sizes, "0, 1 and 3 rows give as many answers"),
    "any text": (check_any_text, "no bytes make it fail, and every answer fits JSON"),
    "batch independence": (check_independence, "a row alone and among others has one answer"),
    "repeatability": (check_repeatability, "the same request has the same answer"),
}
Content = TypeVar("Content")


def verify(directory: Path, timeout: float = TIMEOUT) -> Report:
    """Makes every check there is; takes seconds to minutes.

    Args:
        directory: a version directory, or a model's, whose highest version is then meant.
        timeout: seconds for loading the model, and for each answer.

    Raises:
        ExportError: there is no saved model to verify.
    """
    directory = find_version(directory)
    files = _Files.read(directory)
    in_graph = graph_checks(directory, files.expected.parameter_bytes)
    return Report(directory, (*in_graph, *_run_model(directory, files, timeout)))


@dataclass(frozen=True)
class _Files:
    """The records beside the model, and the reasons where they cannot be read."""

    requests: list[WarmupRequest]
    expected: Expected
    no_requests: list[str]
    no_expected: list[str]

    @classmethod
    def read(cls, directory: Path) -> "_Files":
        none: list[WarmupRequest] = []
        requests, no_requests = _read(directory / WARMUP_FILE, read_warmup, none)
        expected, no_expected = _read(
            directory / EXPECTED_FILE, lambda path: decode_expected(path.read_bytes()), Expected(())
        )
        return cls(requests, expected, no_requests, no_expected)

    def inputs(self, signature: str) -> list[Arrays]:
        """Inputs that a signature is known to take."""
        requests = [each.inputs for each in self.requests if each.signature == signature]
        answers = [each.inputs for each in self.expected.answers if each.signature == signature]
        return requests + answers


def _read(
    path: Path, read: Callable[[Path], Content], otherwise: Content
) -> tuple[Content, list[str]]:
    try:
        return read(path), []
    except OSError:
        return otherwise, [f"{path} is missing; export the model again"]
    except ValueError as error:
        return otherwise, [f"{path} is damaged ({error}); export the model again"]


def _run_model(directory: Path, files: _Files, timeout: float) -> Iterator[Check]:
    """Checks of the running model."""
    try:
        model = CApiModel(directory, timeout)
    except ExportError as error:
        yield Check.make(LOADING, "", [str(error)])
        for name in (WARMUP, ANSWERS, *BEHAVIOURS):
            yield Check(name, False, "not made: the model does not load")
        return
    with model:
        yield Check.make(LOADING, "the server's loader takes it", [])
        for name, detail, messages in _model_checks(model, files):
            ended = [] if model.alive else ["not made: the model's process ended"]
            yield Check.make(name, detail, ended or messages)


def _model_checks(model: CApiModel, files: _Files) -> Iterator[tuple[str, str, Iterable[str]]]:
    """Names, details and lazily found problems."""
    requests, answers = files.requests, files.expected.answers
    detail = f"{len(requests)} requests run, at least one for each signature"
    yield WARMUP, detail, files.no_requests or replay(model, requests)
    detail = f"{len(answers)} batches are answered as by the translator at export"
    found = check_answers(model, answers, files.expected.float_tolerance)
    yield ANSWERS, detail, files.no_expected or found
    behaviours = [
        Behaviour(model, signature, files.inputs(signature.name))
        for signature in model.signatures.values()
    ]
    for name, (check, detail) in BEHAVIOURS.items():
        yield name, detail, chain.from_iterable(map(_named(check), behaviours))


def _named(
    check: Callable[[Behaviour], Iterator[str]],
) -> Callable[[Behaviour], Iterator[str]]:
    """A check whose messages start with the signature, one that fails altogether included."""

    def named(behaviour: Behaviour) -> Iterator[str]:
        try:
            for message in check(behaviour):
                yield f"{behaviour.signature.name}: {message}"
        except ExportError as error:
            yield f"{behaviour.signature.name}: {error}"

    return named
