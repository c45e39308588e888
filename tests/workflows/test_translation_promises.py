"""Promises of a trained translator: the same text alone or in company, scores that are true."""

import random
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from conftest import write_corpus
from exported_model import exported_onnx
from loaded import loaded

import seq2seq
from seq2seq.data.lines import read_lines
from seq2seq.data.subwords import BOS, EOS, PAD
from seq2seq.models.translator import build_translator
from seq2seq.run_folder import RunFolder
from seq2seq.translation.batch_search import BatchSearch
from seq2seq.translation.engine import Engine
from seq2seq.translation.exported_translator import load_exported
from seq2seq.translation.search import make_engine, make_search

MODES = {
    "greedy": {"beam_width": 1},
    "beam": {"beam_width": 4, "n_best": 3},
    "penalties": {
        "beam_width": 4,
        "coverage_penalty": 0.3,
        "length_penalty": 0.6,
        "blocked_ngram": 3,
        "shortest": 5,
    },
    "shortlist": {"beam_width": 4, "shortlist": True},
    "sampling": {"sampling": True, "n_best": 2, "temperature": 0.7, "top_k": 20, "top_p": 0.9},
}


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = write_corpus(tmp_path_factory.mktemp("texts"), train=10, others=64)
    lines = list(read_lines(folder / "test.en"))
    return [*lines, " ".join(lines[:6]), lines[0].split()[0]]  # very long and very short ones too


@pytest.fixture(scope="module", params=[*MODES, "onnx"])
def translator(trained_run, request):
    if request.param == "onnx":
        return load_exported(exported_onnx(request), {})
    return loaded(trained_run, **MODES[request.param])


@pytest.fixture(scope="module")
def beam(trained_run):
    return loaded(trained_run, **MODES["beam"])


def best(translator, texts, search=None, batch_tokens=1280, numbers=None):
    """Ids and score of each best output."""
    encoded = [translator.subwords.encode(text) for text in texts]
    numbers = numbers or [(number, 0) for number in range(len(texts))]
    batches = search or translator.batch_search()
    if not isinstance(batches, BatchSearch):
        batches = BatchSearch(search, replace(translator.decoding, batch_tokens=batch_tokens))
    found = [outputs[0] for outputs in batches(encoded, numbers)]
    return [each.ids for each in found], [each.score for each in found]


def test_alone_or_shuffled_into_any_batch_the_translation_is_the_same(translator, texts):
    search = translator.batch_search()
    alone = [best(translator, [text], search, numbers=[(n, 0)]) for n, text in enumerate(texts)]
    ids, scores = [each[0][0] for each in alone], [each[1][0] for each in alone]
    assert len(set(map(tuple, ids))) > len(texts) // 2  # trained weights: texts are told apart
    for seed in range(20):
        order = list(range(len(texts)))
        random.Random(seed).shuffle(order)
        order = order[: 5 + 3 * seed]
        shuffled = [texts[n] for n in order]
        together, found = best(translator, shuffled, search, numbers=[(n, 0) for n in order])
        assert together == [ids[n] for n in order]
        np.testing.assert_allclose(found, [scores[n] for n in order], atol=1e-4)


def padded(search, columns):
    return lambda source_ids, *rest: search(tf.pad(source_ids, [[0, 0], [0, columns]]), *rest)


def raw_search(translator):
    unwritten = translator.subwords.unwritten
    engine = make_engine(translator.network, translator.decoding, unwritten)
    return make_search([engine], translator.decoding)


def test_fifty_columns_of_padding_change_nothing(beam, texts):
    search = raw_search(beam)
    expected, scores = best(beam, texts, search)
    found, found_scores = best(beam, texts, padded(search, 50))
    assert found == expected
    np.testing.assert_allclose(found_scores, scores, atol=1e-4)


def test_with_the_mask_off_padding_would_change_translations(beam, trained_run, texts):
    """The control of the two tests above."""
    folder = RunFolder.open(trained_run)
    unmasked = build_translator(folder.config().model, beam.subwords.size, pad_id=-1)
    unmasked.training.load_weights(folder.weights("best"))
    engine = Engine(unmasked, -1, beam.subwords.unwritten, "float32")
    search = make_search([engine], beam.decoding)
    assert best(beam, texts, padded(search, 50))[0] != best(beam, texts, search, 16)[0]


def test_every_score_reported_is_that_of_forced_decoding(beam, texts):
    found = [each for outputs in beam.search(texts[:20]) for each in outputs]
    assert len(found) == 20 * beam.decoding.n_best
    forced = beam.score_ids([(each.source_ids, each.ids) for each in found])
    for searched, scored in zip(found, forced, strict=True):
        assert searched.score == pytest.approx(scored.score, abs=1e-4)
        assert searched.log_probability == pytest.approx(scored.log_probability, abs=1e-4)
        np.testing.assert_allclose(
            searched.token_log_probabilities, scored.token_log_probabilities, atol=1e-4
        )
    # Control: an output that was not searched for scores otherwise.
    changed = [(each.source_ids, [each.ids[-2], *each.ids]) for each in found]
    others = beam.score_ids(changed)
    assert all(
        abs(other.score - each.score) > 1e-3 for other, each in zip(others, found, strict=True)
    )


def test_forced_decoding_gives_what_training_would(beam, texts):
    """Up to the subwords that are never written: training gives them some probability too."""
    for outputs in beam.search(texts[:5]):
        each = outputs[0]
        target_in = tf.constant([[BOS, *each.ids[:-1]]])
        inputs = [tf.constant([each.source_ids]), target_in]
        logits = beam.network.training(inputs, training=False)[0].numpy()
        logits[:, list(beam.subwords.unwritten)] = -1e9
        forced = tf.gather(tf.nn.log_softmax(logits), each.ids, batch_dims=1).numpy()
        np.testing.assert_allclose(each.token_log_probabilities, forced, atol=1e-4)
        assert each.score == pytest.approx(forced.sum() / ((5 + len(each.ids)) / 6), abs=1e-4)


def test_score_takes_texts(beam, texts):
    translations = beam.translate(texts[:4])
    scored = beam.score(texts[:4], translations)
    assert [each.ids[-1] for each in scored] == [EOS] * 4
    wrong = beam.score(texts[:4], [translations[1], translations[0], *translations[:1:-1]])
    assert sum(each.log_probability for each in scored) > sum(
        each.log_probability for each in wrong
    )
    with pytest.raises(ValueError, match="zip"):
        beam.score(texts[:2], translations[:1])


def test_attention_is_kept_for_the_best_hypothesis(beam, texts):
    alignment = beam.align(texts[0])
    shape = (len(alignment.target_subwords), len(alignment.source_subwords))
    assert alignment.weights.shape == shape
    np.testing.assert_allclose(alignment.weights.sum(axis=1), 1, atol=1e-5)
    assert alignment.translation == beam.translate([texts[0]])[0]
    source = beam.subwords.encode(texts[0])
    target = beam.subwords.encode(alignment.translation)
    assert alignment.source_subwords[:-1] == beam.subwords.pieces(source)
    assert "".join(alignment.target_subwords[:-1]).replace("▁", " ").strip() == (
        beam.subwords.decode(target)
    )


def test_blank_texts_stay_blank_and_in_place(beam, texts):
    found = beam.translate(["", texts[0], "  \t ", texts[1]])
    assert found == ["", *beam.translate([texts[0]]), "", *beam.translate([texts[1]])]
    assert beam.translate([]) == []


def test_one_string_is_not_taken_for_a_list_of_letters(beam):
    with pytest.raises(TypeError, match="translate takes a list of texts"):
        beam.translate("The dog sleeps.")


def test_padding_id_never_reaches_the_text(translator, texts):
    encoded = [translator.subwords.encode(text) for text in texts]
    for outputs in translator.batch_search()(encoded, [(n, 0) for n in range(len(texts))]):
        assert all(PAD not in each.ids for each in outputs)


def test_the_seed_and_the_line_decide_what_is_drawn(trained_run, texts):
    def draw(seed):
        return seq2seq.load(str(trained_run), **MODES["sampling"], seed=seed).translate(texts[:8])

    first = draw(1)
    assert first == loaded(trained_run, **MODES["sampling"]).translate(texts[:8])  # its seed is 1
    assert first != draw(2)
    same = seq2seq.load(str(trained_run), sampling=True, temperature=2.0).translate(texts[:1] * 8)
    assert len(set(same)) > 1  # one text on several lines is drawn anew on each


def test_blocked_repeats_do_not_occur(trained_run, texts):
    longest = " ".join(texts[:6])
    plain = seq2seq.load(str(trained_run), beam_width=2).search([longest, *texts])
    blocked = seq2seq.load(str(trained_run), beam_width=2, blocked_ngram=1).search(
        [longest, *texts]
    )
    for outputs in blocked:
        assert len(set(outputs[0].ids)) == len(outputs[0].ids)
    assert any(len(set(outputs[0].ids)) < len(outputs[0].ids) for outputs in plain)


def test_networks_that_vote_give_the_mean_probability(trained_run, texts):
    alone = loaded(trained_run)
    twice = seq2seq.load(str(trained_run), ensemble=(str(trained_run),))
    assert twice.translate(texts) == alone.translate(texts)
    for one, two in zip(alone.search(texts), twice.search(texts), strict=True):
        assert two[0].score == pytest.approx(one[0].score, abs=1e-4)
