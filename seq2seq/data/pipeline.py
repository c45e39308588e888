"""Training batches from pairs of ids, by tf.data steps.

A step is a function dataset -> dataset, used as `pairs.apply(step(...))`. Every step is
deterministic, so the batches of an epoch are a function of (files, settings, seed, epoch; and
TensorFlow's global seed where a program sets one), and a position in the data is two numbers: the
epoch and how many of its batches were used.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from seq2seq.data.id_rows import IdRows, padded_batch

Dataset = Any  # tf.data.Dataset; TensorFlow ships no types
Step = Callable[[Dataset], Dataset]
Draw = Callable[[np.ndarray], IdRows]
Lengths = Callable[[int], tuple[np.ndarray, np.ndarray]]

CHUNK = 512  # pairs drawn in one call
WINDOW = 8192  # pairs sorted by length before they are cut into batches
BATCHES_SHUFFLED = 512  # of a window's sorted batches, and of the next window's

_as_written = tf.autograph.experimental.do_not_convert  # nothing here needs a second reading


def keep_lengths(longest: int) -> Step:
    """A step that drops pairs with an empty side, or one above `longest` subwords.

    BOS and EOS are not counted.

    >>> pairs = tf.data.Dataset.from_tensors((tf.range(9), tf.range(3)))
    >>> len(list(pairs.apply(keep_lengths(longest=5))))
    0
    """

    @_as_written
    def fits(source_ids: tf.Tensor, target_ids: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        lengths = tf.stack([tf.size(source_ids), tf.size(target_ids)])
        return tf.reduce_all((lengths > 0) & (lengths <= longest))

    return lambda pairs: pairs.filter(fits)


def concatenate(share: float, longest: int, seed: int) -> Step:
    """A step that makes one pair of some pairs and the pair after each: sources, and targets.

    Nguyen et al. 2021, https://aclanthology.org/2021.iwslt-1.33, add such pairs of random sentences
    to the others; here a pair is either joined or not, so that an epoch takes no longer.

    Args:
        share: probability that a pair is joined with the next.
        longest: the most subwords of a joined side; longer ones stay apart.
        seed: of the choice.
    """

    def kept(window: int, source_splits: np.ndarray, target_splits: np.ndarray) -> np.ndarray:
        """Which splits are left; the others are where a pair goes on."""
        draws = np.random.default_rng((seed, int(window))).random(len(source_splits))
        found = np.ones(len(source_splits), bool)
        for pair in range(len(source_splits) - 2):
            sides = [splits[pair + 2] - splits[pair] for splits in (source_splits, target_splits)]
            begins_here = found[pair]
            found[pair + 1] = not begins_here or draws[pair] >= share or max(sides) > longest
        return found

    @_as_written
    def joined(window: tf.Tensor, pairs: tuple) -> tuple:
        splits = [side.row_splits for side in pairs]
        left = tf.ensure_shape(tf.numpy_function(kept, [window, *splits], tf.bool), (None,))
        return tuple(
            tf.RaggedTensor.from_row_splits(
                side.values, tf.boolean_mask(side.row_splits, left), validate=False
            )
            for side in pairs
        )

    def step(pairs: Dataset) -> Dataset:
        windows = pairs.ragged_batch(WINDOW).enumerate()
        return windows.map(joined, num_parallel_calls=tf.data.AUTOTUNE).unbatch()

    return step


def batch_by_tokens(tokens: int, seed: int) -> Step:
    """A step from pairs of ids to batches of pairs of similar length, in random order.

    Batches are those of `padded_batch`, and behind them the pairs' weights (B,) if pairs have any;
    B * T is at most `tokens` and B * S at most twice that, unless one pair alone is longer.
    """

    @_as_written
    def cut(sources: tf.RaggedTensor, targets: tf.RaggedTensor, *weights: tf.Tensor) -> Dataset:
        batches = _in_batches(
            lambda source_lengths, target_lengths: _cut(source_lengths, target_lengths, tokens),
            sources.row_lengths() + 1,
            targets.row_lengths() + 1,
        )
        window = [sources.flat_values, sources.row_splits, targets.flat_values, targets.row_splits]

        @_as_written
        def padded(rows: tf.Tensor) -> tuple:
            sides = tf.numpy_function(_padded_of_window, [rows, *window], [tf.int32] * 3)
            return (*sides, *(tf.gather(each, rows) for each in weights))

        return tf.data.Dataset.from_tensor_slices(batches).map(padded)

    return lambda pairs: (
        pairs.ragged_batch(WINDOW).flat_map(cut).apply(_shuffled(seed)).map(_with_shapes)
    )


def row_batches(
    sources: IdRows,
    targets: IdRows,
    rows: np.ndarray,
    shuffle_buffer: int,
    tokens: int,
    seed: int,
) -> Dataset:
    """The batches of an epoch, as the numbers (B,) of their rows.

    Args:
        sources: ids of every pair, in the order of the text.
        targets: ids of the other side.
        rows: those of the epoch, in order; some may come several times.
        shuffle_buffer: pairs held while shuffling.
        tokens: the most target tokens in a batch, padding counted.
        seed: of the order.
    """
    source_lengths, target_lengths = sources.lengths() + 1, targets.lengths() + 1

    def cut_rows(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        window = rows[places]
        order, splits = _cut(source_lengths[window], target_lengths[window], tokens)
        return window[order], splits

    @_as_written
    def cut(places: tf.Tensor) -> Dataset:
        return tf.data.Dataset.from_tensor_slices(_in_batches(cut_rows, places))

    places = tf.data.Dataset.range(len(rows))
    places = places.shuffle(shuffle_buffer, seed=seed, reshuffle_each_iteration=False)
    return places.batch(WINDOW).flat_map(cut).apply(_shuffled(seed))


def window_batches(windows: int, lengths: Lengths, tokens: int, seed: int) -> Dataset:
    """The batches of an epoch that is read window by window: places (B,) in the epoch.

    All of a batch are in one window: the n-th one's places begin at n * WINDOW.

    Args:
        windows: how many there are, of at most WINDOW pairs each.
        lengths: source and target lengths (n,) of the pairs of a window, by its number.
        tokens: the most target tokens in a batch, padding counted.
        seed: of the order of batches.
    """

    def cut_window(window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sources, targets = lengths(int(window))
        order, splits = _cut(sources + 1, targets + 1, tokens)
        return order + window * WINDOW, splits

    @_as_written
    def cut(window: tf.Tensor) -> Dataset:
        return tf.data.Dataset.from_tensor_slices(_in_batches(cut_window, window))

    return tf.data.Dataset.range(windows).flat_map(cut).apply(_shuffled(seed))


def count_cut(sources: np.ndarray, targets: np.ndarray, tokens: int) -> int:
    """Batches that a window of pairs of these lengths (n,) is cut into."""
    return len(_cut(sources + 1, targets + 1, tokens)[1]) - 1


def padded_batches(
    rows: Dataset, sources: IdRows, targets: IdRows, pair_weights: np.ndarray | None = None
) -> Dataset:
    """Row numbers of batches to the batches themselves.

    Args:
        rows: of each batch (B,).
        sources: ids of all pairs.
        targets: ids of the other side.
        pair_weights: of all pairs; a batch has those of its pairs (B,) last.
    """

    @_as_written
    def padded(rows: tf.Tensor) -> tuple:
        batch = tf.numpy_function(
            lambda rows: tuple(padded_batch(sources, targets, rows)), [rows], [tf.int32] * 3
        )
        return (*batch, *_weights_of(pair_weights, rows))

    return rows.map(padded).map(_with_shapes)


def _weights_of(pair_weights: np.ndarray | None, rows: tf.Tensor) -> list[tf.Tensor]:
    """Of some pairs (n,), if pairs have weights."""
    if pair_weights is None:
        return []
    # tf.gather would copy the weights of all pairs into each epoch's graph.
    found = tf.numpy_function(lambda rows: pair_weights[rows], [rows], tf.float32)
    return [tf.ensure_shape(found, (None,))]


def drawn_pairs(
    count: int,
    draw_sources: Draw,
    draw_targets: Draw,
    longest: int,
    shuffle_buffer: int,
    seed: int,
    pair_weights: np.ndarray | None = None,
) -> Dataset:
    """Pairs of ids (S,), (T,) in random order, which are drawn when they are needed.

    Args:
        count: pairs.
        draw_sources: ids of some pairs by their numbers (n,).
        draw_targets: ids of the other side.
        longest: the most subwords of a side, BOS and EOS not counted; longer pairs are left out.
        shuffle_buffer: pairs held while shuffling.
        seed: of the order.
        pair_weights: of all pairs, which then stand behind their ids.
    """

    @_as_written
    def draw_both(places: tf.Tensor) -> tuple:
        ids = _drawn(draw_sources, places), _drawn(draw_targets, places)
        return (*ids, *_weights_of(pair_weights, places))

    places = tf.data.Dataset.range(count)
    places = places.shuffle(shuffle_buffer, seed=seed, reshuffle_each_iteration=False)
    drawn = places.batch(CHUNK).map(
        draw_both, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    return drawn.unbatch().apply(keep_lengths(longest))


def _drawn(draw: Draw, places: tf.Tensor) -> tf.RaggedTensor:
    def arrays(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = draw(places)
        return rows.flat, rows.splits

    flat, splits = tf.numpy_function(arrays, [places], [tf.int32, tf.int64])
    flat, splits = tf.ensure_shape(flat, (None,)), tf.ensure_shape(splits, (None,))
    return tf.RaggedTensor.from_row_splits(flat, splits)


def _cut(
    source_lengths: np.ndarray, target_lengths: np.ndarray, tokens: int
) -> tuple[np.ndarray, np.ndarray]:
    """The order by length, and the row splits of the batches within that order."""
    order = np.lexsort((source_lengths, target_lengths))
    sources, targets = source_lengths[order], target_lengths[order]
    ends = [0]
    while ends[-1] < len(order):
        first = ends[-1]
        most = first + max(1, tokens // int(targets[first])) + 1  # more rows are never in a batch
        longest = np.maximum.accumulate(sources[first:most])
        sizes = np.arange(1, len(longest) + 1) * np.maximum(longest / 2, targets[first:most])
        too_large = sizes > tokens
        too_large[0] = False
        ends.append(first + int(too_large.argmax()) if too_large.any() else len(order))
    return order.astype(np.int64), np.array(ends, np.int64)


def _in_batches(
    cut: Callable[..., tuple[np.ndarray, np.ndarray]], *inputs: tf.Tensor
) -> tf.RaggedTensor:
    """What `cut` gives, as a row for each batch."""
    order, splits = tf.numpy_function(cut, inputs, [tf.int64, tf.int64])
    order, splits = tf.ensure_shape(order, (None,)), tf.ensure_shape(splits, (None,))
    return tf.RaggedTensor.from_row_splits(order, splits, validate=False)


def _shuffled(seed: int) -> Step:
    return lambda batches: batches.shuffle(
        BATCHES_SHUFFLED, seed=seed, reshuffle_each_iteration=False
    )


def _padded_of_window(
    rows: np.ndarray,
    sources: np.ndarray,
    source_splits: np.ndarray,
    targets: np.ndarray,
    target_splits: np.ndarray,
) -> tuple:
    return tuple(padded_batch(IdRows(sources, source_splits), IdRows(targets, target_splits), rows))


@_as_written
def _with_shapes(*batch: tf.Tensor) -> tuple:
    return (*(tf.ensure_shape(side, (None, None)) for side in batch[:3]), *batch[3:])
