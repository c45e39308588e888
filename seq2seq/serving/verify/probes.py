"""What a model is asked when it is verified: ordinary sentences, and any bytes at all."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from seq2seq.errors import ExportError
from seq2seq.serving.saved_model.reader import Signature
from seq2seq.serving.saved_model.tensors import as_array

Batch = Mapping[str, np.ndarray]
NASTY = (
    b"",
    b" \t\r\n ",
    b"\xff\xfe broken \xc3",
    b"a lone surrogate: " + b"\xed\xa0\x80",
    b"NUL \0 within, and at the end\0",
    "two lines in one\u2028e\u0301\u0302 \U0001f469\u200d\U0001f467 \u202eright to left".encode(),
    b"unbroken" * 50,
    b"many words " * 150,
)
MOST_ORDINARY = 4
FEWEST_ROWS = 3


def probe_batch(signature: Signature, known: Sequence[Batch]) -> Batch:
    """Rows to ask a signature.

    Where every input is a string a row, they are `NASTY` texts and some of the known ones, each
    input in another order. Otherwise the known rows are taken, and repeated if they are few.

    Args:
        signature: whose inputs to fill.
        known: inputs that the signature is known to take.

    Raises:
        ExportError: nothing is known of a signature that takes more than texts.
    """
    if all(spec.dtype == "string" and spec.shape == (None,) for spec in signature.inputs.values()):
        texts = as_array([*_ordinary(known), *NASTY], "string")
        return {name: np.roll(texts, shift) for shift, name in enumerate(signature.inputs)}
    for batch in known:
        if batch.keys() == signature.inputs.keys() and batch_size(batch):
            return take(batch, [row % batch_size(batch) for row in range(FEWEST_ROWS)])
    raise ExportError("its inputs are more than texts, so it cannot be probed without a request")


def batch_size(batch: Batch) -> int:
    """Rows of a batch."""
    return min(len(values) for values in batch.values())


def take(batch: Batch, rows: Iterable[int]) -> Batch:
    """Some rows of a batch."""
    indices = np.fromiter(rows, np.int64)
    return {name: values[indices] for name, values in batch.items()}


def _ordinary(known: Sequence[Batch]) -> list[bytes]:
    """Different texts, from all over what is known."""
    texts = {text: None for batch in known for values in batch.values() for text in values.flat}
    step = max(1, len(texts) // MOST_ORDINARY)
    return list(texts)[::step][:MOST_ORDINARY]
