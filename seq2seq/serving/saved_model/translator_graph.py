"""What a translator's graph is made of: functions of tensors, handed over as values.

Shape suffixes: B texts, N rows, K outputs of a search, T target and S source positions, V
vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from seq2seq.serving.saved_model.chunking import CuttingPlaces, cut

# Of a text this much is translated, more than a novel: without a limit, some megabytes of noise
# would keep a core of the server busy for hours.
LONGEST_TEXT = 100_000  # subwords
MOST_BYTES = 2_000_000
Fields = dict[str, tf.Tensor]
Search = Callable[..., Fields]  # traced


@dataclass(frozen=True)
class Vocabulary:
    """Text to ids and back."""

    encode: Callable[[tf.Tensor], tf.RaggedTensor]  # any bytes (B,) -> ids (B, None) int32
    decode: Callable[[tf.RaggedTensor], tf.Tensor]  # ids (N, None) -> UTF-8 (N,)
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
class Searches:
    """What is done with ids.

    Each takes source_ids (N, S), rows ending in EOS, and gives ids (N, K, T), lengths (N, K), EOS
    counted and 0 where there is no output, log_probabilities and scores (N, K),
    token_log_probabilities (N, K, T) and weights (N, K, T, S), best output first.
    """

    best: Search  # K = 1
    several: Search
    aligned: Search  # K = 1, with attention weights; of the others they may have no columns
    forced: Search  # K = 1; takes target_ids (N, 1, T) too
    outputs: int  # K of `several`
    limits: Callable[[tf.Tensor], tf.Tensor]  # source lengths (N,) -> most output tokens (N,)


@dataclass(frozen=True)
class TranslatorGraph:
    """All parts, and what bounds the memory of a request."""

    vocabulary: Vocabulary
    searches: Searches
    longest: int  # subwords of a text's chunk
    tokens: int  # of rows searched at once, padding counted

    def chunks(self, text: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """See `cut`."""
        return cut(self.encoded(text, LONGEST_TEXT), self.longest, self.vocabulary.places)

    def encoded(self, text: tf.Tensor, most: int) -> tf.RaggedTensor:
        """(B, None): of each text, the ids of at most `MOST_BYTES`, and of those at most `most`."""
        return self.vocabulary.encode(tf.strings.substr(text, 0, MOST_BYTES))[:, :most]


def lengths_with_eos(ids: tf.RaggedTensor) -> tf.Tensor:
    """(N,) int32."""
    return tf.cast(ids.row_lengths(), tf.int32) + 1
