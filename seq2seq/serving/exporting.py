"""A translator's graph as a SavedModel: signatures of strings, and how they are saved."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from seq2seq.serving.graph_parts import Fields, TranslatorGraph
from seq2seq.serving.text_signatures import alignments, reference_scores, translations

TEXT = tf.TensorSpec((None,), tf.string, name="text")
REFERENCE = tf.TensorSpec((None,), tf.string, name="reference")
Endpoint = Callable[..., Fields]


class TextArchive:
    """The signatures of an exported translator, all from raw text (B,), to be called and saved.

    serving_default: text -> translation, and nothing else, so that REST gives a plain list.
    translate: text -> translation, score.
    translate_nbest: text -> translations, scores, log_probabilities; see `translations`.
    score: text, reference -> score, log_probability, length; see `reference_scores`.
    align: text -> see `alignments`.

    Args:
        graph: the translator.
        resources: what the graph uses beside variables, such as tokenizers; the variables are found
            without being named, and would be saved twice if they were (keras-team/keras#20095).
    """

    def __init__(self, graph: TranslatorGraph, resources: Iterable[Any]) -> None:
        self._archive = keras.export.ExportArchive()
        for resource in resources:
            self._archive.track(resource)
        self.endpoints: Mapping[str, Endpoint] = {
            name: self._archive.add_endpoint(name, function, input_signature=inputs)
            for name, (function, *inputs) in _signatures(graph).items()
        }

    def save(self, directory: Path) -> None:
        """Writes saved_model.pb and the variables."""
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)  # no training
        self._archive.write_out(str(directory), options, verbose=False)


def _signatures(graph: TranslatorGraph) -> dict[str, tuple]:
    """Name to function and the types of its inputs."""

    @tf.function(input_signature=[TEXT], autograph=False)  # saved once for two signatures
    def best(text: tf.Tensor) -> Fields:
        return translations(graph, graph.searches.best, 1, text)

    def serving_default(text: tf.Tensor) -> Fields:
        return {"translation": best(text)["translations"][:, 0]}

    def translate(text: tf.Tensor) -> Fields:
        found = best(text)
        return {"translation": found["translations"][:, 0], "score": found["scores"][:, 0]}

    def translate_nbest(text: tf.Tensor) -> Fields:
        return translations(graph, graph.searches.several, graph.searches.outputs, text)

    def score(text: tf.Tensor, reference: tf.Tensor) -> Fields:
        return reference_scores(graph, text, reference)

    def align(text: tf.Tensor) -> Fields:
        return alignments(graph, text)

    return {
        "serving_default": (serving_default, TEXT),
        "translate": (translate, TEXT),
        "translate_nbest": (translate_nbest, TEXT),
        "score": (score, TEXT, REFERENCE),
        "align": (align, TEXT),
    }
