"""Minimum Bayes risk: utilities by hand and by corpus scores, and what is chosen by them."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loaded import loaded
from sacrebleu.metrics import BLEU, CHRF

import seq2seq
from seq2seq.cli.main import main
from seq2seq.config.sections import DecodingConfig
from seq2seq.translation.batch_search import Translation
from seq2seq.translation.minimum_risk import MinimumRisk, expected_utilities, utility

# How good the output of a row is if the text of a column is right.
TABLE = {
    ("a", "a"): 100.0,
    ("a", "b"): 10.0,
    ("a", "c"): 0.0,
    ("b", "a"): 20.0,
    ("b", "b"): 100.0,
    ("b", "c"): 80.0,
    ("c", "a"): 0.0,
    ("c", "b"): 70.0,
    ("c", "c"): 100.0,
}
LINES = [
    "The dog sleeps.",
    "Today she reads the book.",
    "My brother will see the old house next week.",
    "The children have bought a red car.",
    "We often play with the small cat in the garden.",
    "Yesterday the teacher wrote a long letter.",
    "Seven purple zebras under the moon wrote to nobody.",  # of which it knows no translation
    "House the letter slowly my in bought.",
]


def of_table(output, reference):
    return TABLE[output, reference]


def test_expected_utilities_are_those_worked_out_by_hand():
    found = expected_utilities(["a", "b", "c"], [0.5, 0.3, 0.2], of_table)
    # a: 50 + 3 + 0; b: 10 + 30 + 16; c: 0 + 21 + 20.
    assert found == pytest.approx([53.0, 56.0, 41.0])
    # Three samples, b twice: a: (100 + 10 + 10) / 3; b: (20 + 100 + 100) / 3.
    found = expected_utilities(["b", "a", "b"], [1, 1, 1], of_table)
    assert found == pytest.approx([220 / 3, 40.0, 220 / 3])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.01, 10)), min_size=1, max_size=6))
def test_neither_scale_nor_order_nor_repetition_changes_an_expectation(drawn):
    texts, shares = zip(*drawn, strict=True)
    found = dict(zip(texts, expected_utilities(texts, shares, of_table), strict=True))
    doubled = [2 * share for share in shares]
    assert expected_utilities(texts, doubled, of_table) == pytest.approx([found[t] for t in texts])
    halves = expected_utilities(texts[::-1] * 2, shares[::-1] * 2, of_table)
    assert halves == pytest.approx([found[text] for text in texts[::-1] * 2])


TEXTS = ["Der Hund schläft.", "Der Hund schlief.", "Ein Hund", "", "Katze"]


@pytest.mark.parametrize(
    ("name", "metric"), [("chrf", CHRF()), ("bleu", BLEU(effective_order=True))]
)
def test_utilities_are_sacrebleus_of_a_corpus_of_one_sentence(name, metric):
    found = expected_utilities(TEXTS, [1.0] * len(TEXTS), utility(name, "de"))
    for text, value in zip(TEXTS, found, strict=True):
        scores = [metric.corpus_score([text], [[other]]).score for other in TEXTS]
        assert value == pytest.approx(sum(scores) / len(TEXTS))
    assert max(found) > min(found) + 10


def test_bleu_counts_words_as_the_language_has_them():
    assert utility("bleu", "zh")("我爱你们", "我爱他们") > utility("bleu", "de")(
        "我爱你们", "我爱他们"
    )


def test_outputs_too_unlikely_for_a_float_have_their_shares():
    choose = MinimumRisk(
        DecodingConfig(mbr="chrf", n_best=2),
        SimpleNamespace(decode=lambda ids: TEXTS[ids[0]]),
        "de",
    )
    outputs = [
        Translation([number], log_probability, 0.0, np.zeros(1), [3], np.zeros((1, 0)))
        for number, log_probability in enumerate((-1000.0, -1001.0))
    ]
    expected = expected_utilities(TEXTS[:2], [math.e, 1.0], utility("chrf", "de"))
    assert [each.score for each in choose(outputs)] == pytest.approx(expected)


def test_copies_are_counted_and_listed_behind_other_texts():
    texts = ["a dog runs", "a dog runs", "a dog ran", "a dog runs", "two cats sleep"]
    outputs = [
        Translation([number], 0.0, 0.0, np.zeros(1), [3], np.zeros((1, 0)))
        for number in range(len(texts))
    ]

    def chosen(n_best):
        config = DecodingConfig(mbr="chrf", n_best=n_best, sampling=True)
        choose = MinimumRisk(config, SimpleNamespace(decode=lambda ids: texts[ids[0]]), "en")
        return [output.ids[0] for output in choose(outputs)]

    assert chosen(1) == [0]  # thrice drawn, so the most expected
    assert chosen(3) == [0, 2, 4]
    assert chosen(5) == [0, 2, 4, 1, 3]


@pytest.mark.parametrize("name", ["chrf", "bleu"])
def test_the_hypotheses_of_a_beam_are_ordered_by_expected_utility(trained_run, name):
    plain = loaded(trained_run, beam_width=4, n_best=4).search(LINES)
    chosen = loaded(trained_run, beam_width=4, n_best=4, mbr=name).search(LINES)
    decode = loaded(trained_run, beam_width=4, n_best=4).subwords.decode
    for before, after in zip(plain, chosen, strict=True):
        assert sorted(each.ids for each in before) == sorted(each.ids for each in after)
        texts = [decode(each.ids) for each in before]
        total = sum(math.exp(each.log_probability) for each in before)
        shares = [math.exp(each.log_probability) / total for each in before]
        expected = expected_utilities(texts, shares, utility(name, "de"))
        scores = [each.score for each in after]
        assert scores == pytest.approx(sorted(expected, reverse=True))
    # Control: the order is not that of the search everywhere.
    orders = [[[each.ids for each in line] for line in found] for found in (plain, chosen)]
    assert orders[0] != orders[1]


def test_what_is_chosen_comes_first_and_alone_unless_more_are_wanted(trained_run):
    all_of_them = loaded(trained_run, beam_width=4, n_best=4, mbr="chrf")
    best = [all_of_them.subwords.decode(each[0].ids) for each in all_of_them.search(LINES)]
    alone = loaded(trained_run, beam_width=4, mbr="chrf")
    assert alone.translate(LINES) == best
    assert [len(each) for each in alone.search([*LINES, " "])] == [1] * len(LINES) + [0]
    # Control: compared with fewer, the same output is worth something else.
    fewer = loaded(trained_run, beam_width=4, mbr="chrf", mbr_candidates=2).search(LINES)
    scores = [each[0].score for each in alone.search(LINES)]
    assert [each[0].score for each in fewer] != pytest.approx(scores)


def test_samples_are_chosen_among_by_the_seed_alone(trained_run):
    drawn = {"sampling": True, "mbr": "chrf", "mbr_candidates": 6}
    translator = loaded(trained_run, **drawn)
    found = translator.translate(LINES)
    assert translator.translate(LINES) == found
    assert translator.translate(LINES[:2]) == found[:2]  # whatever is translated beside it
    samples = loaded(trained_run, sampling=True, n_best=6)
    for text, outputs in zip(found, samples.search(LINES), strict=True):
        texts = [samples.subwords.decode(each.ids) for each in outputs]
        expected = expected_utilities(texts, [1.0] * 6, utility("chrf", "de"))
        assert expected[texts.index(text)] == pytest.approx(max(expected))
    # Control: another seed draws others.
    assert seq2seq.load(trained_run, **drawn, seed=7).translate(LINES) != found


def test_the_command_chooses_as_python_does(trained_run, tmp_path):
    (tmp_path / "in").write_text("".join(f"{line}\n" for line in LINES))
    options = ["--beam", 4, "--mbr", "bleu", "--candidates", 3]
    paths = [trained_run, tmp_path / "in", "-o", tmp_path / "out"]
    main([str(each) for each in ("translate", *paths, *options)])
    translator = loaded(trained_run, beam_width=4, mbr="bleu", mbr_candidates=3)
    assert (tmp_path / "out").read_text().splitlines() == translator.translate(LINES)


@settings(max_examples=20)
@given(st.integers(1, 100), st.integers(1, 100), st.integers(2, 100), st.booleans())
def test_the_search_gives_what_is_compared(n_best, beam_width, candidates, sampling):
    numbers = {"n_best": n_best, "beam_width": beam_width, "mbr_candidates": candidates}
    try:
        config = DecodingConfig(**numbers, sampling=sampling, mbr="bleu")
    except ValueError:
        assert beam_width == 1 or n_best > beam_width or n_best > candidates
        return
    assert config.searched.mbr == "none"
    assert n_best <= config.searched.n_best <= candidates
    assert sampling or config.searched.n_best <= beam_width


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"beam_width": 1}, "mbr chooses among several outputs; .* mbr: chrf, beam_width: 1"),
        ({"n_best": 9, "beam_width": 9, "mbr_candidates": 8}, "n_best needs at least as many mbr"),
    ],
)
def test_nothing_to_choose_among_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        DecodingConfig(mbr="chrf", **wrong)
    DecodingConfig(mbr="none", **wrong)
