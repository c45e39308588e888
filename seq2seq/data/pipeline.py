"""Training batches from two text files, by tf.data steps that never hold a file whole.

A step is a function dataset -> dataset, used as `pairs.apply(step(...))`. Every step is
deterministic, so the batches of an epoch are a function of (files, settings, seed, epoch; and
TensorFlow's global seed where a program sets one), and a
position in the data is two
numbers: the epoch and how many of its batches were used.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from seq2seq.data.lines import read_pairs
from seq2seq.data.subwords import BOS, EOS, PAD

Dataset = Any  # tf.data.Dataset; TensorFlow ships no types
Step = Callable[[Dataset], Dataset]
Encode = Callable[[tf.Tensor, tf.Tensor], tf.RaggedTensor]

CHUNK = 512  # lines encoded in one call
WINDOW = 8192  # pairs sorted by length before they are cut into batches
BATCHES_SHUFFLED = 512  # of a window's sorted batches, and of the next window's


def text_pairs(source_path: Path, target_path: Path) -> Dataset:
    """A dataset of chunks: number of the first line, source lines (n,), target lines (n,)."""

    def chunks() -> Iterator[tuple[int, list[str], list[str]]]:
        lines = read_pairs(source_path, target_path)
        first = 0
        while chunk := list(islice(lines, CHUNK)):
            sources, targets = zip(*chunk, strict=True)
            yield first, list(sources), list(targets)
            first += len(chunk)

    lines = tf.TensorSpec((None,), tf.string)
    return tf.data.Dataset.from_generator(
        chunks, output_signature=(tf.TensorSpec((), tf.int64), lines, lines)
    )


def encode(encode_source: Encode, encode_target: Encode) -> Step:
    """A step from chunks of text to single pairs of ids (S,), (T,), in order, encoded in parallel.

    Args:
        encode_source: (lines (n,), number of the first line) -> ids (n, None).
        encode_target: the same for the other side.
    """

    def encode_chunk(first: tf.Tensor, sources: tf.Tensor, targets: tf.Tensor) -> tuple:
        return encode_source(sources, first), encode_target(targets, first)

    return lambda chunks: chunks.map(
        encode_chunk, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    ).unbatch()


def keep_lengths(longest: int) -> Step:
    """A step that drops pairs with an empty side, or one above `longest` subwords.

    BOS and EOS are not counted.

    >>> pairs = tf.data.Dataset.from_tensors((tf.range(9), tf.range(3)))
    >>> len(list(pairs.apply(keep_lengths(longest=5))))
    0
    """

    def fits(source_ids: tf.Tensor, target_ids: tf.Tensor) -> tf.Tensor:
        lengths = tf.stack([tf.size(source_ids), tf.size(target_ids)])
        return tf.reduce_all((lengths > 0) & (lengths <= longest))

    return lambda pairs: pairs.filter(fits)


def batch_by_tokens(tokens: int, seed: int) -> Step:
    """A step from pairs of ids to batches of pairs of similar length, in random order.

    A batch holds (source_ids (B, S) ending in EOS, target_in (B, T) starting with BOS, target_out
    (B, T) ending in EOS), padded with PAD; B * T is at most `tokens` and B * S at most twice that,
    unless one pair alone is longer.
    """

    def cut(sources: tf.RaggedTensor, targets: tf.RaggedTensor) -> Dataset:
        source_lengths = sources.row_lengths() + 1
        target_lengths = targets.row_lengths() + 1
        order, ends = tf.numpy_function(
            lambda s, t: _cut(s, t, tokens), [source_lengths, target_lengths], [tf.int64, tf.int64]
        )
        rows = tf.RaggedTensor.from_row_splits(
            tf.ensure_shape(order, (None,)), tf.ensure_shape(ends, (None,))
        )
        return tf.data.Dataset.from_tensor_slices(rows).map(
            lambda batch: _padded(tf.gather(sources, batch), tf.gather(targets, batch))
        )

    return lambda pairs: (
        pairs.ragged_batch(WINDOW)
        .flat_map(cut)
        .shuffle(BATCHES_SHUFFLED, seed=seed, reshuffle_each_iteration=False)
    )


def pad_in_order(sentences: int) -> Step:
    """A step from pairs of ids to batches of `sentences` pairs, in order.

    The shapes are those of `batch_by_tokens`.
    """
    return lambda pairs: pairs.ragged_batch(sentences).map(_padded)


def training_batches(
    chunks: Dataset, encode_step: Step, longest: int, shuffle_buffer: int, tokens: int, seed: int
) -> Dataset:
    """The batches of one epoch, by all steps in their order.

    Args:
        chunks: text, from `text_pairs`.
        encode_step: from `encode`.
        longest: the most subwords of a side, BOS and EOS not counted.
        shuffle_buffer: pairs held while shuffling.
        tokens: the most target tokens in a batch, padding counted.
        seed: of the order.

    Returns:
        Batches as `batch_by_tokens` has them.
    """
    return (
        chunks.apply(encode_step)
        .apply(keep_lengths(longest))
        .shuffle(shuffle_buffer, seed=seed, reshuffle_each_iteration=False)
        .apply(batch_by_tokens(tokens, seed))
    )


def _cut(
    source_lengths: np.ndarray, target_lengths: np.ndarray, tokens: int
) -> tuple[np.ndarray, np.ndarray]:
    """The order by length, and the row splits of the batches within that order."""
    order = np.lexsort((source_lengths, target_lengths))
    ends = [0]
    longest_source = 0
    for row, pair in enumerate(order):
        longest_source = max(longest_source, source_lengths[pair])
        count = row + 1 - ends[-1]
        if count > 1 and count * max(longest_source / 2, target_lengths[pair]) > tokens:
            ends.append(row)
            longest_source = source_lengths[pair]
    return order.astype(np.int64), np.array([*ends, len(order)], np.int64)


def _padded(sources: tf.RaggedTensor, targets: tf.RaggedTensor) -> tuple:
    bos = tf.fill((targets.nrows(), 1), BOS)
    eos = tf.fill((targets.nrows(), 1), EOS)
    return (
        tf.concat([sources, eos], axis=1).to_tensor(PAD),
        tf.concat([bos, targets], axis=1).to_tensor(PAD),
        tf.concat([targets, eos], axis=1).to_tensor(PAD),
    )
