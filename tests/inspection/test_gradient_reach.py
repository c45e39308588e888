"""Curves over the steps back, and how far a curve reaches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.inspection.gradients import by_distance, reach


def test_each_distance_is_the_mean_over_the_losses_that_go_back_as_far():
    norms = np.array([[4.0, 0, 0], [2, 6, 0], [1, 3, 8]])
    np.testing.assert_allclose(by_distance(norms, [0, 1, 2]), [6, 2.5, 1])
    np.testing.assert_allclose(by_distance(norms, [2, 2, 2]), [8 / 3, 3, 7 / 3])


@pytest.mark.parametrize("ends", [[0], [0, 3], [0, -1]])
def test_ends_that_do_not_fit_are_refused(ends):
    with pytest.raises(ValueError, match="norms .2, 3. with ends"):
        by_distance(np.ones((2, 3)), ends)


def test_reach_is_the_farthest_step_that_still_has_the_share():
    assert reach(np.array([1.0, 0.5, 0.009, 0.02, 0.001])) == 3
    assert reach(np.array([1.0, 0.5, 0.009, 0.02, 0.001]), share=0.1) == 1


@given(st.floats(0.1, 0.9), st.floats(1e-6, 1e6))
def test_reach_does_not_depend_on_the_scale(decay, scale):
    curve = decay ** np.arange(30)
    assert reach(curve * scale, 0.011) == reach(curve, 0.011) <= 29


@pytest.mark.parametrize("curve", [[], [0.0, 0.0], [1.0, np.nan]])
def test_a_curve_without_gradients_has_no_reach(curve):
    with pytest.raises(ValueError, match="no reach"):
        reach(np.array(curve))
