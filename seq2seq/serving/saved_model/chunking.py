"""Long texts inside the graph: cut into chunks that a search takes, with nothing dropped.

Shape suffixes: A texts being cut, B texts, L ids a chunk, N chunks, P ids of all texts.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

# How good a place to cut is before a piece, ...
IN_CHARACTER, IN_WORD, WORD_START = 0, 1, 2
SENTENCE_START = 3  # better than each of them: a sentence ended before it
# ... and whether a piece ends a sentence: no, before a word's start, before whatever follows.
GOES_ON, NARROW_END, WIDE_END = 0, 1, 2


@dataclass(frozen=True)
class CuttingPlaces:
    """What each piece of a vocabulary is good for when a text has to be cut."""

    before: np.ndarray  # (V,) int8: IN_CHARACTER, IN_WORD or WORD_START
    after: np.ndarray  # (V,) int8: GOES_ON, NARROW_END or WIDE_END


def cut(
    ids: tf.RaggedTensor, longest: int, places: CuttingPlaces
) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """Chunks (N, None) of at most `longest` ids, and the number of the text (N,) each is from.

    A text of more ids is cut after the last sentence end that leaves the chunk short enough; if
    there is none, before the last word start; if there is none, between characters. Chunks are in
    the order of the texts; an empty text has none.

    Args:
        ids: (B, None).
        longest: L.
        places: of the vocabulary.
    """
    values_P, limits_B = ids.values, tf.cast(ids.row_limits(), tf.int32)
    quality_P = _quality(values_P, places)
    texts_A = tf.where(ids.row_lengths() > 0)[:, 0]
    starts_A = tf.gather(tf.cast(ids.row_starts(), tf.int32), texts_A)
    ends_A = tf.gather(limits_B, texts_A)
    found = tf.TensorArray(tf.int32, 0, True, element_shape=(None, 3), infer_shape=False)

    def cut_once(number: tf.Tensor, open_A3: tf.Tensor, found: tf.TensorArray) -> tuple:
        texts_A, starts_A, ends_A = tf.unstack(open_A3, axis=1)
        cuts_A = _next_cut(quality_P, starts_A, ends_A, longest)
        found = found.write(number, tf.stack([starts_A, cuts_A, texts_A], axis=1))
        left_A3 = tf.stack([texts_A, cuts_A, ends_A], axis=1)
        return number + 1, tf.boolean_mask(left_A3, cuts_A < ends_A), found

    open_A3 = tf.stack([tf.cast(texts_A, tf.int32), starts_A, ends_A], axis=1)
    _, _, found = tf.while_loop(
        lambda number, open_A3, found: tf.shape(open_A3)[0] > 0,
        cut_once,
        (0, open_A3, found),
        shape_invariants=(tf.TensorShape(()), tf.TensorShape((None, 3)), tf.TensorShape(None)),
    )
    chunks_N3 = found.concat()
    chunks_N3 = tf.gather(chunks_N3, tf.argsort(chunks_N3[:, 0]))
    starts_N, ends_N, texts_N = tf.unstack(chunks_N3, axis=1)
    return tf.RaggedTensor.from_row_lengths(values_P, ends_N - starts_N), texts_N


def _quality(values_P: tf.Tensor, places: CuttingPlaces) -> tf.Tensor:
    """(P,) int8: how good a place to cut is before each id but the first of a text."""
    before_P = tf.gather(tf.constant(places.before), values_P)
    after_P = tf.gather(tf.constant(places.after), tf.roll(values_P, 1, 0))
    narrow_P = tf.equal(after_P, NARROW_END) & tf.equal(before_P, WORD_START)
    ended_P = narrow_P | tf.equal(after_P, WIDE_END)
    return tf.where(ended_P, tf.constant(SENTENCE_START, tf.int8), before_P)


def _next_cut(
    quality_P: tf.Tensor, starts_A: tf.Tensor, ends_A: tf.Tensor, longest: int
) -> tf.Tensor:
    """(A,): where the chunks that start at `starts` end."""
    lengths_L = tf.range(1, longest + 1)
    last = tf.maximum(tf.size(quality_P) - 1, 0)
    qualities_AL = tf.gather(quality_P, tf.minimum(starts_A[:, None] + lengths_L, last))
    keys_AL = tf.cast(qualities_AL, tf.int32) * (longest + 1) + lengths_L
    best_A = tf.reduce_max(keys_AL, axis=1)  # of equally good places the last
    return tf.where(ends_A - starts_A <= longest, ends_A, starts_A + best_A % (longest + 1))
