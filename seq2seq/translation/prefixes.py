r"""Prefixes as subwords: how the beginning of a translation, given as text, is forced.

Every word of a prefix but the last is forced as the subwords that it is segmented into. The last
may be unfinished, and its subwords may then be none that the whole word has: "al" is "▁a l", where
the network has only ever written "▁alte". So along the last word, each subword that begins as the
rest of the prefix does may be chosen instead. White space at the end of a prefix says that its last
word is whole: all words are forced, and what follows begins a new one.

Shape suffixes: B texts, P places, R last places of a prefix, V vocabulary.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from seq2seq.data.subwords import WHITE_SPACE, WORD_START, Subwords
from seq2seq.decoding.step import FREE, NEW_WORD
from seq2seq.models.output import MULTIPLE

ENDS_IN_SPACE = f"(?s).*{WHITE_SPACE}"
HASHES = 2**62  # so many that no two beginnings of subwords share one


class PrefixPlaces:
    """The places of `Prefixes` for a vocabulary, in a graph and outside.

    Attributes:
        ranks: (V,) of `Prefixes`; as many as there are logits.
    """

    def __init__(self, subwords: Subwords) -> None:
        self._subwords = subwords
        self._pieces = subwords.pieces(range(subwords.size))
        texts = sorted(self._pieces[subwords.first_text :])  # no special ones and no bytes
        rank = {text: place for place, text in enumerate(texts)}
        ranks = [rank.get(piece, -1) for piece in self._pieces]
        self.ranks = np.pad(
            np.array(ranks, np.int32), (0, -len(ranks) % MULTIPLE), constant_values=-1
        )
        self._longest = max(map(len, texts), default=1)  # characters of a subword
        found = {text[:end] for text in texts for end in range(1, len(text) + 1)}
        beginnings = sorted(found | {WORD_START})
        ranges = [_range(texts, each) for each in beginnings]
        self._new_word = (NEW_WORD, *_range(texts, WORD_START))
        hashes = _hashed(tf.constant(beginnings)).numpy()
        order = np.argsort(hashes)
        self._hashes, self._ranges = hashes[order], np.array(ranges, np.int32)[order]

    def of_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Places (B, P, 3) of prefixes; all of a blank one are free.

        Raises:
            DataError: the vocabulary, which has no bytes, lacks a symbol of a prefix.
        """
        ids = tf.ragged.constant(self._subwords.encode_known(texts), tf.int32, ragged_rank=1)
        spaced = [re.fullmatch(ENDS_IN_SPACE, text) is not None for text in texts]
        return self._of_ids(ids, tf.constant(spaced, tf.bool)).numpy()

    def of_tensors(self, texts: tf.Tensor, ids: tf.RaggedTensor) -> tf.Tensor:
        """The same inside a graph.

        Args:
            texts: (B,) UTF-8.
            ids: (B, None) of these texts.
        """
        return self._of_ids(ids, tf.strings.regex_full_match(texts, ENDS_IN_SPACE))

    def exact(self, ids: Sequence[int]) -> np.ndarray:
        """Places (1, P, 3) of subwords that are forced as they are, whatever follows them."""
        return np.array([[*([i, 0, 0] for i in ids), [FREE, 0, 0]]], np.int32)

    def _of_ids(self, ids: tf.RaggedTensor, spaced_B: tf.Tensor) -> tf.Tensor:
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


def _range(texts: Sequence[str], beginning: str) -> tuple[int, int]:
    """Places of the texts, which are sorted, that begin so."""
    return bisect_left(texts, beginning), bisect_left(texts, beginning + chr(0x10FFFF))


def _hashed(texts: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_hash_bucket_fast(texts, HASHES)
