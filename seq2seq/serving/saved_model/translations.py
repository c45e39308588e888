"""Signatures whose outputs are translations and their scores: free ones, and ones with terms.

Shape suffixes: B texts, N chunks, K outputs.
"""

import tensorflow as tf

from seq2seq.config.text_limits import LONGEST_TERMS, MOST_BYTES, SEPARATOR
from seq2seq.serving.saved_model.translator_graph import (
    NO_ID,
    Fields,
    Search,
    TranslatorGraph,
    Vocabulary,
    lengths_with_eos,
    map_by_length,
)


def translations(graph: TranslatorGraph, search: Search, count: int, text: tf.Tensor) -> Fields:
    """translations, scores and log_probabilities (B, count), best first.

    The k-th of a text of several chunks is made of the k-th of each, joined by spaces; its score is
    the mean, its log-probability (nats) the sum. If a search finds fewer, its last stands for those
    that are missing. A blank text has "" and 0 everywhere.

    Args:
        graph: the translator.
        search: one of its searches.
        count: outputs of that search.
        text: (B,) strings.
    """
    chunks, texts_N = graph.chunks(text)

    def compute(rows: tf.Tensor) -> Fields:
        found = search(graph.vocabulary.sources(tf.gather(chunks, rows)))
        return _ranked(graph, found, count)

    outputs = ranked_types(count)
    found = map_by_length(compute, lengths_with_eos(chunks), graph.tokens, outputs)
    return _whole(found, texts_N, tf.size(text))


def constrained_translations(
    graph: TranslatorGraph, search: Search, text: tf.Tensor, terms: tf.Tensor
) -> Fields:
    """`translations` whose first chunk contains all terms of the text, subword for subword.

    A text whose terms have more than `LONGEST_TERMS` subwords, or more than its translation may
    have, has "" and 0 everywhere.

    Args:
        graph: the translator.
        search: `Searches.constrained`.
        text: (B,) strings.
        terms: (B,) lists of terms, a tab between them; a blank one asks for nothing.
    """
    chunks, texts_N = graph.chunks(text)
    lengths_N, batch = lengths_with_eos(chunks), tf.size(text)
    first_N = are_first(texts_N)
    lengths_B = tf.math.unsorted_segment_max(tf.where(first_N, lengths_N, 0), texts_N, batch)
    ids, totals_B = _term_ids(graph.vocabulary, terms)
    room_B = tf.minimum(graph.searches.limits(lengths_B) - 1, LONGEST_TERMS)
    fit_N = tf.gather(totals_B <= room_B, texts_N)
    terms_N = tf.where(first_N & fit_N, texts_N, batch)  # behind the last text's there are none

    def compute(rows: tf.Tensor) -> Fields:
        wanted = tf.gather(ids, tf.gather(terms_N, rows)).to_tensor(NO_ID)
        wanted = tf.pad(wanted, [[0, 0], [0, 1], [0, 1]], constant_values=NO_ID)  # never empty
        sources = graph.vocabulary.sources(tf.gather(chunks, rows))
        return _ranked(graph, search(sources, wanted), graph.searches.outputs)

    outputs = ranked_types(graph.searches.outputs)
    found = map_by_length(compute, lengths_N, graph.tokens, outputs)
    # A term with a symbol that the vocabulary lacks is never written.
    failed_N = tf.equal(found["translations"][:, 0], "") & (tf.gather(totals_B, texts_N) > 0)
    good_N = fit_N & ~(first_N & failed_N)
    good_B1 = tf.math.unsorted_segment_min(tf.cast(good_N, tf.int32), texts_N, batch)[:, None] > 0
    return {
        name: tf.where(good_B1, values, tf.zeros((), values.dtype))
        for name, values in _whole(found, texts_N, batch).items()
    }


def ranked_types(count: int) -> dict[str, tf.TensorSpec]:
    """Of `translations`, by name."""
    types = {"translations": tf.string, "scores": tf.float32, "log_probabilities": tf.float32}
    return {name: tf.TensorSpec((None, count), dtype) for name, dtype in types.items()}


def are_first(texts_N: tf.Tensor) -> tf.Tensor:
    """Whether each chunk is the first of its text."""
    return tf.not_equal(texts_N, tf.concat([[-1], texts_N[:-1]], axis=0))


def _ranked(graph: TranslatorGraph, found: Fields, count: int) -> Fields:
    """Of what a search found, the `translations` of its rows."""
    there = found["lengths"] > 0
    each = {
        "translations": graph.vocabulary.texts(found["ids"], found["lengths"]),
        "scores": tf.where(there, found["scores"], 0.0),
        "log_probabilities": tf.where(there, found["log_probabilities"], 0.0),
    }
    last = tf.reduce_sum(tf.cast(there, tf.int32), axis=1, keepdims=True) - 1
    ranks = tf.maximum(tf.minimum(tf.range(count), last), 0)
    return {name: tf.gather(values, ranks, batch_dims=1) for name, values in each.items()}


def _whole(found: Fields, texts_N: tf.Tensor, batch: tf.Tensor) -> Fields:
    """Of the `translations` of chunks, those of texts."""
    totals = found["log_probabilities"]
    return {
        "translations": _joined(found["translations"], texts_N, batch),
        "scores": tf.math.unsorted_segment_mean(found["scores"], texts_N, batch),
        "log_probabilities": tf.math.unsorted_segment_sum(totals, texts_N, batch),
    }


def _term_ids(vocabulary: Vocabulary, terms: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """Ids (B + 1, None, None) of the terms in (B,) lists, and their sums (B,).

    A list of too many terms counts as one with too many ids.
    """
    batch = tf.size(terms)
    parts = tf.strings.split(tf.strings.substr(terms, 0, MOST_BYTES), SEPARATOR)
    parts = tf.ragged.boolean_mask(parts, tf.not_equal(tf.strings.strip(parts), ""))
    parts = parts[:, : LONGEST_TERMS + 1]
    ids = vocabulary.encode(parts.values)[:, : LONGEST_TERMS + 1]
    sizes = tf.cast(ids.row_lengths(), tf.int32)
    texts = parts.value_rowids()
    sums = tf.math.unsorted_segment_sum(sizes, texts, tf.cast(batch, tf.int64))
    sums = tf.maximum(sums, tf.cast(parts.row_lengths(), tf.int32))
    ids = tf.ragged.boolean_mask(ids, sizes > 0).with_row_splits_dtype(tf.int64)
    rows = tf.boolean_mask(texts, sizes > 0)
    return tf.RaggedTensor.from_value_rowids(ids, rows, tf.cast(batch + 1, tf.int64)), sums


def _joined(parts_NK: tf.Tensor, texts_N: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    """(B, K): the parts of each text with a space between them; empty ones are left out."""
    count = parts_NK.shape[1]
    places = texts_N[:, None] * count + tf.range(count)
    parts, places = tf.reshape(parts_NK, (-1,)), tf.reshape(places, (-1,))
    said = tf.not_equal(parts, "")
    joined = tf.strings.unsorted_segment_join(
        tf.boolean_mask(parts, said), tf.boolean_mask(places, said), batch * count, " "
    )
    return tf.reshape(joined, (batch, count))
