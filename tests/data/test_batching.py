"""From pairs to batches: none lost or doubled, budgets held, little padding."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.data.id_rows import IdRows, batches_in_order
from seq2seq.data.pipeline import (
    _cut,
    batch_by_tokens,
    concatenate,
    keep_lengths,
    padded_batches,
    row_batches,
)
from seq2seq.data.subwords import BOS, EOS, PAD

FIRST = 4  # ids below are special
LENGTHS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=80)


def pairs_of(lengths):
    """Pair n is the id FIRST + n, as often as its lengths say."""
    sides = [
        tf.ragged.constant(
            [[FIRST + n] * length for n, length in enumerate(side)], dtype=tf.int32, ragged_rank=1
        )
        for side in zip(*lengths, strict=True)
    ]
    return tf.data.Dataset.from_tensor_slices(tuple(sides))


def random_lengths(count, seed=0):
    """Targets of 1 to 40 ids, sources up to 3 shorter or longer."""
    draw = np.random.default_rng(seed)
    targets = draw.integers(1, 41, count)
    sources = np.maximum(1, targets + draw.integers(-3, 4, count))
    return list(zip(sources.tolist(), targets.tolist(), strict=True))


def content(batches):
    return [tuple(side.tolist() for side in batch) for batch in batches.as_numpy_iterator()]


def numbers(batch):
    """Which pairs a batch holds."""
    return [row[0] - FIRST for row in batch[0]]


def held(lengths):
    """The same pairs, both sides in memory."""
    ids = np.arange(FIRST, FIRST + len(lengths), dtype=np.int32)
    return [
        IdRows(np.repeat(ids, side), np.cumsum([0, *side])) for side in zip(*lengths, strict=True)
    ]


def padding_share(batches, side):
    cells = np.concatenate([batch[side].ravel() for batch in batches])
    return np.mean(cells == PAD)


def test_pairs_with_an_empty_or_overlong_side_are_dropped():
    lengths = [(0, 3), (3, 0), (0, 0), (1, 1), (5, 5), (6, 5), (5, 6), (2, 5)]
    kept = content(pairs_of(lengths).apply(keep_lengths(longest=5)))
    assert [(len(source), len(target)) for source, target in kept] == [(1, 1), (5, 5), (2, 5)]


def test_each_window_of_pairs_is_joined_in_its_own_way(monkeypatch):
    monkeypatch.setattr("seq2seq.data.pipeline.WINDOW", 64)
    found = content(pairs_of([(1, 2)] * 200).apply(concatenate(0.5, longest=40, seed=1)))
    assert [n for source, _ in found for n in source] == list(range(FIRST, FIRST + 200))
    lengths, windows = [], [[], [], [], []]
    for source, target in found:
        lengths.append(len(source))
        assert len(target) == 2 * len(source)
        windows[(source[0] - FIRST) // 64].append(len(source))
    assert set(lengths) == {1, 2}  # joined, and not
    assert list(map(sum, windows)) == [64, 64, 64, 8]  # no pair is joined with the next window's
    assert windows[0] != windows[1] != windows[2] != windows[0]


@settings(deadline=None, max_examples=300)
@given(LENGTHS, st.integers(16, 200))
def test_cutting_uses_each_pair_once_and_fills_batches_up_to_the_budget(lengths, tokens):
    sources, targets = (np.array(side) for side in zip(*lengths, strict=True))

    def fits(pairs):
        cells = len(pairs) * sources[pairs].max(), len(pairs) * targets[pairs].max()
        return cells[0] <= 2 * tokens and cells[1] <= tokens

    order, ends = _cut(sources, targets, tokens)
    batches = np.split(order, ends[1:-1])
    assert sorted(order) == list(range(len(lengths)))
    assert (ends[0], ends[-1]) == (0, len(lengths))
    assert all(len(batch) == 1 or (len(batch) > 1 and fits(batch)) for batch in batches)
    for batch, following in zip(batches, batches[1:], strict=False):
        assert not fits(np.append(batch, following[0]))


@pytest.mark.parametrize("tokens", [16, 64, 1000])
def test_batches_hold_each_pair_once_within_the_budget(tokens):
    lengths = random_lengths(300)
    batches = content(pairs_of(lengths).apply(batch_by_tokens(tokens, seed=1)))
    assert sorted(n for batch in batches for n in numbers(batch)) == list(range(300))
    for source_ids, target_in, _ in batches:
        count = len(source_ids)
        within = count * len(source_ids[0]) <= 2 * tokens and count * len(target_in[0]) <= tokens
        assert within or count == 1


def test_sources_end_in_eos_and_targets_are_shifted_by_one():
    lengths = random_lengths(50)
    for batch in content(pairs_of(lengths).apply(batch_by_tokens(100, seed=1))):
        for n, source_row, in_row, out_row in zip(numbers(batch), *batch, strict=True):
            source, target = ([FIRST + n] * length for length in lengths[n])
            assert source_row == [*source, EOS] + [PAD] * (len(source_row) - len(source) - 1)
            assert in_row == [BOS, *target] + [PAD] * (len(in_row) - len(target) - 1)
            assert out_row == [*target, EOS] + [PAD] * (len(out_row) - len(target) - 1)
        assert min(row.count(PAD) for row in batch[0]) == 0
        assert min(row.count(PAD) for row in batch[1]) == 0


def test_pairs_of_similar_length_share_a_batch():
    lengths = random_lengths(2000)
    batches = list(pairs_of(lengths).apply(batch_by_tokens(512, seed=1)).as_numpy_iterator())
    unsorted = batches_in_order(*held(lengths), 20)
    assert padding_share(batches, 0) < 0.15 < 0.3 < padding_share(unsorted, 0)
    assert padding_share(batches, 1) < 0.05 < 0.3 < padding_share(unsorted, 1)


def test_batches_come_in_an_order_drawn_from_the_seed():
    pairs = pairs_of(random_lengths(500))
    first, again, other = (content(pairs.apply(batch_by_tokens(128, s))) for s in (1, 1, 2))
    assert first == again
    assert first != other
    assert sorted(first) == sorted(other)
    widths = [len(target_in[0]) for _, target_in, _ in first]
    assert widths != sorted(widths)


def test_pairs_are_padded_in_order_for_validation():
    batches = [
        tuple(side.tolist() for side in batch)
        for batch in batches_in_order(*held(random_lengths(50)), 20)
    ]
    assert [numbers(batch) for batch in batches] == [
        list(range(20)),
        list(range(20, 40)),
        list(range(40, 50)),
    ]
    assert {row[0] for _, target_in, _ in batches for row in target_in} == {BOS}


@pytest.mark.parametrize("shuffle_buffer", [1, 70, 1000])
def test_pairs_that_are_held_come_in_the_batches_of_pairs_that_are_streamed(
    shuffle_buffer, monkeypatch
):
    monkeypatch.setattr("seq2seq.data.pipeline.WINDOW", 64)
    monkeypatch.setattr("seq2seq.data.pipeline.BATCHES_SHUFFLED", 5)
    lengths = [(0, 3), *random_lengths(300), (3, 0), (44, 2)]

    def streamed(seed):
        pairs = pairs_of(lengths).apply(keep_lengths(43))
        pairs = pairs.shuffle(shuffle_buffer, seed=seed, reshuffle_each_iteration=False)
        return content(pairs.apply(batch_by_tokens(128, seed)))

    sides, usable = held(lengths), np.arange(1, 301)
    rows, expected = row_batches(*sides, usable, shuffle_buffer, 128, seed=3), streamed(seed=3)
    assert content(padded_batches(rows, *sides)) == expected
    assert content(padded_batches(rows.skip(4), *sides)) == expected[4:]
    assert streamed(seed=4) != expected  # control
