"""Subwords inside the TensorFlow graph, through tensorflow-text: the ids of `Subwords`."""

import tensorflow as tf
import tensorflow_text

from seq2seq.data.subwords import WORD_START, Subwords


class GraphSubwords:
    """Tokenises and detokenises string tensors.

    Seeding (`keras.utils.set_random_seed`) destroys live tensorflow-text tokenizers
    (tensorflow/text#570): make this object after seeding.
    """

    def __init__(self, subwords: Subwords) -> None:
        self.tokenizer = tensorflow_text.SentencepieceTokenizer(  # a saved graph has to track it
            model=subwords.model, out_type=tf.int32
        )

    def encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """(B,) strings to (B, None) int32 ids, without BOS and EOS."""
        return self.tokenizer.tokenize(texts)

    def decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """(B, None) int32 ids to (B,) strings."""
        texts = self.tokenizer.detokenize(ids)
        texts = tf.strings.regex_replace(texts, WORD_START, " ")
        return tf.strings.regex_replace(texts, "^ +| +$", "")
