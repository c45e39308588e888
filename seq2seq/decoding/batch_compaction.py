"""Batch compaction: a loop over output steps that sentences leave when they are done.

The last sentences of a batch would otherwise pay for all those that ended before: whenever a
quarter of a batch is done, its results are put aside and the rest goes on as a smaller batch.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from seq2seq.decoding.step import Tensor
from seq2seq.gather import gather

Nest = Any  # nested tuples and lists of tensors whose first axis is the sentences
# Batches shrink to multiples of this many sentences: matrix libraries cache something for every
# size.
ROW_MULTIPLE = 8


def compacting_loop(
    going_on: Callable[[Tensor, Nest, Nest], Tensor],
    advance: Callable[[Tensor, Nest, Nest], tuple[Nest, Nest]],
    kept: Nest,
    working: Nest,
    longest: Tensor,
    compacting: bool = True,
) -> Nest:
    """Repeats a step until every sentence is done, or `longest` steps were taken.

    Args:
        going_on: whether each sentence needs another step: (step, kept, working) -> (B,) bool.
        advance: the step: (step, kept, working) -> the new kept and working.
        kept: tensors (B, ...) of the result.
        working: tensors (B, ...) that only the steps need.
        longest: the most steps.
        compacting: whether sentences leave the batch. If not, the batch stays whole, and all is one
            plain loop: other runtimes prepare constants for one, and hardly for loops in loops.

    Returns:
        `kept` of every sentence, as it was when the sentence was done or some steps later.
    """

    def one_step(step: Tensor, kept: Nest, working: Nest) -> tuple:
        return (step + 1, *advance(step, kept, working))

    zero = ops.cast(0, "int32")
    batch = keras.tree.flatten(kept)[0].shape[0]
    if batch == 0:
        return kept
    if not compacting or (batch is not None and batch <= ROW_MULTIPLE):

        def any_goes_on(step: Tensor, kept: Nest, working: Nest) -> Tensor:
            return (step < longest) & ops.any(going_on(step, kept, working))

        return ops.while_loop(any_goes_on, one_step, (zero, kept, working))[1]

    def some_left(step: Tensor, rows: Tensor, *_: Nest) -> Tensor:
        return ops.shape(rows)[0] > 0

    def run_and_compact(
        step: Tensor, rows: Tensor, found: Nest, kept: Nest, working: Nest
    ) -> tuple:
        count = ops.shape(rows)[0]
        few_enough = count * 3 // 4 // ROW_MULTIPLE * ROW_MULTIPLE  # so that some rows do leave

        def most_go_on(step: Tensor, kept: Nest, working: Nest) -> Tensor:
            left = ops.sum(ops.cast(going_on(step, kept, working), "int32"))
            return (step < longest) & (left > few_enough)

        step, kept, working = ops.while_loop(most_go_on, one_step, (step, kept, working))
        found = keras.tree.map_structure(lambda whole, part: _put(whole, rows, part), found, kept)
        going = (step < longest) & going_on(step, kept, working)
        left = ops.sum(ops.cast(going, "int32"))
        staying = ops.minimum(count, (left + ROW_MULTIPLE - 1) // ROW_MULTIPLE * ROW_MULTIPLE)
        first = ops.cast(ops.argsort(ops.cast(~going, "int32")), "int32")[:staying]
        return (
            step,
            gather(rows, first),
            found,
            _rows(kept, first),
            _rows(working, first),
        )

    # Not `arange`: the number of rows must not be known while tracing, since it changes.
    count = ops.shape(keras.tree.flatten(kept)[0])[0]
    rows = ops.cast(ops.nonzero(ops.ones((count,), dtype="bool"))[0], "int32")
    if batch is not None:
        kept, working = _rows(kept, rows), _rows(working, rows)
    everything = (zero, rows, kept, kept, working)
    return ops.while_loop(some_left, run_and_compact, everything)[2]


def _rows(nest: Nest, rows: Tensor) -> Nest:
    return keras.tree.map_structure(lambda each: gather(each, rows), nest)


def _put(whole: Tensor, rows: Tensor, part: Tensor) -> Tensor:
    if 0 in whole.shape:  # attention that is not kept; TensorFlow refuses to scatter nothing
        return whole
    return ops.scatter_update(whole, rows[:, None], part)
