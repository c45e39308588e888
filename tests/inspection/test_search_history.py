"""A trained translator's search, told whole: its outputs, its hypotheses and their attention."""

from dataclasses import replace

import numpy as np
import pytest
from loaded import loaded

from seq2seq.data.subwords import EOS
from seq2seq.inspection.search import search_history, token_log_probs
from seq2seq.run_folder import RunFolder
from seq2seq.translation.search import make_engine
from seq2seq.translation.shortlist_mask import GraphShortlist

SENTENCE = "a man in a blue shirt is standing on a ladder"


@pytest.fixture(scope="module")
def opened(trained_run):
    translator = loaded(trained_run, n_best=3, beam_width=4)
    engine = make_engine(translator.network, translator.decoding, translator.subwords.unwritten)
    return translator, [engine], [*translator.subwords.encode(SENTENCE), EOS]


@pytest.fixture(scope="module")
def found(opened):
    translator, engines, source_ids = opened
    return search_history(engines, translator.decoding, source_ids)


def test_the_outputs_are_the_translators_own(opened, found):
    translator, _, source_ids = opened
    own = translator.batch_search(keep_attention=True)([source_ids[:-1]], [(0, 0)])[0]
    ended = [found.hypotheses[number] for number in found.outputs]
    assert [list(each.ids) for each in ended] == [each.ids for each in own]
    for one, other in zip(ended, own, strict=True):
        np.testing.assert_allclose(one.score, other.score, rtol=1e-4)
        np.testing.assert_allclose(one.weights, other.attention, atol=1e-4)


def test_attention_follows_each_hypothesis(opened, found):
    translator, _, source_ids = opened
    assert len(found.hypotheses) > 10
    rows = [[*each.ids, EOS] if each.score is None else [*each.ids] for each in found.hypotheses]
    forced = translator.score_ids([(source_ids, row) for row in rows], keep_attention=True)
    for each, other in zip(found.hypotheses, forced, strict=True):
        np.testing.assert_allclose(each.weights, other.attention[: len(each.ids)], atol=1e-4)
        np.testing.assert_allclose(each.weights.sum(axis=1), 1, atol=1e-4)
        np.testing.assert_allclose(
            each.token_log_probabilities, other.token_log_probabilities[: len(each.ids)], atol=1e-4
        )
    # Control: hypotheses do look elsewhere than others of their length.
    last = [each.weights[-1] for each in found.hypotheses if len(each.ids) == 3]
    assert max(np.abs(one - last[0]).max() for one in last) > 1e-3


def test_token_probabilities_are_those_of_forced_decoding(opened, found):
    translator, engines, source_ids = opened
    ids = list(found.hypotheses[found.outputs[0]].ids)
    log_probs = token_log_probs(engines, translator.decoding, source_ids, ids)
    own = translator.score_ids([(source_ids, ids)])[0].token_log_probabilities
    np.testing.assert_allclose(log_probs[range(len(ids)), ids], own, atol=1e-4)
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=-1), 1, atol=1e-4)
    assert translator.subwords.size <= log_probs.shape[1]


def test_one_hypothesis_is_the_greedy_search(opened, trained_run):
    _, engines, source_ids = opened
    greedy = loaded(trained_run, beam_width=1)
    config = replace(greedy.decoding, n_best=1)
    found = search_history(engines, config, source_ids)
    own = greedy.batch_search()([source_ids[:-1]], [(0, 0)])[0][0]
    # A greedy search ends at the first EOS that is likeliest; a beam of one ends no later output.
    opened_ids = [each.ids for each in found.hypotheses if each.score is None]
    assert tuple(own.ids[:-1]) in opened_ids


def test_with_a_shortlist_ids_are_those_of_the_vocabulary(opened, trained_run):
    _, engines, source_ids = opened
    short = loaded(trained_run, shortlist=True, beam_width=4)
    shortlist = GraphShortlist(RunFolder.open(trained_run).shortlist())
    found = search_history(engines, short.decoding, source_ids, shortlist)
    own = short.batch_search()([source_ids[:-1]], [(0, 0)])[0][0]
    assert list(found.hypotheses[found.outputs[0]].ids) == own.ids
    assert all(EOS not in each.ids for each in found.hypotheses if each.score is None)


def test_an_empty_source_is_refused(opened):
    translator, engines, _ = opened
    with pytest.raises(ValueError, match="the source has no ids"):
        search_history(engines, translator.decoding, [])
