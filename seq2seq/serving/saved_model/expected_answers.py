"""Answers recorded at export, from the translator in memory: what the exported model has to give.

The file stands in the version directory, so that a copy of it can be verified wherever it is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seq2seq.serving.saved_model.tensors import tensor_from_json, tensor_to_json

EXPECTED_FILE = "assets.extra/expected.json"
FLOAT_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Answer:
    """Inputs of a signature, and its outputs or some of them; the first dimension is the batch."""

    signature: str
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Expected:
    """All that is known of the model.

    Strings and integers are to be equal; floats may differ by `float_tolerance`. `parameter_bytes`
    is the size of all parameters as stored, None if it is not to be compared.
    """

    answers: tuple[Answer, ...]
    float_tolerance: float = FLOAT_TOLERANCE
    parameter_bytes: int | None = None


def encode_expected(expected: Expected) -> bytes:
    """Contents of the file.

    Raises:
        ValueError: a type that no signature returns, or a float that is infinite or not a number.
    """
    written = {
        "float_tolerance": expected.float_tolerance,
        "parameter_bytes": expected.parameter_bytes,
        "answers": [
            {
                "signature": answer.signature,
                "inputs": {name: tensor_to_json(each) for name, each in answer.inputs.items()},
                "outputs": {name: tensor_to_json(each) for name, each in answer.outputs.items()},
            }
            for answer in expected.answers
        ],
    }
    return json.dumps(written, ensure_ascii=False, allow_nan=False).encode()


def decode_expected(data: bytes) -> Expected:
    """What `encode_expected` was given.

    Raises:
        ValueError: not in its form.
    """
    try:
        written = json.loads(data)
        parameter_bytes = written["parameter_bytes"]
        return Expected(
            tuple(_decode_answer(each) for each in written["answers"]),
            float(written["float_tolerance"]),
            None if parameter_bytes is None else int(parameter_bytes),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a field is missing or of another kind: {error}") from None


def _decode_answer(written: Any) -> Answer:
    return Answer(
        str(written["signature"]),
        {name: tensor_from_json(each) for name, each in written["inputs"].items()},
        {name: tensor_from_json(each) for name, each in written["outputs"].items()},
    )
