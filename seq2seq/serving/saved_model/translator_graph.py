"""The parts of a translator's graph: functions of tensors, handed over as values.

A long text is cut into chunks that a search takes, with nothing dropped; the rows of a request are
computed in groups of similar length, so that its size costs time, not memory.

Shape suffixes: A texts being cut, B texts, L ids a chunk, N chunks or other rows, P ids of all
texts, K outputs of a search, T target and S source positions, V vocabulary.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from seq2seq.config.text_limits import LONGEST_TEXT, MOST_BYTES

# How good a place to cut is before a piece, ...
CUT_IN_CHARACTER, CUT_IN_WORD, CUT_BEFORE_WORD = 0, 1, 2
CUT_BEFORE_SENTENCE = 3  # better than each of them: a sentence ended before it
# ... and whether a piece ends a sentence: no, before a word's start, before whatever follows.
NO_END, NARROW_END, WIDE_END = 0, 1, 2
NO_ID = -1  # in place of an id of a term
Fields = dict[str, tf.Tensor]  # the first dimension of each is the rows
Search = Callable[..., Fields]  # traced


@dataclass(frozen=True)
class CuttingPlaces:
    """How well a text can be cut before and after each piece of a vocabulary."""

    before: np.ndarray  # (V,) int8: CUT_IN_CHARACTER, CUT_IN_WORD or CUT_BEFORE_WORD
    after: np.ndarray  # (V,) int8: NO_END, NARROW_END or WIDE_END


@dataclass(frozen=True)
class Vocabulary:
    """Functions from text to ids and back."""

    encode: Callable[[tf.Tensor], tf.RaggedTensor]  # any bytes (B,) -> ids (B, None) int32
    decode: Callable[[tf.RaggedTensor], tf.Tensor]  # ids (N, None) -> UTF-8 (N,)
    # prefixes (N,) and their ids (N, None) -> places (N, P, 3) int32, see `Searches.led`
    prefix_places: Callable[[tf.Tensor, tf.RaggedTensor], tf.Tensor]
    pieces: Sequence[str]  # (V,) the written form of each id
    places: CuttingPlaces
    pad: int
    eos: int

    def sources(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Ids (N, None) as rows (N, S) that end in EOS, S at least 1; padding after it."""
        lengths_N1 = tf.cast(ids.row_lengths(), tf.int32)[:, None]
        ids_NS = tf.pad(ids.to_tensor(self.pad), [[0, 0], [0, 1]], constant_values=self.pad)
        return tf.where(tf.equal(tf.range(tf.shape(ids_NS)[1]), lengths_N1), self.eos, ids_NS)

    def texts(self, ids_NKT: tf.Tensor, lengths_NK: tf.Tensor) -> tf.Tensor:
        """(N, K) texts of outputs that end in EOS; "" where the length is 0."""
        rows, outputs, steps = tf.unstack(tf.shape(ids_NKT))
        flat = tf.reshape(ids_NKT, (rows * outputs, steps))
        words = tf.maximum(tf.reshape(lengths_NK, (rows * outputs,)) - 1, 0)
        texts = self.decode(tf.RaggedTensor.from_tensor(flat, lengths=words))
        return tf.reshape(texts, tf.shape(lengths_NK))

    def written(self, ids: tf.Tensor) -> tf.Tensor:
        """The piece of each id, "" for padding."""
        pieces = tf.gather(tf.constant(self.pieces, tf.string), ids)
        return tf.where(tf.equal(ids, self.pad), "", pieces)


@dataclass(frozen=True)
class SourceTags:
    """What stands before each source, and says which language is wanted.

    Shape suffixes: G tags, T ids of a tag, B texts.
    """

    ids_GT: np.ndarray
    default: int  # number of the tag of a text that begins with none

    @property
    def length(self) -> int:
        """T."""
        return self.ids_GT.shape[1]

    def part(self, ids: tf.RaggedTensor) -> tuple[tf.Tensor, tf.RaggedTensor]:
        """The number (B,) of each text's tag, and its ids (B, None) without one."""
        first_BT = ids[:, : self.length].to_tensor(-1, shape=(None, self.length))
        same_BG = tf.reduce_all(tf.equal(first_BT[:, None], self.ids_GT), axis=2)
        tagged_B = tf.reduce_any(same_BG, axis=1)
        numbers_B = tf.where(tagged_B, tf.argmax(same_BG, 1, tf.int32), self.default)
        lengths_B = ids.row_lengths()
        places = tf.ragged.range(lengths_B)
        left_P = (places.values >= self.length) | tf.repeat(~tagged_B, lengths_B)
        return numbers_B, tf.ragged.boolean_mask(ids, places.with_values(left_P))

    def join(self, numbers_B: tf.Tensor, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        """Ids (B, None) behind their tags; those of a blank text stay none."""
        lengths_B = tf.where(ids.row_lengths() > 0, self.length, 0)
        tags_BT = tf.gather(tf.constant(self.ids_GT), numbers_B)
        tags = tf.RaggedTensor.from_tensor(tags_BT, lengths=lengths_B)
        return tf.concat([tags.with_row_splits_dtype(ids.row_splits.dtype), ids], axis=1)


@dataclass(frozen=True)
class Searches:
    """Searches over ids.

    Each takes source_ids (N, S), rows ending in EOS, and gives ids (N, K, T), lengths (N, K), EOS
    counted and 0 where there is no output, log_probabilities and scores (N, K),
    token_log_probabilities (N, K, T) and weights (N, K, T, S), best output first.
    """

    best: Search  # K = 1
    several: Search
    aligned: Search  # K = 1, with attention weights; of the others they may have no columns
    forced: Search  # K = 1; takes target_ids (N, 1, T) too
    led: Search  # as `several`, with attention weights; takes the places of prefixes too
    # as `several`; takes terms (N, P, L) too, ids and `NO_ID` behind each, which all outputs have;
    # None where the search is no beam
    constrained: Search | None
    # K = 1; takes written ids (N, P) too, goes on from them by some subwords, and says whether it
    # has ended (N,)
    part: Search
    outputs: int  # K of `several`, `led` and `constrained`
    limits: Callable[[tf.Tensor], tf.Tensor]  # source lengths (N,) -> most output tokens (N,)


@dataclass(frozen=True)
class TranslatorGraph:
    """All parts of the graph, and the bounds on the memory of a request."""

    vocabulary: Vocabulary
    searches: Searches
    longest: int  # subwords of a text's chunk
    tokens: int  # of rows searched at once, padding counted
    tags: SourceTags | None = None

    def chunks(self, text: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """Chunks of texts (B,), and the number of the text each is from; see `cut`."""
        if self.tags is None:
            return cut(self.encoded(text, LONGEST_TEXT), self.longest, self.vocabulary.places)
        numbers_B, ids = self.tags.part(self.ids(text, LONGEST_TEXT))
        chunks, texts_N = cut(ids, self.longest - self.tags.length, self.vocabulary.places)
        return self.tags.join(tf.gather(numbers_B, texts_N), chunks), texts_N

    def encoded(self, text: tf.Tensor, most: int) -> tf.RaggedTensor:
        """`ids` of sources, behind the tags that networks read, if there are any."""
        ids = self.ids(text, most)
        return self.tags.join(*self.tags.part(ids)) if self.tags else ids

    def ids(self, text: tf.Tensor, most: int) -> tf.RaggedTensor:
        """Ids (B, None) of each text's first `MOST_BYTES`, at most `most` of them."""
        return self.vocabulary.encode(tf.strings.substr(text, 0, MOST_BYTES))[:, :most]


def lengths_with_eos(ids: tf.RaggedTensor) -> tf.Tensor:
    """Lengths (N,) int32 of rows, EOS counted."""
    return tf.cast(ids.row_lengths(), tf.int32) + 1


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


def map_by_length(
    compute: Callable[[tf.Tensor], Fields],
    lengths_N: tf.Tensor,
    tokens: int,
    outputs: Mapping[str, tf.TensorSpec],
) -> Fields:
    """The outputs of `compute` for each row, in the order of the rows; to be traced.

    Args:
        compute: takes the numbers of some rows, (n,); called with none if there are none at all.
        lengths_N: of each row.
        tokens: of a group at most, padding counted; a longer row is a group by itself.
        outputs: types and shapes of what `compute` returns; but for the rows, all groups' are
            alike.
    """
    order_N = tf.argsort(lengths_N, stable=True)
    ascending_N = tf.gather(lengths_N, order_N)
    count = tf.size(order_N)

    def compute_group(number: tf.Tensor, start: tf.Tensor, *arrays: tf.TensorArray) -> tuple:
        some = ascending_N[start : start + tokens]
        padded = tf.range(1, tf.size(some) + 1) * some
        size = tf.maximum(tf.reduce_sum(tf.cast(padded <= tokens, tf.int32)), 1)
        found = compute(order_N[start : start + size])
        written = [
            array.write(number, found[name]) for name, array in zip(outputs, arrays, strict=True)
        ]
        return number + 1, start + size, *written

    arrays = [
        tf.TensorArray(spec.dtype, 0, True, element_shape=spec.shape, infer_shape=False)
        for spec in outputs.values()
    ]
    _, _, *arrays = tf.while_loop(
        lambda number, start, *_: tf.equal(number, 0) | (start < count),
        compute_group,
        (0, 0, *arrays),
        parallel_iterations=1,  # more would hold several groups in memory
    )
    back_N = tf.math.invert_permutation(order_N)
    return {
        name: tf.gather(array.concat(), back_N) for name, array in zip(outputs, arrays, strict=True)
    }


def _quality(values_P: tf.Tensor, places: CuttingPlaces) -> tf.Tensor:
    """Quality (P,) int8 of a cut before each id but the first of a text."""
    before_P = tf.gather(tf.constant(places.before), values_P)
    after_P = tf.gather(tf.constant(places.after), tf.roll(values_P, 1, 0))
    narrow_P = tf.equal(after_P, NARROW_END) & tf.equal(before_P, CUT_BEFORE_WORD)
    ended_P = narrow_P | tf.equal(after_P, WIDE_END)
    return tf.where(ended_P, tf.constant(CUT_BEFORE_SENTENCE, tf.int8), before_P)


def _next_cut(
    quality_P: tf.Tensor, starts_A: tf.Tensor, ends_A: tf.Tensor, longest: int
) -> tf.Tensor:
    """Ends (A,) of the chunks that start at `starts`."""
    lengths_L = tf.range(1, longest + 1)
    last = tf.maximum(tf.size(quality_P) - 1, 0)
    qualities_AL = tf.gather(quality_P, tf.minimum(starts_A[:, None] + lengths_L, last))
    keys_AL = tf.cast(qualities_AL, tf.int32) * (longest + 1) + lengths_L
    best_A = tf.reduce_max(keys_AL, axis=1)  # of equally good places the last
    return tf.where(ends_A - starts_A <= longest, ends_A, starts_A + best_A % (longest + 1))
