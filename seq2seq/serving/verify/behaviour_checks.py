"""Rules a running model must keep: any bytes, any batch, the same answer each time.

It is asked ordinary sentences, and texts that are hard for it.

With request batching in the server, a row that fails fails the rows of other clients beside it, and
an answer that depends on the batch depends on what strangers ask at that moment.
"""

import functools
from collections.abc import Iterator, Sequence

import numpy as np

from seq2seq.errors import ExportError
from seq2seq.serving.saved_model.expected_answers import (
    FLOAT_TOLERANCE,
    LENGTHS,
    Answer,
    first_difference,
)
from seq2seq.serving.saved_model.tensors import (
    Arrays,
    Signature,
    as_array,
    dtype_name,
    row_count,
    take_rows,
)
from seq2seq.serving.saved_model.warmup import WarmupRequest
from seq2seq.serving.verify.c_api import CApiModel

HOSTILE_TEXTS = (
    b"",
    b" \t\r\n ",
    b"\xff\xfe broken \xc3",
    b"a lone surrogate: " + b"\xed\xa0\x80",
    b"NUL \0 within, and at the end\0",
    "two lines in one\u2028e\u0301\u0302 \U0001f469\u200d\U0001f467 \u202eright to left".encode(),
    b"unbroken" * 50,
    b"many words " * 150,
)
BATCH_SIZES = (0, 1, 3)
REPEATED_ROWS = 4  # the ordinary ones, which are quick
MOST_ORDINARY = 4
FEWEST_ROWS = 3


class Behaviour:
    """One signature of a running model, and its answers to the probes; each is computed once.

    Args:
        model: the running model.
        signature: one of the model's.
        known: inputs that the signature is known to take.
    """

    def __init__(self, model: CApiModel, signature: Signature, known: Sequence[Arrays]) -> None:
        self._model = model
        self.signature = signature
        self._known = known
        self.together = functools.cache(lambda: self.ask(self.probes))
        self.alone = functools.cache(lambda row: self.ask(take_rows(self.probes, [row])))

    @functools.cached_property
    def probes(self) -> Arrays:
        """Rows to ask.

        Raises:
            ExportError: none can be made up.
        """
        return probe_batch(self.signature, self._known)

    def ask(self, batch: Arrays) -> Arrays:
        """Outputs for some rows.

        Raises:
            ExportError: the model fails on them.
        """
        return self._model.predict(self.signature.name, batch)

    def rows(self) -> range:
        """The probes by number."""
        return range(row_count(self.probes))

    def show(self, row: int) -> str:
        """A probe for a message."""
        shown = ", ".join(f"{name} {values[row]!r}" for name, values in self.probes.items())
        return shown if len(shown) <= 80 else f"{shown[:80]}…"


def replay(model: CApiModel, requests: Sequence[WarmupRequest]) -> Iterator[str]:
    """Runs what the server runs before it offers the version; there, one failure refuses it."""
    for number, request in enumerate(requests, 1):
        try:
            model.predict(request.signature, request.inputs)
        except (ExportError, ValueError) as error:
            yield f"record {number}, {request.signature}: {error}"
    for name in model.signatures.keys() - {request.signature for request in requests}:
        yield f"no request for {name}; its first call would be slow, give it one"


def check_batch_sizes(behaviour: Behaviour) -> Iterator[str]:
    """Batches of none, one and several rows have as many answers, of the promised types."""
    for size in BATCH_SIZES:
        try:
            outputs = behaviour.ask(take_rows(behaviour.probes, range(size)))
        except ExportError as error:
            yield f"a batch of {size} rows fails: {error}"
            continue
        for problem in _shape_problems(behaviour.signature, outputs, size):
            yield f"a batch of {size} rows: {problem}"


def check_any_text(behaviour: Behaviour) -> Iterator[str]:
    """No row fails, and every answer can be written as JSON."""
    for row in behaviour.rows():
        try:
            outputs = behaviour.alone(row)
        except ExportError as error:
            yield f"fails on {behaviour.show(row)}: {error}"
            continue
        for name, values in outputs.items():
            if problem := _json_problem(values):
                yield f"{name} of {behaviour.show(row)} {problem}"


def check_independence(behaviour: Behaviour) -> Iterator[str]:
    """A row alone and among others has the same answer."""
    together = behaviour.together()
    if any(
        values.ndim == 0 or len(values) != len(behaviour.rows()) for values in together.values()
    ):
        yield "outputs have other numbers of rows than the inputs; keep the batch first"
        return
    for row in behaviour.rows():
        among = take_rows(together, [row])
        difference = first_difference(behaviour.alone(row), among, FLOAT_TOLERANCE)
        if difference:
            yield f"{behaviour.show(row)} depends on the batch: among others, {difference} as alone"


def check_repeatability(behaviour: Behaviour) -> Iterator[str]:
    """The same request has the same answer."""
    first, again = (
        behaviour.ask(take_rows(behaviour.probes, behaviour.rows()[:REPEATED_ROWS]))
        for _ in range(2)
    )
    if difference := first_difference(first, again, tolerance=0):
        yield f"asked again, {difference} as before; leave out dropout and sampling"


def check_answers(model: CApiModel, answers: Sequence[Answer], tolerance: float) -> Iterator[str]:
    """The model answers as the translator in memory did when it was exported.

    Args:
        model: the running model.
        answers: those of the translator in memory.
        tolerance: of floats.
    """
    for number, answer in enumerate(answers, 1):
        where = f"answer {number}, {answer.signature}"
        try:
            outputs = model.predict(answer.signature, answer.inputs)
        except (ExportError, ValueError) as error:
            yield f"{where}: {error}"
            continue
        if difference := first_difference(answer.outputs, outputs, tolerance):
            yield f"{where}: {difference}; export again from the run"
    known = {answer.signature for answer in answers if answer.outputs and row_count(answer.inputs)}
    for name in model.signatures.keys() - known:
        yield f"no answer for {name}; record one at export"


def probe_batch(signature: Signature, known: Sequence[Arrays]) -> Arrays:
    """Rows to ask a signature.

    Where every input is a string a row, they are `HOSTILE_TEXTS` and some of the known texts, each
    input in another order. Otherwise the known rows are taken, and repeated if they are few.

    Args:
        signature: whose inputs to fill.
        known: inputs that the signature is known to take.

    Raises:
        ExportError: nothing is known of a signature that takes more than texts.
    """
    if all(spec.dtype == "string" and spec.shape == (None,) for spec in signature.inputs.values()):
        texts = as_array([*_ordinary(known), *HOSTILE_TEXTS], "string")
        return {name: np.roll(texts, shift) for shift, name in enumerate(signature.inputs)}
    for batch in known:
        if batch.keys() == signature.inputs.keys() and row_count(batch):
            return take_rows(batch, [row % row_count(batch) for row in range(FEWEST_ROWS)])
    raise ExportError("its inputs are more than texts, so it cannot be probed without a request")


def _shape_problems(signature: Signature, outputs: Arrays, rows: int) -> Iterator[str]:
    for name, values in outputs.items():
        promised = signature.outputs[name]
        if dtype_name(values) != promised.dtype:
            yield f"{name} is {dtype_name(values)}, the signature says {promised.dtype}"
        if values.ndim == 0 or len(values) != rows:
            yield f"{name} has shape {values.shape}; its first dimension has to be the batch"
            continue
        for axis, length in enumerate(LENGTHS.get(name, ()), 1):
            if length in outputs and np.any(outputs[length] > values.shape[axis]):
                yield f"{length} is more than the {values.shape[axis]} that {name} has"


def _json_problem(values: np.ndarray) -> str | None:
    if values.dtype.kind == "f" and not np.all(np.isfinite(values)):
        return "is infinite or not a number, which JSON cannot hold; bound it in the graph"
    if values.dtype == object:
        for string in values.flat:
            try:
                string.decode()
            except UnicodeDecodeError:
                return f"is not UTF-8: {string[:40]!r}; replace what is broken in the graph"
    return None


def _ordinary(known: Sequence[Arrays]) -> list[bytes]:
    """Different texts, from all over what is known."""
    texts = {text: None for batch in known for values in batch.values() for text in values.flat}
    step = max(1, len(texts) // MOST_ORDINARY)
    return list(texts)[::step][:MOST_ORDINARY]
