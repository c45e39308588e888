"""Subwords inside the TensorFlow graph, by tensorflow-text, with the same ids as `Subwords`."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_text

from seq2seq.data.id_rows import IdRows
from seq2seq.data.subwords import WHITE_SPACE, WORD_START, Subwords


class GraphSubwords:
    """A tokenizer of string tensors.

    Seeding (`keras.utils.set_random_seed`) destroys live tensorflow-text tokenizers
    (tensorflow/text#570): make this object after seeding.
    """

    def __init__(self, subwords: Subwords) -> None:
        self.tokenizer = tensorflow_text.SentencepieceTokenizer(  # a saved graph has to track it
            model=subwords.model, out_type=tf.int32
        )

    def encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Int32 ids (B, None) of strings (B,), without BOS and EOS; none of white space alone."""
        blank = tf.strings.regex_full_match(texts, f"{WHITE_SPACE}+")
        return self.tokenizer.tokenize(tf.where(blank, "", texts))

    def encode_rows(self, texts: Sequence[str]) -> IdRows:
        """The same of texts outside a graph."""
        ids = self.encode(tf.constant(texts, tf.string, shape=(len(texts),)))
        return IdRows(ids.flat_values.numpy(), ids.row_splits.numpy())

    def decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Strings (B,) of int32 ids (B, None)."""
        texts = self.tokenizer.detokenize(ids)
        texts = tf.strings.regex_replace(texts, WORD_START, " ")
        return tf.strings.regex_replace(texts, "^ +| +$", "")
