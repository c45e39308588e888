"""What is held out shares no sentence with training, on either side, and nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.data.held_out import HeldOut, held_out_sizes, link, same_form
from seq2seq.errors import DataError

WORDS = st.text(st.sampled_from("aAbä \u0301"), max_size=3)
PAIRS = st.lists(st.tuples(WORDS, WORDS), max_size=30)
SIZES = {"validation": 3, "test": 2}


def plain(number):
    return [(f"source {n}", f"target {n}") for n in range(number)]


def test_a_text_without_pairs_is_said_to_be_one():
    with pytest.raises(DataError, match="there is no pair with text on both sides; give two files"):
        link([("a", " ")]).choose(SIZES)
    with pytest.raises(DataError, match="there is no pair with text on both sides"):
        link([]).choose(SIZES)


@given(PAIRS, st.integers(-3, 3))
def test_no_sentence_is_in_two_splits(pairs, seed):
    pairs = [*pairs, *plain(10)]
    split_of = link(pairs, seed).choose(SIZES)
    for side in (0, 1):
        splits = {}
        for number, pair in enumerate(pairs):
            if all(text.strip() for text in pair):
                splits.setdefault(same_form(pair[side]), set()).add(split_of.get(number, "train"))
        assert all(len(each) == 1 for each in splits.values())
    chosen = list(split_of.values())
    assert all(1 <= chosen.count(split) <= size for split, size in SIZES.items())


@pytest.mark.parametrize(
    ("one", "other"), [("ﬁne ＡB", "fine ab"), ("e\u0301", "é"), ("Straße\u3000", "STRASSE")]
)
def test_sentences_in_other_forms_are_the_same(one, other):
    assert same_form(one) == same_form(other)
    assert same_form("ﬁne") != same_form("line")  # control


def test_sentences_with_half_a_character_are_linked_like_others():
    """As JSON and damaged text have them."""
    pairs = [("\ud800", "x"), ("\ud800 ", "y"), ("\udfff", "z"), *plain(20)]
    linked = link(pairs)
    assert len(linked) == 23
    held = linked.choose({"validation": 20, "test": 1})
    assert held.get(0) == held.get(1)


def test_pairs_drawn_one_by_one_would_leak():
    """The control of the test above: linked pairs, split by their numbers."""
    pairs = [(f"source {n // 2}", f"target {n}") for n in range(20)]
    sources = [{pair[0] for pair in part} for part in (pairs[:13], pairs[13:])]
    assert sources[0] & sources[1]


def test_references_of_a_source_stay_together_and_so_do_sources_of_a_target():
    pairs = [
        *plain(40),
        *((f"Source  {n}", f"another {n}") for n in range(40)),  # but for case and space the same
        *((f"one more {n}", f"another {n}") for n in range(40)),
    ]
    split_of = link(pairs).choose({"validation": 12, "test": 12})
    for n in range(40):
        assert len({split_of.get(n + 40 * each) for each in range(3)}) == 1
    assert sorted(split_of.values()) == ["test"] * 12 + ["validation"] * 12


def test_a_sentence_with_many_translations_does_not_fill_a_split():
    pairs = [*plain(1000), *(("Hello.", f"greeting {n}") for n in range(40))]
    for seed in range(30):
        split_of = link(pairs, seed).choose({"validation": 50, "test": 50})
        assert all(number < 1000 for number in split_of)


def test_seeds_hold_out_other_pairs_and_the_order_of_a_file_does_not_matter():
    pairs = plain(100)
    chosen = [link(pairs, seed).choose(SIZES) for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]
    backwards = link(pairs[::-1], 1).choose(SIZES)
    assert {99 - number: split for number, split in backwards.items()} == chosen[0]


def test_blank_sides_are_left_to_training():
    pairs = [*plain(20), ("", "x"), ("y", " "), ("", "")]
    assert all(number < 20 for number in link(pairs).choose(SIZES))
    assert len(link(pairs)) == 20


@pytest.mark.parametrize("pairs", [plain(1), plain(2), [("one", str(n)) for n in range(90)]])
def test_text_that_is_too_little_or_all_of_a_kind_is_refused(pairs):
    with pytest.raises(DataError, match="too few to hold out validation and test"):
        link(pairs).choose({"validation": 1, "test": 1})


def test_no_sentence_of_further_training_text_is_held_out():
    """Nor one that is linked with it, on either side."""
    pairs = [*plain(60), ("source 0", "second target")]
    further = [("SOURCE  0", "another"), ("another", "target 1"), ("new", "text"), ("", "target 2")]
    sizes = {"validation": 50, "test": 1}
    for seed in range(5):
        linked = link(pairs, seed)
        linked.add_training(further)
        held = linked.choose(sizes)
        assert not {0, 1, 60} & set(held)
        assert len(held) == 51
    assert {0, 1, 60} & set(link(pairs, 1).choose(sizes))  # control
    everything = link(pairs)
    everything.add_training(pairs)
    with pytest.raises(DataError, match="61 pairs of 0 groups without a sentence in common, with"):
        everything.choose(SIZES)


def test_sentences_that_training_meets_again_are_counted_by_side():
    held = HeldOut([("a", "x"), (" b", "y"), ("b ", "z"), ("", "w"), ("d", "")])
    assert held.shares() == (0, 0)
    held.meet([("b", "q"), ("a ", "x\t"), ("", ""), ("c", "z")])
    held.meet([("a", "x")])
    assert held.shares() == (2 / 3, 2 / 4)


def test_most_of_a_small_corpus_stays():
    """Like Tatoeba: sentences with several translations, some of them said very often."""
    pairs = [(f"source {n % 4000}", f"target {n}") for n in range(4600)]
    pairs += [("Go.", f"go {n}") for n in range(400)]
    split_of = link(pairs).choose(held_out_sizes(len(pairs)))
    assert len(pairs) - len(split_of) == 4500
