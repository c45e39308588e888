"""The batches of a training: one seeded stream for each epoch."""

import itertools

import numpy as np
import tensorflow as tf

from seq2seq.config.sections import RunConfig
from seq2seq.data.pipeline import (
    Dataset,
    Encode,
    encode,
    padded_batches,
    row_batches,
    text_pairs,
    training_batches,
)
from seq2seq.data.subword_regularization import SubwordSampler
from seq2seq.data.subwords import Subwords
from seq2seq.training.encoded_corpus import EncodedCorpus

PREFETCHED = 8  # batches


class Epochs:
    """The batches of each epoch (from 0), a function of settings, seed, and epoch alone.

    Args:
        config: settings of a run.
        subwords: its vocabulary.
        corpus: its training text, encoded.
    """

    def __init__(self, config: RunConfig, subwords: Subwords, corpus: EncodedCorpus) -> None:
        self._config = config
        self._subwords = subwords
        self._corpus = corpus

    def batches(self, epoch: int, used: int = 0) -> Dataset:
        """Those after the first `used`, made while the step before still runs."""
        if self._config.subwords.sampling:
            batches = self._sampled(epoch).skip(used)
        else:
            sides = self._corpus.sources, self._corpus.targets
            batches = padded_batches(self._rows(epoch).skip(used), *sides)
        return batches.prefetch(PREFETCHED)

    def count(self) -> int:
        """Batches of the first epoch; runs through it."""
        batches = self._sampled(0) if self._config.subwords.sampling else self._rows(0)
        return sum(1 for _ in batches)

    def _rows(self, epoch: int) -> Dataset:
        """Row numbers of the batches of an epoch."""
        corpus, data = self._corpus, self._config.data
        return row_batches(
            corpus.sources,
            corpus.targets,
            corpus.usable,
            shuffle_buffer=data.shuffle_buffer,
            tokens=data.batch_tokens,
            seed=_seed(self._config.training.seed, epoch),
        )

    def _sampled(self, epoch: int) -> Dataset:
        """Batches of an epoch whose words are segmented anew, from the text."""
        data, subwords = self._config.data, self._config.subwords
        sampler = SubwordSampler(self._subwords, subwords.sampling, subwords.sampling_smoothness)
        seeds = [_seed(self._config.training.seed, epoch, side) for side in (1, 2)]
        return training_batches(
            text_pairs(data.train_source, data.train_target),
            encode(_sampling(sampler, seeds[0]), _sampling(sampler, seeds[1])),
            longest=data.longest,
            shuffle_buffer=data.shuffle_buffer,
            tokens=data.batch_tokens,
            seed=_seed(self._config.training.seed, epoch),
        )


def _sampling(sampler: SubwordSampler, seed: int) -> Encode:
    """Draws each line's segmentation from (seed, line number)."""

    def draw(texts: np.ndarray, first: np.int64) -> tuple[np.ndarray, np.ndarray]:
        rows = [
            sampler.encode(text.decode(), seed + int(first) + n) for n, text in enumerate(texts)
        ]
        flat = np.fromiter(itertools.chain.from_iterable(rows), np.int32)
        return flat, np.array([len(row) for row in rows], np.int64)

    def encode_lines(texts: tf.Tensor, first: tf.Tensor) -> tf.RaggedTensor:
        flat, lengths = tf.numpy_function(draw, [texts, first], [tf.int32, tf.int64])
        flat, lengths = tf.ensure_shape(flat, (None,)), tf.ensure_shape(lengths, (None,))
        return tf.RaggedTensor.from_row_lengths(flat, lengths)

    return encode_lines


def _seed(*numbers: int) -> int:
    """One well-mixed seed below 2**31 from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0]) % 2**31
