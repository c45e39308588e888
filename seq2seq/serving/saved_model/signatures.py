"""Signatures of an exported translator, as graphs from strings to strings.

Texts may be any bytes; what is not UTF-8 is read as U+FFFD, as in files. A text of more than
`longest` subwords is cut into chunks inside the graph (see `cut`), each searched as a text of its
own; nothing is dropped (up to `LONGEST_TEXT`), and no answer depends on the batch. `seq2seq
translate` splits the line's text instead, so it may cut such a line elsewhere. Rows are searched in
groups of at most `tokens` subwords: however much text a request holds, its search takes no more
memory, only more time.

Shape suffixes: B texts, N chunks or other rows, K outputs, T target and S source positions.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from seq2seq.config.text_limits import LONGEST_SCORED, LONGEST_TEXT, MOST_BYTES
from seq2seq.serving.saved_model.translations import (
    are_first,
    constrained_translations,
    ranked_types,
    translations,
)
from seq2seq.serving.saved_model.translator_graph import (
    Fields,
    TranslatorGraph,
    lengths_with_eos,
    map_by_length,
)

TEXT = tf.TensorSpec((None,), tf.string, name="text")
REFERENCE = tf.TensorSpec((None,), tf.string, name="reference")
PREFIX = tf.TensorSpec((None,), tf.string, name="prefix")
TERMS = tf.TensorSpec((None,), tf.string, name="terms")
SCORES = {
    "score": tf.TensorSpec((None,), tf.float32),
    "log_probability": tf.TensorSpec((None,), tf.float32),
    "length": tf.TensorSpec((None,), tf.int32),
}
ALIGNMENTS = {
    "translation": tf.TensorSpec((None,), tf.string),
    "score": tf.TensorSpec((None,), tf.float32),
    "source_tokens": tf.TensorSpec((None, None), tf.string),
    "source_length": tf.TensorSpec((None,), tf.int32),
    "tokens": tf.TensorSpec((None, None), tf.string),
    "length": tf.TensorSpec((None,), tf.int32),
    "alignment": tf.TensorSpec((None, None, None), tf.float32),
    "token_log_probabilities": tf.TensorSpec((None, None), tf.float32),
}


def signature_functions(graph: TranslatorGraph) -> dict[str, Any]:
    """A `tf.function` for each signature by its name, all from raw text (B,).

    serving_default: text -> translation, and nothing else, so that REST gives a plain list.
    translate: text -> translation, score.
    translate_nbest: text -> translations, scores, log_probabilities; see `translations`.
    score: text, reference -> score, log_probability, length; see `reference_scores`.
    align: text -> see `alignments`.
    translate_prefix: text, prefix -> see `continuations`.
    translate_terms: text, terms -> see `constrained_translations`; only of a beam.

    Each is traced when it is first called, and gives what `output_types` has. Whoever calls them
    keeps the variables and tokenizers of the graph: functions do not.
    """
    return {
        name: tf.function(function, inputs, autograph=False)
        for name, (function, *inputs) in _signatures(graph).items()
    }


def output_types(graph: TranslatorGraph) -> dict[str, Mapping[str, tf.TensorSpec]]:
    """The outputs of each signature, known without tracing it."""
    count = graph.searches.outputs
    types: dict[str, Mapping[str, tf.TensorSpec]] = {
        "serving_default": {"translation": TEXT},
        "translate": {"translation": TEXT, "score": SCORES["score"]},
        "translate_nbest": ranked_types(count),
        "score": SCORES,
        "align": ALIGNMENTS,
        "translate_prefix": _continuation_types(count),
    }
    if graph.searches.constrained:
        types["translate_terms"] = ranked_types(count)
    return types


def save_signatures(graph: TranslatorGraph, resources: Iterable[Any], directory: Path) -> None:
    """Writes saved_model.pb and variables, with what `signature_functions` gives.

    Each is traced once, which is most of the work. (`tf.saved_model.save` traces functions that it
    is given as such anew, and keras.export.ExportArchive has traced them before.) What is tracked
    are plain variables: the wrappers that Keras puts around them would be saved beside them, and
    the server would fill the wrong ones (keras-team/keras#20095).

    Args:
        graph: the translator; its variables are those that its searches read.
        resources: what the graph uses beside variables, such as tokenizers.
        directory: is filled.
    """
    functions = signature_functions(graph)
    traced = {name: each.get_concrete_function() for name, each in functions.items()}
    saved = tf.Module()
    saved.resources = list(resources)
    saved.parameters = list(
        {id(each): each for one in traced.values() for each in one.variables}.values()
    )
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)  # no training
    tf.saved_model.save(saved, str(directory), traced, options)


def reference_scores(graph: TranslatorGraph, text: tf.Tensor, reference: tf.Tensor) -> Fields:
    """Score, log_probability in nats, and length (B,) of given references.

    Nothing is cut into chunks: each text is one source, and each reference one output. Of either,
    the first `LONGEST_SCORED` subwords count (or a chunk's, if that is more). `length` says how
    many of the reference did, EOS counted: a blank reference has 1.

    Args:
        graph: the translator.
        text: (B,) strings.
        reference: (B,) strings.
    """
    bound = max(LONGEST_SCORED, graph.longest)
    sources, targets = graph.encoded(text, bound), graph.ids(reference, bound)

    def compute(rows: tf.Tensor) -> Fields:
        source_ids, target_ids = (
            graph.vocabulary.sources(tf.gather(each, rows)) for each in (sources, targets)
        )
        found = graph.searches.forced(source_ids, target_ids[:, None])
        return {
            "score": found["scores"][:, 0],
            "log_probability": found["log_probabilities"][:, 0],
            "length": found["lengths"][:, 0],
        }

    lengths = tf.maximum(lengths_with_eos(sources), lengths_with_eos(targets))
    return map_by_length(compute, lengths, graph.tokens, SCORES)


def alignments(graph: TranslatorGraph, text: tf.Tensor) -> Fields:
    """The best translation, and where the decoder looked for each of its subwords.

    translation, score, source_length, length (B,); source_tokens (B, S) and tokens (B, T), in their
    written form with EOS at the end; token_log_probabilities (B, T); alignment (B, T, S), whose
    rows sum to 1, or are 0 for a network without attention. Beyond the lengths, which count EOS,
    there is padding. Of a text of several chunks all is about the first, so that the alignment,
    which grows with the square of the text, stays bounded. A blank text has "" and lengths of 0.
    """
    vocabulary = graph.vocabulary
    chunks, texts_N = _first_chunks(graph, text)
    lengths_N = lengths_with_eos(chunks)
    columns = tf.reduce_max(tf.concat([lengths_N, [1]], axis=0))
    steps = graph.searches.limits(columns[None])[0]

    def compute(rows: tf.Tensor) -> Fields:
        source_ids = vocabulary.sources(tf.gather(chunks, rows))
        found = graph.searches.aligned(source_ids)
        best = {name: values[:, 0] for name, values in found.items()}
        return {
            "translation": vocabulary.texts(found["ids"], found["lengths"])[:, 0],
            "score": tf.where(best["lengths"] > 0, best["scores"], 0.0),
            "source_tokens": vocabulary.written(_widened(source_ids, columns)),
            "source_length": tf.gather(lengths_N, rows),
            "tokens": vocabulary.written(_widened(best["ids"], steps)),
            "length": best["lengths"],
            "alignment": _widened(best["weights"], steps, columns),
            "token_log_probabilities": _widened(best["token_log_probabilities"], steps),
        }

    found = map_by_length(compute, lengths_N, graph.tokens, ALIGNMENTS)
    longest = tf.reduce_max(tf.concat([found["length"], [1]], axis=0))
    for name in ("tokens", "alignment", "token_log_probabilities"):
        found[name] = found[name][:, :longest]
    return {name: _at_texts(values, texts_N, tf.size(text)) for name, values in found.items()}


def continuations(graph: TranslatorGraph, text: tf.Tensor, prefix: tf.Tensor) -> Fields:
    """The best outputs that begin with a prefix, best first, and where the decoder looked.

    translations, scores, log_probabilities, length_nbest (B, K); source_tokens (B, S),
    source_length (B,); tokens_nbest and token_log_probabilities_nbest (B, K, T); alignment_nbest
    (B, K, T, S); padded as those of `alignments`, and about the first chunk of a text as these.
    Where there are fewer outputs than K, the rest have "" and 0. A blank text has none, nor has one
    whose prefix is longer than its translation may be.

    Args:
        graph: the translator.
        text: (B,) strings.
        prefix: (B,) strings; a blank one leaves the search free.
    """
    vocabulary, searches = graph.vocabulary, graph.searches
    chunks, texts_N = _first_chunks(graph, text)
    lengths_N = lengths_with_eos(chunks)
    columns = tf.reduce_max(tf.concat([lengths_N, [1]], axis=0))
    steps = searches.limits(columns[None])[0]
    prefix_N = tf.strings.substr(tf.gather(prefix, texts_N), 0, MOST_BYTES)
    places_NP3 = vocabulary.prefix_places(prefix_N, vocabulary.encode(prefix_N)[:, :LONGEST_TEXT])

    def compute(rows: tf.Tensor) -> Fields:
        source_ids = vocabulary.sources(tf.gather(chunks, rows))
        found = searches.led(source_ids, tf.gather(places_NP3, rows))
        there = found["lengths"] > 0
        log_probs = found["token_log_probabilities"]
        weights = found["weights"]
        return {
            "translations": vocabulary.texts(found["ids"], found["lengths"]),
            "scores": tf.where(there, found["scores"], 0.0),
            "log_probabilities": tf.where(there, found["log_probabilities"], 0.0),
            "length_nbest": found["lengths"],
            "source_tokens": vocabulary.written(_widened(source_ids, columns)),
            "source_length": tf.gather(lengths_N, rows),
            "tokens_nbest": vocabulary.written(_widened(found["ids"], searches.outputs, steps)),
            "token_log_probabilities_nbest": _widened(log_probs, searches.outputs, steps),
            "alignment_nbest": _widened(weights, searches.outputs, steps, columns),
        }

    outputs = _continuation_types(searches.outputs)
    found = map_by_length(compute, lengths_N, graph.tokens, outputs)
    longest = tf.reduce_max(tf.pad(tf.reshape(found["length_nbest"], (-1,)), [[1, 0]]))
    for name in ("tokens_nbest", "token_log_probabilities_nbest", "alignment_nbest"):
        found[name] = found[name][:, :, : tf.maximum(longest, 1)]
    return {name: _at_texts(values, texts_N, tf.size(text)) for name, values in found.items()}


def _continuation_types(count: int) -> dict[str, tf.TensorSpec]:
    """Of K = `count` outputs a row."""
    return {
        **ranked_types(count),
        "length_nbest": tf.TensorSpec((None, count), tf.int32),
        "source_tokens": tf.TensorSpec((None, None), tf.string),
        "source_length": tf.TensorSpec((None,), tf.int32),
        "tokens_nbest": tf.TensorSpec((None, count, None), tf.string),
        "token_log_probabilities_nbest": tf.TensorSpec((None, count, None), tf.float32),
        "alignment_nbest": tf.TensorSpec((None, count, None, None), tf.float32),
    }


def _first_chunks(graph: TranslatorGraph, text: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """The first chunk of each text that is not blank, and the numbers of these texts."""
    chunks, texts_N = graph.chunks(text)
    first_N = are_first(texts_N)
    return tf.ragged.boolean_mask(chunks, first_N), tf.boolean_mask(texts_N, first_N)


def _signatures(graph: TranslatorGraph) -> dict[str, tuple]:
    """Functions and the types of their inputs, by the name of the signature."""

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

    def translate_prefix(text: tf.Tensor, prefix: tf.Tensor) -> Fields:
        return continuations(graph, text, prefix)

    found = {
        "serving_default": (serving_default, TEXT),
        "translate": (translate, TEXT),
        "translate_nbest": (translate_nbest, TEXT),
        "score": (score, TEXT, REFERENCE),
        "align": (align, TEXT),
        "translate_prefix": (translate_prefix, TEXT, PREFIX),
    }
    if constrained := graph.searches.constrained:

        def translate_terms(text: tf.Tensor, terms: tf.Tensor) -> Fields:
            return constrained_translations(graph, constrained, text, terms)

        found["translate_terms"] = (translate_terms, TEXT, TERMS)
    return found


def _widened(values: tf.Tensor, *sizes: tf.Tensor) -> tf.Tensor:
    """Values (N, ...) filled up with zeros to (N, *sizes)."""
    missing = [size - tf.shape(values)[axis] for axis, size in enumerate(sizes, 1)]
    return tf.pad(values, [[0, 0], *([0, each] for each in missing)])


def _at_texts(values: tf.Tensor, texts_N: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    """Values (N, ...) of some texts as (B, ...): 0 or "" for those that have none."""
    count = tf.size(texts_N)
    nothing = tf.zeros(tf.concat([[1], tf.shape(values)[1:]], axis=0), values.dtype)
    places_B = tf.tensor_scatter_nd_update(
        tf.fill((batch,), count), texts_N[:, None], tf.range(count)
    )
    return tf.gather(tf.concat([values, nothing], axis=0), places_B)
