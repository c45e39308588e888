"""Rows of a request computed in groups of similar length, so that its size costs time, not memory.

Shape suffixes: N rows.
"""

from collections.abc import Callable, Mapping

import tensorflow as tf

Fields = dict[str, tf.Tensor]  # the first dimension of each is the rows


def in_groups(
    compute: Callable[[tf.Tensor], Fields],
    lengths_N: tf.Tensor,
    tokens: int,
    outputs: Mapping[str, tf.TensorSpec],
) -> Fields:
    """What `compute` gives for each row, in the order of the rows; to be traced.

    Args:
        compute: takes the numbers of some rows, (n,); called with none if there are none at all.
        lengths_N: of each row.
        tokens: of a group at most, padding counted; a longer row is a group by itself.
        outputs: types and shapes of what `compute` returns; but for the rows, all groups' are
            alike.
    """
    order_N = tf.argsort(lengths_N, stable=True)
    ascending_N = tf.gather(lengths_N, order_N)
    count = tf.size(order_N)

    def compute_group(number: tf.Tensor, start: tf.Tensor, *arrays: tf.TensorArray) -> tuple:
        some = ascending_N[start : start + tokens]
        padded = tf.range(1, tf.size(some) + 1) * some
        size = tf.maximum(tf.reduce_sum(tf.cast(padded <= tokens, tf.int32)), 1)
        found = compute(order_N[start : start + size])
        written = [
            array.write(number, found[name]) for name, array in zip(outputs, arrays, strict=True)
        ]
        return number + 1, start + size, *written

    arrays = [
        tf.TensorArray(spec.dtype, 0, True, element_shape=spec.shape, infer_shape=False)
        for spec in outputs.values()
    ]
    _, _, *arrays = tf.while_loop(
        lambda number, start, *_: tf.equal(number, 0) | (start < count),
        compute_group,
        (0, 0, *arrays),
        parallel_iterations=1,  # more would hold several groups in memory
    )
    back_N = tf.math.invert_permutation(order_N)
    return {
        name: tf.gather(array.concat(), back_N) for name, array in zip(outputs, arrays, strict=True)
    }
