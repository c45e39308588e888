"""Elements by index are NumPy's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from seq2seq.gather import gather, gather_along


@given(st.data(), array_shapes(min_dims=1, max_dims=4, max_side=4), array_shapes(max_side=3))
def test_an_axis_is_replaced_by_what_stands_at_the_indices(data, shape, places):
    axis = data.draw(st.integers(0, len(shape) - 1))
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    indices = random.integers(0, shape[axis], places, dtype=np.int32)
    found = np.asarray(gather(values, indices, axis))
    np.testing.assert_array_equal(found, np.take(values, indices, axis))


@given(st.data(), array_shapes(min_dims=1, max_dims=4, max_side=4), st.integers(1, 3))
def test_each_place_of_the_other_axes_has_indices_of_its_own(data, shape, count):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    indices = random.integers(0, shape[-1], (*shape[:-1], count), dtype=np.int32)
    found = np.asarray(gather_along(values, indices))
    np.testing.assert_array_equal(found, np.take_along_axis(values, indices, axis=-1))
