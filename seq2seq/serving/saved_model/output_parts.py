"""A translation a few subwords at a time, for streams: greedily, going on from what is written."""

from typing import Any

import tensorflow as tf

from seq2seq.serving.saved_model.tensors import PARTS_SIGNATURE
from seq2seq.serving.saved_model.translator_graph import Fields, TranslatorGraph

TEXT = tf.TensorSpec((None,), tf.string, name="text")
WRITTEN = tf.TensorSpec((None, None), tf.int32, name="written")


OUTPUTS = {
    "ids": tf.TensorSpec((None, None), tf.int32),
    "length": tf.TensorSpec((None,), tf.int32),
    "translation": tf.TensorSpec((None,), tf.string),
    "ended": tf.TensorSpec((None,), tf.bool),
    "whole": tf.TensorSpec((None,), tf.bool),
}


def parts_function(graph: TranslatorGraph) -> dict[str, Any]:
    """The function by the name of its signature: text, written -> see `next_parts`."""

    def parts(text: tf.Tensor, written: tf.Tensor) -> Fields:
        return next_parts(graph, text, written)

    return {PARTS_SIGNATURE: tf.function(parts, [TEXT, WRITTEN], autograph=False)}


def next_parts(graph: TranslatorGraph, text: tf.Tensor, written: tf.Tensor) -> Fields:
    """What is written and some more of each translation.

    ids (B, T), whose first `length` (B,) are of the translation, EOS not counted, and its text,
    translation (B,); ended (B,): there is no more to come; whole (B,): the text is no longer than a
    chunk, so that this is all of it.

    Args:
        graph: the translator.
        text: (B,) strings that are not blank.
        written: (B, P) ids of an earlier answer, the same number in each row; none to begin with.
    """
    sources = graph.encoded(text, graph.longest + 1)
    found = graph.searches.part(graph.vocabulary.sources(sources[:, : graph.longest]), written)
    return {
        "ids": found["ids"][:, 0],
        "length": tf.maximum(found["lengths"][:, 0] - 1, 0),
        "translation": graph.vocabulary.texts(found["ids"], found["lengths"])[:, 0],
        "ended": found["ended"],
        "whole": sources.row_lengths() <= graph.longest,
    }
