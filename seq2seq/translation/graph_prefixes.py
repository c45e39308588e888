"""Prefixes in a graph, as a SavedModel and the search in memory take them; see `prefixes`.

Shape suffixes: B texts, P places, R last places of a prefix, V vocabulary.
"""

import numpy as np
import tensorflow as tf

from seq2seq.data.subwords import WORD_START, Subwords
from seq2seq.decoding.forced_tokens import FREE
from seq2seq.models.output import MULTIPLE
from seq2seq.translation.prefixes import ENDS_IN_SPACE, PrefixPlaces

HASHES = 2**62  # so many that no two beginnings of subwords share one


class GraphPrefixes(PrefixPlaces):
    """`PrefixPlaces` that are found in a graph too.

    Attributes:
        ranks: (V,) of `Prefixes`; as many as there are logits.
    """

    def __init__(self, subwords: Subwords) -> None:
        super().__init__(subwords)
        rank = {text: place for place, text in enumerate(self._texts)}
        ranks = [rank.get(piece, -1) for piece in self._pieces]
        self.ranks = np.pad(
            np.array(ranks, np.int32), (0, -len(ranks) % MULTIPLE), constant_values=-1
        )
        found = {text[:end] for text in self._texts for end in range(1, len(text) + 1)}
        beginnings = sorted(found | {WORD_START})
        hashes = _hashed(tf.constant(beginnings)).numpy()
        order = np.argsort(hashes)
        ranges = np.array([self._completed_by(each) for each in beginnings], np.int32)
        self._hashes, self._ranges = hashes[order], ranges[order]

    def of_tensors(self, texts: tf.Tensor, ids: tf.RaggedTensor) -> tf.Tensor:
        """Places (B, P, 3) of prefixes, inside a graph.

        Args:
            texts: (B,) UTF-8.
            ids: (B, None) of these texts.
        """
        spaced_B = tf.strings.regex_full_match(texts, ENDS_IN_SPACE)
        lengths_B1 = tf.cast(ids.row_lengths(), tf.int32)[:, None]
        ids_BP = tf.pad(ids.to_tensor(FREE), [[0, 0], [0, 1]], constant_values=FREE)
        places_P = tf.range(tf.shape(ids_BP)[1])
        unfinished_B1 = ~spaced_B[:, None]
        ranges_BP2 = (
            self._completions(ids_BP, lengths_B1) * tf.cast(unfinished_B1, tf.int32)[..., None]
        )
        places_BP3 = tf.concat([ids_BP[:, :, None], ranges_BP2], axis=2)
        is_end_BP = tf.equal(places_P, lengths_B1) & spaced_B[:, None] & (lengths_B1 > 0)
        return tf.where(is_end_BP[:, :, None], tf.constant(self._new_word, tf.int32), places_BP3)

    def _completions(self, ids_BP: tf.Tensor, lengths_B1: tf.Tensor) -> tf.Tensor:
        """Ranges (B, P, 2) of subwords that begin as the prefix goes on from a place to its end.

        None but along the last word.
        """
        places_P = tf.range(tf.shape(ids_BP)[1])
        pieces_BP = tf.gather(tf.constant(self._pieces), tf.maximum(ids_BP, 0))
        starts_BP = tf.strings.regex_full_match(pieces_BP, f"(?s){WORD_START}.*") & (ids_BP >= 0)
        last_start_B1 = tf.reduce_max(tf.where(starts_BP, places_P, 0), axis=1, keepdims=True)
        rest_BR = tf.maximum(lengths_B1 - 1 - tf.range(self._longest), 0)  # the last place first
        pieces_BR = tf.gather(pieces_BP, rest_BR, batch_dims=1)
        until_RR = tf.range(self._longest)[:, None] >= tf.range(self._longest)
        texts_BRR = tf.where(until_RR, pieces_BR[:, None], "")[:, :, ::-1]
        ranges_BR2 = self._ranges_of(tf.strings.reduce_join(texts_BRR, axis=2))
        back_BP = lengths_B1 - 1 - places_P
        within_BP = (back_BP >= 0) & (back_BP < self._longest) & (places_P >= last_start_B1)
        found = tf.gather(ranges_BR2, tf.clip_by_value(back_BP, 0, self._longest - 1), batch_dims=1)
        return tf.where(within_BP[:, :, None], found, 0)

    def _ranges_of(self, texts: tf.Tensor) -> tf.Tensor:
        """Ranges (..., 2) of subwords that begin as texts (...) do; empty ones where none does."""
        hashes = _hashed(texts)
        known = tf.constant(self._hashes)
        places = tf.searchsorted(known, tf.reshape(hashes, (-1,)))
        places = tf.reshape(tf.minimum(places, tf.size(known) - 1), tf.shape(hashes))
        same = tf.equal(tf.gather(known, places), hashes)
        return tf.where(same[..., None], tf.gather(tf.constant(self._ranges), places), 0)


def _hashed(texts: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_hash_bucket_fast(texts, HASHES)
