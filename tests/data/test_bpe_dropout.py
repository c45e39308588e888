"""BPE-dropout: SentencePiece's own segmentations, as often as SentencePiece draws them, by seed."""

import random
from collections import Counter

import pytest
import sentencepiece
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seq2seq.config.sections import SubwordConfig
from seq2seq.data.subword_regularization import BPEDropout, SubwordSampler, make_sampler
from seq2seq.data.subwords import WORD_START, train_subwords

DRAWS = 4000
TOLERANCE = 0.056  # 5 standard deviations of the difference of two shares of 4000 draws
WORD = "abacdab"
SYMBOL = "<ab>"


@pytest.fixture(scope="module")
def subwords():
    """A vocabulary of which most words need several merges."""
    draw = random.Random(1)
    words = ["".join(draw.choices("abcd", k=draw.randint(2, 8))) for _ in range(1800)]
    lines = [" ".join(words[start : start + 6]) for start in range(0, len(words), 6)]
    return train_subwords(lines, SubwordConfig(kind="bpe", vocabulary_size=330, symbols=(SYMBOL,)))


def shares(draws):
    counts = Counter(map(tuple, draws))
    return {ids: count / DRAWS for ids, count in counts.items()}


def drawn(subwords, share):
    sampler = BPEDropout(subwords, share)
    return shares(sampler.encode(WORD, seed) for seed in range(DRAWS))


def drawn_by_sentencepiece(subwords, share):
    processor = sentencepiece.SentencePieceProcessor(model_proto=subwords.model)
    sampling = {"enable_sampling": True, "nbest_size": -1, "alpha": share}
    return shares(processor.encode(WORD, **sampling) for _ in range(DRAWS))


def farthest(some, others):
    return max(abs(some.get(ids, 0) - others.get(ids, 0)) for ids in some | others)


def steady(subwords, text):
    """Normalising a word twice is normalising it once; after some letters U+0344 breaks that."""
    words = [word for word in subwords.normalize(text).split(WORD_START) if word]
    return all(subwords.normalize(word) == WORD_START + word for word in words)


TEXT = st.text(max_size=20) | st.text("abcd ", max_size=40) | st.text("<ab> c", max_size=20)


@settings(deadline=None, max_examples=200)
@given(TEXT, st.integers(0, 2**64))
def test_nothing_left_out_is_the_plain_encoding_and_any_draw_has_its_text(subwords, text, seed):
    assume(steady(subwords, text))
    plain = subwords.encode(text)
    assert BPEDropout(subwords, 0.0).encode(text, seed) == plain
    assert subwords.decode(BPEDropout(subwords, 0.5).encode(text, seed)) == subwords.decode(plain)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_segmentations_are_as_frequent_as_sentencepiece_draws_them(subwords, share):
    own, library = drawn(subwords, share), drawn_by_sentencepiece(subwords, share)
    assert len(library) >= 8
    assert farthest(own, library) < TOLERANCE
    # Control: another share of merges is another distribution.
    assert farthest(drawn(subwords, share + 0.15), library) > TOLERANCE


def test_the_seed_alone_decides(subwords):
    sampler = BPEDropout(subwords, 0.5)
    text = f"{WORD} " * 4
    draws = [tuple(sampler.encode(text, seed)) for seed in range(50)]
    assert draws == [tuple(sampler.encode(text, seed)) for seed in range(50)]
    assert len(set(draws)) > 40


def test_symbols_are_whole_however_much_is_left_out(subwords):
    ids = BPEDropout(subwords, 0.99).encode(f"ab{SYMBOL}ab", 1)
    assert SYMBOL in subwords.pieces(ids)
    assert "ab" not in subwords.pieces(ids)  # the control: what no symbol is, is cut


def test_each_kind_has_its_own_sampler(subwords):
    assert isinstance(make_sampler(subwords, SubwordConfig(kind="bpe", sampling=0.1)), BPEDropout)
    assert isinstance(make_sampler(subwords, SubwordConfig(sampling=0.1)), SubwordSampler)
