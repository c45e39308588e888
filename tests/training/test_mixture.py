"""Which pairs an epoch has: each once, or by shares; always the same ones for the same seed."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.training.mixture import Mixture

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=4)


def corpus_of(places, sizes):
    """Which corpus each place is in."""
    return np.searchsorted(np.cumsum(sizes), places, side="right")


@settings(deadline=None)
@given(SIZES, st.integers(0, 5))
def test_without_shares_every_pair_of_every_corpus_comes_once(sizes, epoch):
    places = Mixture(sizes, None, seed=1).places(epoch)
    assert sorted(places.tolist()) == list(range(sum(sizes)))


def test_one_corpus_stays_in_its_order():
    assert Mixture([7], None, seed=1).places(3).tolist() == list(range(7))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0.01, 100)), min_size=1, max_size=4))
def test_an_epoch_is_divided_by_shares(corpora):
    sizes, shares = zip(*corpora, strict=True)
    mixture = Mixture(sizes, shares, seed=1)
    found = Counter(corpus_of(mixture.places(2), sizes).tolist())
    for number, share in enumerate(shares):
        wanted = sum(sizes) * share / sum(shares)
        assert found[number] == mixture.counts[number] >= 1
        assert abs(found[number] - wanted) <= 1


@pytest.mark.parametrize("share", [0.3, 1, 4])
def test_a_corpus_is_gone_through_before_a_pair_comes_again(share):
    """Whatever an epoch takes of it: of 10 pairs, the first 10 that come are all different."""
    sizes = [10, 30]
    mixture = Mixture(sizes, [share, 1], seed=1)
    epochs = [mixture.places(epoch) for epoch in range(12)]
    places = np.concatenate([each[each < 10] for each in epochs])
    rounds = [places[first : first + 10].tolist() for first in range(0, len(places) - 9, 10)]
    assert len(rounds) > 2
    assert all(sorted(each) == list(range(10)) for each in rounds)
    assert rounds[0] != rounds[1]  # each in an order of its own


def test_corpora_are_mixed_from_the_beginning_to_the_end():
    sizes = [300, 100]
    of = corpus_of(Mixture(sizes, None, seed=1).places(0), sizes)
    parts = [of[first : first + 40].sum() for first in range(0, 400, 40)]
    assert parts == [10] * 10


def test_a_seed_and_an_epoch_are_a_mixture():
    def places(seed, epoch):
        return Mixture([50, 20], [1, 1], seed).places(epoch).tolist()

    assert places(1, 3) == places(1, 3)
    assert places(1, 3) != places(2, 3)
    assert places(1, 3) != places(1, 4)
