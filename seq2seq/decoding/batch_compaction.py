"""A loop over output steps that sentences leave when they are done.

A batch's last sentences would otherwise pay for all those that ended before: whenever a quarter of
a batch is done, what they found is put aside and the rest goes on as a smaller batch.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from seq2seq.decoding.step import Tensor

Nest = Any  # nested tuples and lists of tensors whose first axis is the sentences
MULTIPLE = 8  # sentences; few sizes, since matrix libraries keep something for each that they met


def shrinking_loop(
    going_on: Callable[[Tensor, Nest, Nest], Tensor],
    advance: Callable[[Tensor, Nest, Nest], tuple[Nest, Nest]],
    kept: Nest,
    working: Nest,
    longest: Tensor,
    shrinking: bool = True,
) -> Nest:
    """Advances until no sentence goes on, or `longest` steps are done.

    Args:
        going_on: (step, kept, working) -> (B,) bool.
        advance: (step, kept, working) -> the new kept and working.
        kept: what is wanted in the end, tensors (B, ...).
        working: what only the steps need, tensors (B, ...).
        longest: steps at most.
        shrinking: if not, the batch stays whole, and all is one plain loop: other runtimes prepare
            constants for one, and hardly for loops in loops.

    Returns:
        `kept` of every sentence, as it was when the sentence was done or some steps later.
    """

    def one_step(step: Tensor, kept: Nest, working: Nest) -> tuple:
        return (step + 1, *advance(step, kept, working))

    zero = ops.cast(0, "int32")
    batch = keras.tree.flatten(kept)[0].shape[0]
    if batch == 0:
        return kept
    if not shrinking or (batch is not None and batch <= MULTIPLE):

        def any_goes_on(step: Tensor, kept: Nest, working: Nest) -> Tensor:
            return (step < longest) & ops.any(going_on(step, kept, working))

        return ops.while_loop(any_goes_on, one_step, (zero, kept, working))[1]

    def some_left(step: Tensor, rows: Tensor, *_: Nest) -> Tensor:
        return ops.shape(rows)[0] > 0

    def run_and_shrink(step: Tensor, rows: Tensor, found: Nest, kept: Nest, working: Nest) -> tuple:
        count = ops.shape(rows)[0]
        few_enough = count * 3 // 4 // MULTIPLE * MULTIPLE  # so that some rows do leave

        def most_go_on(step: Tensor, kept: Nest, working: Nest) -> Tensor:
            left = ops.sum(ops.cast(going_on(step, kept, working), "int32"))
            return (step < longest) & (left > few_enough)

        step, kept, working = ops.while_loop(most_go_on, one_step, (step, kept, working))
        found = keras.tree.map_structure(lambda whole, part: _put(whole, rows, part), found, kept)
        going = (step < longest) & going_on(step, kept, working)
        left = ops.sum(ops.cast(going, "int32"))
        staying = ops.minimum(count, (left + MULTIPLE - 1) // MULTIPLE * MULTIPLE)
        first = ops.cast(ops.argsort(ops.cast(~going, "int32")), "int32")[:staying]
        return (
            step,
            ops.take(rows, first, axis=0),
            found,
            _rows(kept, first),
            _rows(working, first),
        )

    # Not `arange`: the rows' number must not be known while tracing, since it changes.
    count = ops.shape(keras.tree.flatten(kept)[0])[0]
    rows = ops.cast(ops.nonzero(ops.ones((count,), dtype="bool"))[0], "int32")
    if batch is not None:
        kept, working = _rows(kept, rows), _rows(working, rows)
    start = (zero, rows, kept, kept, working)
    return ops.while_loop(some_left, run_and_shrink, start)[2]


def _rows(nest: Nest, rows: Tensor) -> Nest:
    return keras.tree.map_structure(lambda each: ops.take(each, rows, axis=0), nest)


def _put(whole: Tensor, rows: Tensor, part: Tensor) -> Tensor:
    if 0 in whole.shape:  # attention that is not kept; TensorFlow refuses to scatter nothing
        return whole
    return ops.scatter_update(whole, rows[:, None], part)
