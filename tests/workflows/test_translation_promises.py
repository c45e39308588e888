"""Promises of a trained translator: the same text alone or in company, scores that are true."""

import random

import numpy as np
import pytest
import tensorflow as tf
from conftest import write_corpus

import seq2seq
from seq2seq.data.lines import read_lines
from seq2seq.data.subwords import BOS, PAD
from seq2seq.models.translator import build_translator
from seq2seq.workflows.assembly import make_search
from seq2seq.workflows.batch_translation import BatchTranslator
from seq2seq.workflows.run_folder import RunFolder


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = write_corpus(tmp_path_factory.mktemp("texts"), train=10, others=64)
    lines = list(read_lines(folder / "test.en"))
    return [*lines, " ".join(lines[:6]), lines[0].split()[0]]  # very long and very short ones too


@pytest.fixture(scope="module", params=[1, 4], ids=["greedy", "beam"])
def translator(trained_run, request):
    return seq2seq.load(str(trained_run), beam_width=request.param)


def best(translator, texts, batch_tokens, search=None):
    """Text and score of each best hypothesis."""
    search = search or make_search(translator.network, translator.decoding)
    batches = BatchTranslator(translator.subwords, search, batch_tokens)
    found = [hypotheses[0] for hypotheses in batches.search(texts)]
    return [translator.subwords.decode(each.ids) for each in found], [each.score for each in found]


def test_alone_or_shuffled_into_any_batch_the_translation_is_the_same(translator, texts):
    alone, alone_scores = best(translator, texts, batch_tokens=1)
    assert len(set(alone)) > len(texts) // 2  # trained weights: the texts are told apart
    for seed in range(3):
        order = list(range(len(texts)))
        random.Random(seed).shuffle(order)
        shuffled = [texts[n] for n in order]
        together, scores = best(translator, shuffled, batch_tokens=64 * 20)
        assert together == [alone[n] for n in order]
        np.testing.assert_allclose(scores, [alone_scores[n] for n in order], atol=1e-4)


def padded(search, columns):
    return lambda source_ids: search(tf.pad(source_ids, [[0, 0], [0, columns]]))


def test_fifty_columns_of_padding_change_nothing(translator, texts):
    search = make_search(translator.network, translator.decoding)
    expected, scores = best(translator, texts, 640, search)
    found, found_scores = best(translator, texts, 640, padded(search, 50))
    assert found == expected
    np.testing.assert_allclose(found_scores, scores, atol=1e-4)


def test_with_the_mask_off_padding_would_change_translations(
    translator, trained_run, texts, monkeypatch
):
    """The control of the two tests above."""
    folder = RunFolder.open(trained_run)
    unmasked = build_translator(folder.config().model, translator.subwords.size, pad_id=-1)
    unmasked.training.load_weights(folder.weights("best"))
    monkeypatch.setattr("seq2seq.workflows.assembly.PAD", -1)
    search = make_search(unmasked, translator.decoding)
    expected, _ = best(translator, texts, 1, search)
    assert best(translator, texts, 1, padded(search, 50))[0] != expected


def test_the_score_reported_is_that_of_forced_decoding(translator, texts):
    search = make_search(translator.network, translator.decoding)
    found = BatchTranslator(translator.subwords, search, 640).search(texts[:8])
    for hypotheses in found:
        for each in hypotheses:
            source = tf.constant([each.source_ids])
            target_in = tf.constant([[BOS, *each.ids[:-1]]])
            logits = translator.network.training([source, target_in], training=False)[0]
            forced = tf.gather(tf.nn.log_softmax(logits), each.ids, batch_dims=1).numpy()
            assert each.log_probability == pytest.approx(forced.sum(), abs=1e-3)
            alpha = translator.decoding.length_penalty
            penalty = ((5 + len(each.ids)) / 6) ** alpha
            assert each.score == pytest.approx(forced.sum() / penalty, abs=1e-4)
            # Control: an output that was not searched for scores otherwise.
            changed = [*each.ids[:-1], each.ids[-1] + 5]
            other = tf.gather(tf.nn.log_softmax(logits), changed, batch_dims=1).numpy()
            assert abs(other.sum() - forced.sum()) > 1e-3


def test_attention_is_kept_for_the_best_hypothesis(translator, texts):
    alignment = translator.align(texts[0])
    shape = (len(alignment.target_subwords), len(alignment.source_subwords))
    assert alignment.weights.shape == shape
    np.testing.assert_allclose(alignment.weights.sum(axis=1), 1, atol=1e-5)
    assert alignment.translation == translator.translate([texts[0]])[0]
    source = translator.subwords.encode(texts[0])
    target = translator.subwords.encode(alignment.translation)
    assert alignment.source_subwords[:-1] == translator.subwords.pieces(source)
    assert "".join(alignment.target_subwords[:-1]).replace("▁", " ").strip() == (
        translator.subwords.decode(target)
    )


def test_blank_texts_stay_blank_and_in_place(translator, texts):
    found = translator.translate(["", texts[0], "  \t ", texts[1]])
    assert found == ["", *translator.translate([texts[0]]), "", *translator.translate([texts[1]])]
    assert translator.translate([]) == []


def test_one_string_is_not_taken_for_a_list_of_letters(translator):
    with pytest.raises(TypeError, match="translate takes a list of texts"):
        translator.translate("The dog sleeps.")


def test_padding_id_never_reaches_the_text(translator, texts):
    search = make_search(translator.network, translator.decoding)
    for hypotheses in BatchTranslator(translator.subwords, search, 640).search(texts):
        assert PAD not in hypotheses[0].ids
