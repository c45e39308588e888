"""The vocabulary shortlist: right candidates first, safe ids only, damaged bytes refused."""

import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.data.shortlist import FIRST_ID, Shortlist, learn_shortlist
from seq2seq.data.subwords import BOS, EOS, PAD, UNKNOWN

VOCABULARY = 60
WORDS = np.arange(10, 30)  # source ids; id w translates to w + 20, and ids from 50 are fillers
FILLERS = np.arange(50, 54)
IDS = st.integers(0, VOCABULARY - 1)
SIDE = st.lists(IDS, max_size=6)
CORPUS = st.lists(st.tuples(SIDE, SIDE), max_size=12)
EMPTY = Shortlist(np.array([], np.int32), np.zeros((VOCABULARY, 3), np.int32))


def language(count, seed=0):
    """Pairs whose targets hold each word's translation in any order, and fillers."""
    draw = np.random.default_rng(seed)
    for _ in range(count):
        source = draw.choice(WORDS, draw.integers(2, 8))
        target = np.concatenate([source + 20, draw.choice(FILLERS, draw.integers(1, 4))])
        yield source.tolist(), draw.permutation(target).tolist()


def content(shortlist):
    return shortlist.always.tolist(), shortlist.candidates.tolist()


def small(always=(5, 7), rows=((6, 8, PAD), (PAD, PAD, PAD))):
    """A shortlist of 12 ids in which only ids 4, 5, ... have the rows given."""
    candidates = np.zeros((12, 3), np.int32)
    candidates[4 : 4 + len(rows)] = rows
    return Shortlist(np.array(always, np.int32), candidates)


@pytest.fixture(scope="module")
def learned():
    return learn_shortlist(language(500), VOCABULARY, candidates=5, always=4)


def test_the_translation_of_a_word_comes_first(learned):
    assert (learned.candidates[WORDS, 0] == WORDS + 20).all()


def test_what_is_frequent_is_always_allowed(learned):
    assert learned.always.tolist() == FILLERS.tolist()


def test_learning_again_gives_the_same_and_other_pairs_do_not(learned):
    again, other = (
        learn_shortlist(language(500, seed), VOCABULARY, candidates=5, always=4) for seed in (0, 1)
    )
    assert content(again) == content(learned)
    assert content(other) != content(learned)


def test_a_sample_of_the_pairs_gives_the_right_candidates_too(learned):
    sampled = learn_shortlist(
        language(2000), VOCABULARY, candidates=5, always=4, most_occurrences=20_000
    )
    assert content(sampled) != content(learned)
    assert (sampled.candidates[WORDS, 0] == WORDS + 20).all()
    assert sampled.always.tolist() == FILLERS.tolist()


def test_fewer_candidates_are_the_best_of_more(learned):
    fewer = learn_shortlist(language(500), VOCABULARY, candidates=2, always=4)
    assert fewer.candidates.tolist() == learned.candidates[:, :2].tolist()


def test_of_equally_likely_candidates_the_lower_ids_are_kept():
    shortlist = learn_shortlist([([4], [9, 7, 8])], VOCABULARY, candidates=2, always=0)
    assert shortlist.candidates[4].tolist() == [7, 8]


def test_of_equally_frequent_subwords_the_lower_ids_are_kept():
    shortlist = learn_shortlist([([4], [9, 7, 7, 8])], VOCABULARY, candidates=1, always=2)
    assert shortlist.always.tolist() == [7, 8]


def test_unlikely_candidates_are_left_out():
    # 40 is there once in some thousands; what is left of its probability for 10 is next to none.
    pairs = [([10], [30])] * 3000 + [([10, 11], [30, 40])]
    shortlist = learn_shortlist(pairs, VOCABULARY, candidates=5, always=0)
    assert shortlist.candidates[10].tolist() == [30, PAD, PAD, PAD, PAD]
    assert 40 in shortlist.candidates[11]


def test_a_subword_never_seen_has_no_candidates_and_the_frequent_ones(learned):
    assert set(learned.candidates[40]) == {PAD}
    assert learned.allowed([40]).tolist() == sorted([EOS, *FILLERS, 40])


@pytest.mark.parametrize("pairs", [[], [([], []), ([4], []), ([], [4])]])
def test_an_empty_corpus_allows_the_end_alone(pairs):
    shortlist = learn_shortlist(pairs, VOCABULARY, candidates=3)
    assert content(shortlist) == content(EMPTY)
    assert shortlist.allowed([4, 5]).tolist() == [EOS, 4, 5]


def test_an_id_outside_the_vocabulary_is_refused():
    with pytest.raises(ValueError, match="id 60 is not in a vocabulary of 60"):
        learn_shortlist([([4], [60])], VOCABULARY, candidates=3)


def test_a_sentence_is_allowed_the_candidates_of_all_its_subwords():
    shortlist = small(rows=[(6, 8, PAD), (9, 6, 11), (10, PAD, PAD)])
    assert shortlist.allowed([4, 5, 4, EOS, PAD]).tolist() == [EOS, 4, 5, 6, 7, 8, 9, 11]
    assert shortlist.allowed([]).tolist() == [EOS, 5, 7]


@settings(deadline=None, max_examples=200)
@given(CORPUS, SIDE, st.integers(0, 5), st.integers(0, 8))
def test_allowed_ids_can_be_written_whatever_the_pairs(pairs, sentence, candidates, always):
    shortlist = learn_shortlist(pairs, VOCABULARY, candidates, always=always)
    assert shortlist.candidates.shape == (VOCABULARY, candidates)
    assert len(shortlist.always) <= always
    for row in shortlist.candidates.tolist():
        kept = [id for id in row if id != PAD]
        assert len(set(kept)) == len(kept)
        assert all(FIRST_ID <= id < VOCABULARY for id in kept)
    allowed = shortlist.allowed(sentence).tolist()
    expected = {EOS, *shortlist.always, *shortlist.candidates[sentence].ravel(), *sentence}
    expected -= {PAD, UNKNOWN, BOS}
    assert allowed == sorted(expected)
    assert not {PAD, UNKNOWN, BOS} & set(allowed)


@settings(deadline=None, max_examples=100)
@given(CORPUS)
def test_bytes_come_back_as_the_same_arrays(pairs):
    shortlist = learn_shortlist(pairs, VOCABULARY, candidates=4)
    assert content(Shortlist.from_bytes(shortlist.to_bytes())) == content(shortlist)


def test_bytes_do_not_depend_on_the_time_or_the_memory_layout(learned, monkeypatch):
    before = learned.to_bytes()
    monkeypatch.setattr(time, "time", lambda: 2e9)
    by_column = Shortlist(learned.always, np.asfortranarray(learned.candidates))
    assert by_column.to_bytes() == before
    assert EMPTY.to_bytes() != before


def test_numpy_can_read_the_bytes(learned):
    with np.load(io.BytesIO(learned.to_bytes())) as arrays:
        assert {name: arrays[name].tolist() for name in arrays} == {
            "always": learned.always.tolist(),
            "candidates": learned.candidates.tolist(),
        }


@settings(deadline=None, max_examples=500)
@given(st.data())
def test_damaged_bytes_are_refused_or_harmless(data):
    sound = small()
    whole = sound.to_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = data.draw(
        st.integers(1, 255).map(
            lambda flip: whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :]
        )
        | st.just(whole[:place])
        | st.binary(max_size=20).map(lambda more: whole[:place] + more + whole[place:])
    )
    try:
        read = Shortlist.from_bytes(damaged)
    except ValueError as error:
        assert "shortlist" in str(error)
    else:
        assert content(read) == content(sound)


def test_truncated_or_altered_contents_are_refused(learned):
    whole = learned.to_bytes()
    for damaged in (b"", whole[:-1], whole[: len(whole) // 2], whole.replace(b"\x1e", b"\x1f", 1)):
        assert damaged != whole
        with pytest.raises(ValueError, match="^not a vocabulary shortlist: "):
            Shortlist.from_bytes(damaged)


def test_an_archive_of_something_else_is_refused():
    file = io.BytesIO()
    np.savez(file, always=np.array([5], np.int32))
    with pytest.raises(ValueError, match="^not a vocabulary shortlist: .*candidates"):
        Shortlist.from_bytes(file.getvalue())


@pytest.mark.parametrize(
    ("always", "candidates", "complaint"),
    [
        (np.array([5]), np.zeros((9, 2), np.int32), "always is int64"),
        (np.array([5], np.int32), np.zeros((9, 2), np.float32), "candidates is float32"),
        (np.array([5], np.int32), np.zeros(9, np.int32), r"candidates is int32 of shape \(9,\)"),
        (np.array([[5]], np.int32), np.zeros((9, 2), np.int32), r"always is .* shape \(1, 1\)"),
        (np.array([9], np.int32), np.zeros((9, 2), np.int32), "always holds 9, not one of 4 to 8"),
        (np.array([BOS], np.int32), np.zeros((9, 2), np.int32), "always holds 2, not one of 4"),
        (np.array([PAD], np.int32), np.zeros((9, 2), np.int32), "always holds 0, not one of 4"),
        (np.array([6, 5], np.int32), np.zeros((9, 2), np.int32), "always is not sorted"),
        (np.array([5, 5], np.int32), np.zeros((9, 2), np.int32), "holds an id twice"),
        (np.array([5], np.int32), np.full((9, 1), 9, np.int32), "candidates holds 9, not one of"),
        (np.array([5], np.int32), np.full((9, 1), -1, np.int32), "candidates holds -1, not one"),
        (np.array([5], np.int32), np.full((9, 1), EOS, np.int32), "candidates holds 3, not one"),
        (np.array([5], np.int32), np.full((9, 2), 5, np.int32), "an id twice in a row"),
        (np.array([5], np.int32), np.array([[0, 5]] * 9, np.int32), "one after padding"),
    ],
)
def test_arrays_that_are_no_shortlist_are_refused_in_code_and_in_files(
    always, candidates, complaint
):
    with pytest.raises(ValueError, match=complaint):
        Shortlist(always, candidates)
    file = io.BytesIO()
    np.savez(file, always=always, candidates=candidates)
    with pytest.raises(ValueError, match=complaint):
        Shortlist.from_bytes(file.getvalue())
