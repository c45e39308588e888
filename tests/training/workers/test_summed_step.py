"""Steps over several batches: what one larger batch would do, on one process and on two."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import toy_steps
from free_ports import free_addresses
from toy_steps import LENGTHS, RATE, MeanOfMeans, drawn, optimization, values_of

from seq2seq.training.train_step import Optimization
from seq2seq.training.workers.summed_step import SummedOptimization


def joined(batches):
    """One batch with the rows of all."""
    longest = max(LENGTHS)
    return tuple(
        tf.concat([tf.pad(ids, [[0, 0], [0, longest - ids.shape[1]]]) for ids in side], axis=0)
        for side in zip(*batches, strict=True)
    )


def after_steps(network, together):
    """Losses, and weights, averages and moments, after some steps over the same text."""
    draw, losses = np.random.default_rng(5), []
    for _ in range(9):  # averages move at the eighth
        batches = list(drawn(draw))
        losses.append(network.step_over([joined(batches)] if together else batches, RATE).loss)
    return losses, values_of(network)


@pytest.mark.parametrize("consistency", [pytest.param(0.0, marks=pytest.mark.long), 2.0])
def test_several_batches_are_one_larger_one(consistency):
    losses, values = after_steps(optimization(SummedOptimization, consistency=consistency), False)
    one = after_steps(optimization(Optimization, consistency=consistency), True)
    np.testing.assert_allclose(losses, one[0], atol=1e-5)
    np.testing.assert_allclose(values, one[1], atol=1e-5)


def test_control_a_mean_of_means_is_another_step():
    _, values = after_steps(optimization(MeanOfMeans), False)
    _, one = after_steps(optimization(Optimization), True)
    assert np.abs(values - one).max() > 1e-3


def test_a_step_says_what_it_was_over():
    batches = list(drawn(np.random.default_rng(5)))
    network = optimization(SummedOptimization)
    tokens = sum(int(np.count_nonzero(batch[2])) for batch in batches)
    assert network.step_over(batches, 0.0)[1:] == (tokens, 3, 0)
    assert network.step_over(batches[:1], 0.0).batches == 1  # sums begin anew


def of_workers(number, folder, *kind):
    """What the steps of several processes gave, each with its share of every batch."""
    addresses = ",".join(free_addresses(number))
    files = [folder / f"{index}.npz" for index in range(number)]
    processes = [
        subprocess.Popen(
            [sys.executable, toy_steps.__file__, addresses, str(index), str(file), *kind]
        )
        for index, file in enumerate(files)
    ]
    assert [process.wait(timeout=240) for process in processes] == [0] * number
    return [np.load(file) for file in files]


@pytest.fixture(scope="module")
def whole_batches():
    """Losses and values of one process that takes the whole of every batch."""
    network, draw = optimization(Optimization), np.random.default_rng(5)
    losses = [network.step_over(list(drawn(draw, (7,))), RATE).loss for _ in range(20)]
    return losses, values_of(network)


@pytest.mark.long
@pytest.mark.parametrize("workers", [2, 4])
def test_workers_with_shares_of_a_batch_are_one_process_with_whole_batches(
    workers, whole_batches, tmp_path
):
    first, *others = of_workers(workers, tmp_path)
    np.testing.assert_allclose(first["values"], whole_batches[1], atol=1e-5)
    np.testing.assert_allclose(first["losses"], whole_batches[0], atol=1e-5)
    assert all(np.array_equal(first["values"], each["values"]) for each in others)


@pytest.mark.long
def test_control_workers_that_each_take_their_own_mean_are_not(whole_batches, tmp_path):
    found = of_workers(2, tmp_path, "MeanOfMeans")[0]["values"]
    assert np.abs(found - whole_batches[1]).max() > 1e-3
