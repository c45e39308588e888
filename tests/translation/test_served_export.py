"""An exported ONNX model under the server: what its run gives, in a SavedModel's signatures."""

import numpy as np
import pytest
from exported_model import RULES, exported_onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loaded import loaded

from seq2seq.config.languages import Languages, LanguageTags
from seq2seq.serving.saved_model.signatures import (
    ALIGNMENTS,
    SCORES,
    TEXT,
    _continuation_types,
    ranked_types,
)
from seq2seq.serving.saved_model.tensors import TensorSpec, as_array
from seq2seq.serving.server.errors import Code, RequestError
from seq2seq.translation import served_export
from seq2seq.translation.exported_translator import ExportedTranslator, load_exported
from seq2seq.translation.served_export import ServedExport, load_served_export

TEXTS = ["Today she reads the book.", "", "The dog sleeps.", "wombat " * 90, " \t", "The dog"]
COUNT = RULES["n_best"]


@pytest.fixture(scope="module")
def model(request):
    return load_served_export(exported_onnx(request))


@pytest.fixture(scope="module")
def translator(trained_run):
    return loaded(trained_run, **RULES)


def ask(model, signature, texts, **inputs):
    inputs = {name: as_array(values, "string") for name, values in inputs.items()}
    return model.predict(signature, {"text": as_array(texts, "string"), **inputs})


def decoded(strings):
    return [each.decode() for each in strings]


def test_signatures_are_those_of_a_savedmodel(model):
    wanted = {
        "serving_default": {"translation": TEXT},
        "translate": {"translation": TEXT, "score": SCORES["score"]},
        "translate_nbest": ranked_types(COUNT),
        "align": ALIGNMENTS,
        "translate_prefix": _continuation_types(COUNT),
    }
    assert model.signatures.keys() == wanted.keys()
    for name, outputs in wanted.items():
        found = model.signatures[name]
        assert found.outputs == {
            key: TensorSpec(each.dtype.name, tuple(each.shape)) for key, each in outputs.items()
        }
        inputs = {"text", "prefix"} if name == "translate_prefix" else {"text"}
        assert found.inputs == dict.fromkeys(inputs, TensorSpec("string", (None,)))
    assert model.languages == Languages("en", "de")


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[1:2], []])
def test_every_output_fits_its_signature(model, texts):
    for name, signature in model.signatures.items():
        further = {"prefix": [""] * len(texts)} if "prefix" in signature.inputs else {}
        found = ask(model, name, texts, **further)
        assert found.keys() == signature.outputs.keys()
        for key, spec in signature.outputs.items():
            array = found[key]
            assert array.dtype == (object if spec.dtype == "string" else spec.dtype)
            assert array.ndim == len(spec.shape) and len(array) == len(texts)
            assert all(
                size in (None, got) for size, got in zip(spec.shape, array.shape, strict=True)
            )


def test_translations_are_those_of_the_run(model, translator):
    best = translator.translate(TEXTS)
    assert decoded(ask(model, "serving_default", TEXTS)["translation"]) == best
    assert len(set(best)) == 5  # the control: blank texts are alike, and no others
    scored = ask(model, "translate", TEXTS)
    assert decoded(scored["translation"]) == best
    found = ask(model, "translate_nbest", TEXTS)
    assert decoded(found["translations"][:, 0]) == best
    np.testing.assert_array_equal(found["scores"][:, 0], scored["score"])
    for row in (0, 2):
        outputs = translator.search(TEXTS[row : row + 1])[0]
        texts = [translator.subwords.decode(each.ids) for each in outputs]
        assert decoded(found["translations"][row]) == texts
        for name, attribute in (("scores", "score"), ("log_probabilities", "log_probability")):
            wanted = [getattr(each, attribute) for each in outputs]
            assert found[name][row] == pytest.approx(wanted, abs=1e-3)


def test_alignments_are_those_of_the_run(model, translator):
    found = ask(model, "align", TEXTS)
    led = ask(model, "translate_prefix", TEXTS, prefix=["", " "] * 3)
    for row, text in enumerate(TEXTS):
        read, written = found["source_length"][row], found["length"][row]
        assert (found["source_tokens"][row, read:] == b"").all()
        assert (found["alignment"][row, written:] == 0).all()
        if row in (1, 3, 4):
            continue
        wanted = translator.align(text)
        assert found["translation"][row].decode() == wanted.translation
        assert decoded(found["source_tokens"][row, :read]) == wanted.source_subwords
        assert decoded(found["tokens"][row, :written]) == wanted.target_subwords
        weights = found["alignment"][row, :written, :read]
        np.testing.assert_allclose(weights, wanted.weights, atol=1e-3)
        # The first output of those that any prefix would have begun is the same.
        assert led["length_nbest"][row, 0] == written
        np.testing.assert_array_equal(led["alignment_nbest"][row, 0, :written, :read], weights)
        assert decoded(led["tokens_nbest"][row, 0, :written]) == wanted.target_subwords
    assert (found["length"][[1, 4]] == 0).all() and (led["length_nbest"][[1, 4]] == 0).all()
    # Of a text of several chunks all is about the first, and nothing of the translation is lost.
    assert found["source_length"][3] <= 101
    assert len(ask(model, "serving_default", TEXTS)["translation"][3]) > len(
        found["translation"][3]
    )


def test_a_prefix_is_refused_and_a_blank_one_is_none(model):
    with pytest.raises(RequestError, match="cannot begin a translation as told") as refused:
        ask(model, "translate_prefix", TEXTS[:2], prefix=["", "Das"])
    assert refused.value.code is Code.UNIMPLEMENTED


def test_a_model_that_gives_no_attention_has_fewer_signatures(request):
    translator = load_exported(exported_onnx(request), {})
    translator._run.outputs.remove("attention")
    model = ServedExport(translator)
    assert set(model.signatures) == {"serving_default", "translate", "translate_nbest"}
    assert ask(model, "serving_default", TEXTS[:1])["translation"].size == 1


def test_of_an_endless_text_the_beginning_is_translated(model, monkeypatch):
    whole = ask(model, "serving_default", ["the dog sleeps " * 20])["translation"]
    monkeypatch.setattr(served_export, "LONGEST_TEXT", 6)
    bounded = ask(model, "serving_default", ["the dog sleeps " * 20])["translation"]
    assert len(bounded[0]) < len(whole[0]) / 3
    monkeypatch.setattr(served_export, "MOST_BYTES", 7)
    assert ask(model, "serving_default", ["the dog sleeps"]) == ask(
        model, "serving_default", ["the dog"]
    )


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(
        st.binary(max_size=30) | st.sampled_from([each.encode() for each in TEXTS]), max_size=6
    )
)
def test_any_bytes_have_one_answer_in_any_company(model, texts):
    together = ask(model, "translate", texts)
    alone = [ask(model, "translate", [text]) for text in texts]
    assert list(together["translation"]) == [each["translation"][0] for each in alone]
    scores = [each["score"][0] for each in alone]
    np.testing.assert_allclose(together["score"], scores, atol=1e-4)


def test_the_tag_of_a_language_is_put_before_each_text(request):
    plain = load_exported(exported_onnx(request), {})
    tags = LanguageTags(("de", "nl"), "nl")
    tagged = ServedExport(ExportedTranslator(exported_onnx(request), *about(plain), tags=tags))
    texts = ["The dog sleeps.", "<2de> The dog sleeps.", ""]
    wanted = ["<2nl> The dog sleeps.", texts[1], ""]
    found = ask(tagged, "align", texts)
    expected = ask(ServedExport(plain), "align", wanted)
    np.testing.assert_array_equal(found["source_tokens"], expected["source_tokens"])
    assert list(found["translation"]) == list(expected["translation"])


def about(translator):
    return translator.subwords, translator.decoding, translator.source_words
