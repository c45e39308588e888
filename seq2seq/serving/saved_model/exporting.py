"""A translator's graph as a SavedModel: signatures of strings, and how they are saved."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf

from seq2seq.serving.saved_model.signatures import alignments, reference_scores, translations
from seq2seq.serving.saved_model.translator_graph import Fields, TranslatorGraph

TEXT = tf.TensorSpec((None,), tf.string, name="text")
REFERENCE = tf.TensorSpec((None,), tf.string, name="reference")


def save_signatures(graph: TranslatorGraph, resources: Iterable[Any], directory: Path) -> None:
    """Writes saved_model.pb and variables, with these signatures, all from raw text (B,).

    serving_default: text -> translation, and nothing else, so that REST gives a plain list.
    translate: text -> translation, score.
    translate_nbest: text -> translations, scores, log_probabilities; see `translations`.
    score: text, reference -> score, log_probability, length; see `reference_scores`.
    align: text -> see `alignments`.

    Each is traced once, which is most of the work. (`tf.saved_model.save` traces functions that it
    is given as such anew, and keras.export.ExportArchive has traced them before.) What is tracked
    are plain variables: the wrappers that Keras puts around them would be saved beside them, and
    the server would fill the wrong ones (keras-team/keras#20095).

    Args:
        graph: the translator; its variables are those that its searches read.
        resources: what the graph uses beside variables, such as tokenizers.
        directory: is filled.
    """
    traced = {
        name: tf.function(function, inputs, autograph=False).get_concrete_function()
        for name, (function, *inputs) in _signatures(graph).items()
    }
    saved = tf.Module()
    saved.resources = list(resources)
    saved.parameters = list(
        {id(each): each for one in traced.values() for each in one.variables}.values()
    )
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)  # no training
    tf.saved_model.save(saved, str(directory), traced, options)


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
