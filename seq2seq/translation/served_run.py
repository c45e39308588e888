"""A run folder as the server runs it: the signatures of an export, traced and kept in memory."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.serving.saved_model.output_parts import trace_parts
from seq2seq.serving.saved_model.signatures import trace_signatures
from seq2seq.serving.saved_model.tensors import (
    DEFAULT_SIGNATURE,
    Signature,
    TensorSpec,
    as_array,
)
from seq2seq.serving.server.saved_model_loader import GraphModel
from seq2seq.translation.loading import load_run
from seq2seq.translation.serving_graph import StoredNetwork, graph_settings, make_graph


def load_served_run(run: Path, settings: Mapping[str, Any]) -> GraphModel:
    """Traces what an export would save, and a search in parts, and answers one request.

    The first call of every other signature takes some tenths of a second more than later ones.

    Args:
        run: the folder.
        settings: decoding settings in place of the run's; see `graph_settings`.

    Raises:
        ConfigError: a setting that is out of range.
        RunError: no run, an altered file, or no weights yet.
    """
    loaded = load_run(run, partial(graph_settings, settings))
    config, subwords = loaded.config, loaded.subwords
    network, encoder = StoredNetwork(loaded.network, "float32"), GraphSubwords(subwords)
    graph = make_graph(network, subwords, encoder, config.decoding, loaded.shortlist)
    functions = trace_signatures(graph) | trace_parts(graph)
    signatures = {name: _described(name, traced) for name, traced in functions.items()}
    model = GraphModel(functions, signatures, config.data.languages, (network, encoder))
    model.predict(DEFAULT_SIGNATURE, {"text": as_array(["a"], "string")})
    return model


def _described(name: str, traced: Any) -> Signature:
    inputs, _ = traced.structured_input_signature
    named = {each.name: each for each in inputs}
    return Signature(name, _specs(named), _specs(traced.structured_outputs))


def _specs(tensors: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(tf.as_dtype(each.dtype).name, tuple(each.shape))
        for name, each in sorted(tensors.items())
    }
