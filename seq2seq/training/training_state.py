"""Where a training stands: its position, its best result, its history; and who is told about it."""

import csv
import io
import json
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from zipfile import BadZipFile

import numpy as np
from pydantic import TypeAdapter

from seq2seq.config.sections import TrainingConfig
from seq2seq.errors import RunError
from seq2seq.manifest import RESTORE
from seq2seq.run_folder import RunFolder
from seq2seq.training.validation import Validated


@dataclass
class TrainingState:
    """Everything about a training that is not in tensors; saved beside the arrays."""

    epoch: int = 0  # counted from 0
    batch: int = 0  # batches of this epoch already used
    step: int = 0  # optimizer steps in all
    seconds: float = 0.0  # spent, validation included, restarts added up
    workers: int = 1
    batches_a_step: int = 1  # of all workers together
    steps_apart: int = 0  # more than all batches so far would take at the present `batches_a_step`
    total_steps: int = 0  # planned, for schedules and the time left
    schedule_start: int = 0  # step that the schedule begins at
    best: float | None = None  # of training.keep_best_by
    worse: int = 0  # validations since the best
    halvings: int = 0  # of the plateau schedule's rate
    stopped: bool = False  # by patience, at the last validation
    loss_sum: float = 0.0  # since the last validation
    loss_tokens: int = 0
    loss_seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)

    def is_finished(self, training: TrainingConfig) -> bool:
        """Whether the settings ask for no further step."""
        if self.stopped and self.worse >= (training.patience or math.inf):
            return True
        if training.steps is not None:
            return self.step >= training.steps
        return self.epoch >= training.epochs

    def is_done(self, training: TrainingConfig) -> bool:
        """Whether nothing is left to train or to validate."""
        return self.is_finished(training) and self.is_validated()

    def is_validated(self) -> bool:
        """Whether the last step was followed by a validation."""
        return bool(self.history) and self.history[-1]["step"] == self.step

    def history_csv(self) -> str:
        """One row a validation."""
        text = io.StringIO()
        if self.history:
            # Rows of an earlier release have fewer columns.
            names = dict.fromkeys(name for row in self.history for name in row)
            writer = csv.DictWriter(text, list(names), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.history)
        return text.getvalue()


def save_state(stream: BinaryIO, state: TrainingState, arrays: dict[str, np.ndarray]) -> None:
    """Writes progress and arrays as one .npz.

    Args:
        stream: takes the bytes of the file.
        state: where the training stands.
        arrays: by name; "progress" is taken.
    """
    text = np.frombuffer(json.dumps(asdict(state)).encode(), np.uint8)
    np.savez(stream, allow_pickle=False, progress=text, **arrays)  # type: ignore[arg-type]


def load_state(path: Path | BinaryIO) -> tuple[TrainingState, dict[str, np.ndarray]]:
    """Reads what `save_state` wrote, from a file or a stream.

    Raises:
        RunError: the file holds something else.
    """
    with _stored(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
        return _from_json(arrays.pop("progress")), arrays


def saved_state(folder: RunFolder) -> TrainingState:
    """Where a run stands, without its arrays."""
    path = folder.weights("state")
    if not path or not folder.weights("last"):
        return TrainingState()
    with _stored(path) as stored:
        return _from_json(stored["progress"])


def diverged(what: str, state: TrainingState, training: TrainingConfig) -> RunError:
    """That a number of the next step is none, and what to do."""
    return RunError(
        f"{what} became infinite or not a number at step {state.step + 1}; resume "
        f"with a lower training.learning_rate (it is {training.learning_rate})"
    )


LONGEST_REASON = 200  # characters of what a library says
_STATE = TypeAdapter(TrainingState)


@contextmanager
def _stored(path: Path | BinaryIO) -> Iterator[Any]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            yield stored
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        raise RunError(f"{path} holds no state of a training ({reason}); {RESTORE}") from error


def _from_json(text: np.ndarray) -> TrainingState:
    return _STATE.validate_json(text.tobytes())


class Reporter(Protocol):
    """Whoever shows a training to a person."""

    def started(self, message: str) -> None:
        """Before the first step."""

    def stepped(self, state: TrainingState, loss: float, tokens: int, learning_rate: float) -> None:
        """After every step: its mean loss in nats and its target tokens."""

    def validated(self, state: TrainingState, result: Validated, best: bool) -> None:
        """After every validation."""
