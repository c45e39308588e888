import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.models.attention import make_attention

KINDS = ("dot", "general", "additive")


def attend(kind, query, memory, mask, **options):
    keys, attention = make_attention(kind, query.shape[-1], "float32", **options)
    memory = tf.constant(memory)
    prepared = keys(memory)
    context, weights = attention(tf.constant(query), memory, prepared, tf.constant(mask))
    return keys, attention, context.numpy(), weights.numpy()


def example(seed, queries=3, positions=5):
    random = np.random.default_rng(seed)
    query = random.normal(size=(2, queries, 4)).astype(np.float32)
    memory = random.normal(size=(2, positions, 4)).astype(np.float32)
    lengths = random.integers(1, positions + 1, 2)
    return query, memory, np.arange(positions) < lengths[:, None]


@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 10**6),
    queries=st.integers(1, 4),
    positions=st.integers(1, 7),
)
@settings(max_examples=30, deadline=None)
def test_weights_sum_to_1_and_are_0_at_padding(kind, seed, queries, positions):
    query, memory, mask = example(seed, queries, positions)
    _, _, context, weights = attend(kind, query, memory, mask)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
    assert (weights[~np.broadcast_to(mask[:, None], weights.shape)] == 0).all()
    np.testing.assert_allclose(context, weights @ memory, atol=1e-5)


def test_dot_attention_by_hand():
    query = np.array([[[1.0, 0.0, 0.0, 0.0]]], np.float32)
    memory = np.array([[[2 * np.log(3), 5.0, 0.0, 0.0], [0.0, 7.0, 0.0, 0.0]]], np.float32)
    _, _, context, weights = attend("dot", query, memory, np.array([[True, True]]))
    # Dot products 2 ln 3 and 0, over the root of 4; e^ln3 : e^0 = 3 : 1.
    np.testing.assert_allclose(weights, [[[0.75, 0.25]]], atol=1e-6)
    np.testing.assert_allclose(context[0, 0, 1], 0.75 * 5 + 0.25 * 7, atol=1e-5)


def test_general_attention_is_luongs_with_scores_over_a_root():
    query, memory, mask = example(seed=1)
    keys, _, _, weights = attend("general", query, memory, mask)
    (matrix,) = keys.get_weights()
    scores = np.einsum("btu,mu,bsm->bts", query, matrix, memory) / 2  # the root of 4 units
    np.testing.assert_allclose(weights, masked_softmax(scores, mask), atol=1e-5)


def test_unscaled_general_attention_equals_luong_section_3_1():
    query, memory, mask = example(seed=1)
    keys, _, _, weights = attend("general", query, memory, mask, scaled=False)
    (matrix,) = keys.get_weights()
    scores = np.einsum("btu,mu,bsm->bts", query, matrix, memory)
    np.testing.assert_allclose(weights, masked_softmax(scores, mask), atol=1e-5)


def test_additive_attention_equals_bahdanau_appendix_a_1_2():
    query, memory, mask = example(seed=2)
    keys, attention, _, weights = attend("additive", query, memory, mask)
    (of_memory,), (of_query, vector) = keys.get_weights(), attention.get_weights()
    sums = (query @ of_query)[:, :, None] + (memory @ of_memory)[:, None]
    scores = (np.tanh(sums) @ vector)[..., 0]
    np.testing.assert_allclose(weights, masked_softmax(scores, mask), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_masked_cannot_matter(kind):
    query, memory, mask = example(seed=8)
    mask[:, -1] = False
    keys, attention, context, _ = attend(kind, query, memory, mask)
    changed = memory.copy()
    changed[:, -1] += 100
    again, _ = attention(query, changed, keys(tf.constant(changed)), mask)
    np.testing.assert_allclose(again, context, atol=1e-6)
    # Control: unmasked, the same change does matter.
    open_mask = np.ones_like(mask)
    seen, _ = attention(query, changed, keys(tf.constant(changed)), open_mask)
    assert np.abs(seen - context).max() > 0.1


def test_without_attention_there_is_no_context_and_no_weight():
    query, memory, mask = example(seed=9)
    _, _, context, weights = attend("none", query, memory, mask)
    assert context.shape == (2, 3, 0)
    assert weights.shape == (2, 3, 5)
    assert not weights.any()


def masked_softmax(scores, mask):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True)) * mask[:, None]
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
