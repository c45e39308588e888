"""A SavedModel as the server runs it: loaded by TensorFlow and warmed by its own requests.

TensorFlow is imported inside, so that the server can be used, and tested, without it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seq2seq.config.languages import Languages
from seq2seq.serving.saved_model.languages import read_languages
from seq2seq.serving.saved_model.tensors import STRING, Arrays, Signature, dtype_name
from seq2seq.serving.server.errors import LONGEST_MESSAGE, Code, RequestError
from seq2seq.serving.server.servable import ServedModel

NO_TRACES = "<stack traces unavailable>\n"


def load_saved_model(folder: Path) -> ServedModel:
    """Loads a version and answers its warm-up requests.

    Args:
        folder: of one version, with saved_model.pb in it.

    Raises:
        Exception: it cannot be loaded, or a warm-up request fails.
    """
    from seq2seq.serving.saved_model.warmup import WARMUP_FILE, read_warmup

    model = _load(folder)
    warmup = folder / WARMUP_FILE
    if warmup.is_file():
        for number, request in enumerate(read_warmup(warmup), 1):
            try:
                model.predict(request.signature, dict(request.inputs))
            except Exception as error:
                raise ValueError(f"warm-up request {number} fails: {error}") from error
    return model


@dataclass(frozen=True)
class GraphModel:
    """Traced functions as a model that is served."""

    functions: Mapping[str, Callable[..., Mapping[str, Any]]]
    signatures: Mapping[str, Signature]  # of the functions
    languages: Languages
    owner: object  # of variables and tokenizers, which live as long as it does
    inspector: object = None  # what the page asks of a run in memory; see `page.interface`

    def prepare(self) -> None:
        """Nothing is left to be done: a version's warm-up requests were answered at its loading."""

    def predict(self, signature: str, inputs: Arrays) -> Arrays:
        """Runs one signature; errors of TensorFlow keep their code."""
        import tensorflow as tf

        try:
            outputs = self.functions[signature](
                **{name: tf.constant(array, dtype_name(array)) for name, array in inputs.items()}
            )
        except tf.errors.OpError as error:
            raise RequestError(Code.of(error.error_code), _reason(error.message)) from None
        return {name: _as_array(tensor) for name, tensor in outputs.items()}


def _load(folder: Path) -> GraphModel:
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 (registers the operations of subwords)

    from seq2seq.serving.saved_model.reader import read_meta_graph, read_signatures

    described = read_signatures(read_meta_graph(folder))
    loaded = tf.saved_model.load(str(folder))
    functions = dict(loaded.signatures)
    signatures = {name: each for name, each in described.items() if name in functions}
    return GraphModel(functions, signatures, read_languages(folder), loaded)


def _reason(message: str) -> str:
    """TensorFlow's message without where the graph came from, which an exported one has lost."""
    return message.rpartition(NO_TRACES)[2].strip()[:LONGEST_MESSAGE]


def _as_array(tensor: Any) -> np.ndarray:
    value = tensor.numpy()
    if tensor.dtype.name == STRING and not isinstance(value, np.ndarray):
        return np.array(value, dtype=object)  # a string by itself, which TensorFlow gives as bytes
    return np.asarray(value)
