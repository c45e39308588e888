"""Segmentations drawn at random: the same text, the same seeds, and Kudo's probabilities."""

import math
import random
from collections import Counter

import pytest
import sentencepiece
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from seq2seq.config.sections import SubwordConfig
from seq2seq.data.subword_regularization import SEGMENTATIONS_KEPT, SubwordSampler
from seq2seq.data.subwords import WORD_START, train_subwords

SEEDS = range(4000)
TOLERANCE = 0.04  # 5 standard deviations of a share of 4000 draws: 5 * sqrt(0.25 / 4000)
WORD = "abac"
TEXT = "abac dabca bcda, " * 4
DRAWN_TEXT = st.text(max_size=20) | st.text("abcd ", max_size=40)
SEED = st.integers(0, 2**64)


@pytest.fixture(scope="module")
def subwords():
    """A vocabulary in which most words have several segmentations."""
    draw = random.Random(1)
    words = ["".join(draw.choices("abcd", k=draw.randint(2, 8))) for _ in range(1800)]
    lines = [" ".join(words[start : start + 6]) for start in range(0, len(words), 6)]
    return train_subwords(lines, SubwordConfig(vocabulary_size=290))


def sampled(subwords, share=1.0, smoothness=0.2):
    return SubwordSampler(subwords, share, smoothness)


def expected_shares(subwords, smoothness):
    """P(x) ** alpha over the likeliest segmentations, normalised."""
    found = subwords.segmentations(WORD, SEGMENTATIONS_KEPT)
    weights = {tuple(ids): math.exp(score) ** smoothness for ids, score in found}
    return {ids: weight / sum(weights.values()) for ids, weight in weights.items()}


def drawn_shares(sampler):
    counts = Counter(tuple(sampler.encode(WORD, seed)) for seed in SEEDS)
    return {ids: count / len(SEEDS) for ids, count in counts.items()}


def steady(subwords, text):
    """Normalising twice is normalising once; after some letters U+0344 breaks that."""
    return all(subwords.normalize(w) == WORD_START + w for w in words(subwords, text))


def log_probability(subwords, ids):
    """Sum of the unigram model's log-probabilities."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=subwords.model)
    return sum(processor.get_score(i) for i in ids)


def words(subwords, text):
    return [word for word in subwords.normalize(text).split(WORD_START) if word]


def test_the_same_seed_gives_the_same_ids_and_other_seeds_vary(subwords):
    draws = [tuple(sampled(subwords).encode(TEXT, seed)) for seed in range(50)]
    assert draws == [tuple(sampled(subwords).encode(TEXT, seed)) for seed in range(50)]
    assert len(set(draws)) > 40


def test_a_draw_does_not_depend_on_what_was_drawn_before(subwords):
    sampler = sampled(subwords)
    first = sampler.encode(TEXT, seed=1)
    assert sampler.encode(TEXT, seed=2) != first
    assert sampler.encode(TEXT, seed=1) == first


@settings(deadline=None, max_examples=200)
@given(DRAWN_TEXT, SEED)
def test_any_draw_has_the_text_of_the_plain_encoding(subwords, text, seed):
    assume(steady(subwords, text))
    assert subwords.decode(sampled(subwords).encode(text, seed)) == subwords.decode(
        subwords.encode(text)
    )


@settings(deadline=None, max_examples=200)
@given(DRAWN_TEXT, SEED)
@example("0 a0caaa", 0)  # a + aa and aa + a are equally likely
def test_share_0_is_as_likely_as_the_plain_encoding(subwords, text, seed):
    assume(steady(subwords, text))
    undrawn, plain = sampled(subwords, share=0.0).encode(text, seed), subwords.encode(text)
    assert log_probability(subwords, undrawn) == pytest.approx(
        log_probability(subwords, plain), abs=1e-3
    )
    assert subwords.decode(undrawn) == subwords.decode(plain)


def test_symbols_are_never_split():
    """A tag in pieces would be a source without its language."""
    lines = [f"<{letter}> <2fr {letter}2 fr> <2fr> abc" for letter in "abcd"] * 200
    with_symbol = train_subwords(lines, SubwordConfig(vocabulary_size=272, symbols=("<2fr>",)))
    sampler = sampled(with_symbol, smoothness=0.01)
    (tag,) = with_symbol.encode("<2fr>")[-1:]
    found = [sampler.encode("<2fr> <2fr a", seed) for seed in range(300)]
    assert all(ids.count(tag) == 1 for ids in found)
    assert len(set(map(tuple, found))) > 1  # the control: the rest is drawn


def test_share_1_is_less_likely_than_the_plain_encoding(subwords):
    drawn, plain = sampled(subwords).encode(TEXT, seed=1), subwords.encode(TEXT)
    assert log_probability(subwords, drawn) < log_probability(subwords, plain) - 1


def test_a_text_without_words_has_no_ids(subwords):
    assert sampled(subwords).encode(" \u3000", seed=1) == []


@pytest.mark.parametrize("smoothness", [0.1, 0.5, 1.0])
def test_segmentations_are_as_frequent_as_their_smoothed_probability(subwords, smoothness):
    expected = expected_shares(subwords, smoothness)
    drawn = drawn_shares(sampled(subwords, smoothness=smoothness))
    assert len(expected) >= 5
    assert set(drawn) <= set(expected)
    for ids, share in expected.items():
        assert drawn.get(ids, 0) == pytest.approx(share, abs=TOLERANCE)


def test_smoothness_changes_the_frequencies(subwords):
    best = tuple(subwords.encode(WORD))
    flat, sharp = (drawn_shares(sampled(subwords, smoothness=s))[best] for s in (0.1, 1.0))
    assert sharp > flat + 4 * TOLERANCE


def test_the_share_of_words_is_drawn_and_the_rest_stay_plain(subwords):
    best = tuple(subwords.encode(WORD))
    changed = 1 - expected_shares(subwords, 0.2)[best]
    for share in (0.25, 0.75):
        kept = drawn_shares(sampled(subwords, share=share))[best]
        assert kept == pytest.approx(1 - share * changed, abs=TOLERANCE)


def test_the_words_of_a_text_are_drawn_apart(subwords):
    expected = expected_shares(subwords, 0.2)
    best = tuple(subwords.encode(WORD))
    sampler = sampled(subwords)
    # Both of two equal words stay plain as often as the product of their shares says.
    twice = sum(tuple(sampler.encode(f"{WORD} {WORD}", seed)) == 2 * best for seed in SEEDS)
    assert twice / len(SEEDS) == pytest.approx(expected[best] ** 2, abs=TOLERANCE)
    assert expected[best] > expected[best] ** 2 + 2 * TOLERANCE
