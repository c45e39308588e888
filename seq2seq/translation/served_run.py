"""A run folder as the server runs it: the signatures of an export, kept in memory.

Tracing one takes about a second, so the first is answered before the others are traced.
"""

import gc
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.serving.saved_model.output_parts import OUTPUTS, parts_function
from seq2seq.serving.saved_model.signatures import output_types, signature_functions
from seq2seq.serving.saved_model.tensors import (
    DEFAULT_SIGNATURE,
    PARTS_SIGNATURE,
    STRING,
    Signature,
    TensorSpec,
    as_array,
)
from seq2seq.serving.server.saved_model_loader import GraphModel
from seq2seq.translation.loading import LoadedRun, load_run
from seq2seq.translation.serving_graph import StoredNetwork, graph_settings, make_graph


def load_served_run(
    run: Path,
    settings: Mapping[str, Any],
    inspector: Callable[[LoadedRun], object] | None = None,
) -> GraphModel:
    """What an export would save, and a search in parts, after one request is answered.

    Args:
        run: the folder.
        settings: decoding settings in place of the run's; see `graph_settings`.
        inspector: makes what answers the page's questions about single sentences.

    Raises:
        ConfigError: a setting that is out of range.
        RunError: no run, an altered file, or no weights yet.
    """
    loaded = load_run(run, partial(graph_settings, settings))
    config, subwords = loaded.config, loaded.subwords
    network = StoredNetwork(loaded.network, subwords.unwritten, "float32")
    encoder = GraphSubwords(subwords)
    tags = config.data.tags
    graph = make_graph(network, subwords, encoder, config.decoding, loaded.shortlist, tags)
    functions = signature_functions(graph) | parts_function(graph)
    outputs = output_types(graph) | {PARTS_SIGNATURE: OUTPUTS}
    signatures = {
        name: Signature(
            name,
            _specs({each.name: each for each in traced.input_signature}),
            _specs(outputs[name]),
        )
        for name, traced in functions.items()
    }
    asked = inspector(loaded) if inspector else None
    owner = (network, encoder)
    model = _ServedRun(functions, signatures, config.data.languages, owner, asked)
    model.answer_once(DEFAULT_SIGNATURE)
    return model


class _ServedRun(GraphModel):
    """Functions that are traced when they are first called."""

    def prepare(self) -> None:
        """Traces all."""
        for name in self.signatures:
            self.answer_once(name)
        gc.collect()
        gc.freeze()  # a million objects that stay, and that no collection need look at

    def answer_once(self, name: str) -> None:
        """Calls a signature with a short text; its first call takes seconds."""
        inputs = {
            each: as_array(["a"], STRING) if spec.dtype == STRING else np.zeros((1, 0), spec.dtype)
            for each, spec in self.signatures[name].inputs.items()
        }
        self.predict(name, inputs)


def _specs(tensors: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(tf.as_dtype(each.dtype).name, tuple(each.shape))
        for name, each in sorted(tensors.items())
    }
