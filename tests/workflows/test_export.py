"""An exported model, run as a server runs it, answers as the translator in memory."""

import numpy as np
import pytest
from exported_model import LONGEST, N_BEST, exported_model
from loaded import loaded

from seq2seq.config.text_limits import LONGEST_TERMS
from seq2seq.data.lines import read_lines
from seq2seq.run_folder import RunFolder
from seq2seq.serving.saved_model.tensors import as_array
from seq2seq.serving.verify.behaviour_checks import HOSTILE_TEXTS
from seq2seq.serving.verify.c_api import CApiModel

OUTPUTS = {
    "serving_default": {"translation": ("string", ())},
    "translate": {"translation": ("string", ()), "score": ("float32", ())},
    "translate_nbest": {
        "translations": ("string", (N_BEST,)),
        "scores": ("float32", (N_BEST,)),
        "log_probabilities": ("float32", (N_BEST,)),
    },
    "score": {
        "score": ("float32", ()),
        "log_probability": ("float32", ()),
        "length": ("int32", ()),
    },
    "align": {
        "translation": ("string", ()),
        "score": ("float32", ()),
        "source_tokens": ("string", (None,)),
        "source_length": ("int32", ()),
        "tokens": ("string", (None,)),
        "length": ("int32", ()),
        "alignment": ("float32", (None, None)),
        "token_log_probabilities": ("float32", (None,)),
    },
    "translate_prefix": {
        "translations": ("string", (N_BEST,)),
        "scores": ("float32", (N_BEST,)),
        "log_probabilities": ("float32", (N_BEST,)),
        "length_nbest": ("int32", (N_BEST,)),
        "source_tokens": ("string", (None,)),
        "source_length": ("int32", ()),
        "tokens_nbest": ("string", (N_BEST, None)),
        "token_log_probabilities_nbest": ("float32", (N_BEST, None)),
        "alignment_nbest": ("float32", (N_BEST, None, None)),
    },
    "translate_terms": {
        "translations": ("string", (N_BEST,)),
        "scores": ("float32", (N_BEST,)),
        "log_probabilities": ("float32", (N_BEST,)),
    },
}
OTHERS = {"score": "reference", "translate_prefix": "prefix", "translate_terms": "terms"}


@pytest.fixture(scope="module")
def exported(request):
    return exported_model(request)


@pytest.fixture(scope="module")
def served(exported):
    with CApiModel(exported.version) as model:
        yield model


@pytest.fixture(scope="module")
def translator(exported):
    return loaded(exported.run, n_best=N_BEST)


@pytest.fixture(scope="module")
def sentences(exported):
    return list(read_lines(RunFolder.open(exported.run).config().data.test_source))[:110]


@pytest.fixture(scope="module")
def lines(sentences):
    """Sentences, what is hard to read, and lines of several hundred words."""
    blank = [b"", b"  \t ", b"\0"]
    broken = [sentences[0].encode()[:9] + b"\xe2\x82" + sentences[1].encode(), b"\xff\xfe\xc3\x28"]
    long = [
        " ".join(sentences[:60]),
        "dog " * 300,
        "x" * 1500,
        " ".join(sentences[60:]) + "!" * 300,
    ]
    return [each.encode() for each in [*sentences, *long]] + [*blank, *broken, *HOSTILE_TEXTS]


def cut(subwords, ids):
    """Ids in chunks: after a sentence if possible, else before a word, else anywhere."""

    def quality(end):
        before, behind = subwords.pieces(ids[end - 1 : end + 1])
        starts_word = behind.startswith("▁")
        if before.endswith(("。", "！")) or (starts_word and before.endswith((".", "!", "?", "…"))):
            return 3
        return 2 if starts_word else int(not ("<0x80>" <= behind <= "<0xBF>"))

    if len(ids) <= LONGEST:
        return [ids] if ids else []
    end = max(range(1, LONGEST + 1), key=lambda end: (quality(end), end))
    return [ids[:end], *cut(subwords, ids[end:])]


def in_memory(translator, lines):
    """The translator's outputs for each line, by rank: text, score and log-probability."""
    subwords = translator.subwords
    chunks = [cut(subwords, subwords.encode(line.decode(errors="replace"))) for line in lines]
    sources = [ids for each in chunks for ids in each]
    outputs = iter(translator.batch_search()(sources, [(n, 0) for n in range(len(sources))]))
    return [join(subwords, [next(outputs) for _ in each]) for each in chunks]


def join(subwords, parts):
    ranks = []
    for rank in range(N_BEST):
        chosen = [part[rank] for part in parts]
        text = " ".join(filter(None, (subwords.decode(each.ids) for each in chosen)))
        score = np.mean([each.score for each in chosen]) if chosen else 0.0
        ranks.append((text, score, sum(each.log_probability for each in chosen)))
    return ranks


def ask(served, signature, texts, others=None):
    inputs = {"text": as_array(texts, "string")}
    if others is not None:
        inputs[OTHERS[signature]] = as_array(others, "string")
    return served.predict(signature, inputs)


def test_every_signature_has_its_documented_outputs(served, lines):
    assert served.signatures.keys() == OUTPUTS.keys()
    for name, outputs in OUTPUTS.items():
        signature = served.signatures[name]
        others = [OTHERS[name]] if name in OTHERS else []
        assert list(signature.inputs) == sorted([*others, "text"])
        assert {each.shape for each in signature.inputs.values()} == {(None,)}
        promised = {key: (each.dtype, each.shape[1:]) for key, each in signature.outputs.items()}
        assert promised == outputs
        for texts in ([], [b""], lines[:5]):
            found = ask(served, name, texts, texts if others else None)
            for key, (_, shape) in outputs.items():
                assert found[key].shape[0] == len(texts)
                assert len(found[key].shape) == 1 + len(shape)


def test_the_exported_model_translates_as_the_one_in_memory(served, translator, lines):
    assert len(lines) > 110
    expected = [ranks[0] for ranks in in_memory(translator, lines)]
    found = ask(served, "translate", lines)
    assert [each.decode() for each in found["translation"]] == [text for text, *_ in expected]
    np.testing.assert_allclose(found["score"], [score for _, score, _ in expected], atol=1e-4)
    plain = ask(served, "serving_default", lines)
    assert plain["translation"].tolist() == found["translation"].tolist()
    assert len({text for text, *_ in expected}) > 80  # the control: lines are told apart


def test_short_lines_are_translated_as_by_seq2seq_translate(served, translator, sentences):
    found = ask(served, "serving_default", sentences)["translation"]
    assert [each.decode() for each in found] == translator.translate(sentences)


def test_n_best_lists_are_those_in_memory(served, translator, lines):
    some = [*lines[:25], *lines[-20:]]
    found = ask(served, "translate_nbest", some)
    for row, expected in enumerate(in_memory(translator, some)):
        for rank, (text, score, total) in enumerate(expected):
            assert found["translations"][row, rank].decode() == text
            assert found["scores"][row, rank] == pytest.approx(score, abs=1e-4)
            assert found["log_probabilities"][row, rank] == pytest.approx(total, rel=1e-4, abs=1e-3)
    best = ask(served, "translate", some)["translation"]
    assert found["translations"][:, 0].tolist() == best.tolist()
    assert any(len(set(row)) > 1 for row in found["translations"].tolist())


def test_references_are_scored_as_in_memory(served, translator, sentences):
    references = [*translator.translate(sentences[:20]), "", "  ", *sentences[22:30]]
    texts = [*sentences[:20], "", *sentences[21:29], " ".join(sentences[:30])]
    found = ask(served, "score", texts, references)
    for row, expected in enumerate(translator.score(texts, references)):
        assert found["length"][row] == len(expected.ids)
        assert found["score"][row] == pytest.approx(expected.score, abs=1e-4)
        assert found["log_probability"][row] == pytest.approx(expected.log_probability, rel=1e-4)
    best = ask(served, "translate", texts[:20])["score"]  # of what was searched for, the same
    np.testing.assert_allclose(found["score"][:20], best, atol=1e-4)
    assert np.all(found["score"][22:] < best.min())


def test_alignments_are_those_in_memory(served, translator, sentences):
    texts = [sentences[0], "", sentences[1], " ".join(sentences[:40])]
    found = ask(served, "align", texts)
    for row in (0, 2):
        expected = translator.align(texts[row])
        length, source_length = found["length"][row], found["source_length"][row]
        assert found["translation"][row].decode() == expected.translation
        for name, pieces, count in (
            ("tokens", expected.target_subwords, length),
            ("source_tokens", expected.source_subwords, source_length),
        ):
            assert [each.decode() for each in found[name][row, :count]] == pieces
            assert set(found[name][row, count:]) <= {b""}
        weights = found["alignment"][row, :length, :source_length]
        np.testing.assert_allclose(weights, expected.weights, atol=1e-4)
        assert np.all(found["alignment"][row, length:] == 0)
    assert found["length"][1] == found["source_length"][1] == 0
    assert found["translation"][1] == b""
    assert found["source_length"][3] <= LONGEST + 1  # a long line: its first chunk
    first = cut(translator.subwords, translator.subwords.encode(texts[3]))[0]
    assert found["source_length"][3] == len(first) + 1


def test_what_begins_with_a_prefix_is_what_does_in_memory(served, translator, sentences):
    texts = [*sentences[:12], "", sentences[3], " ".join(sentences[:40])]
    whole = translator.translate(texts)
    prefixes = [each[: 3 * row] for row, each in enumerate(whole[:12])] + ["x", "y " * 900, "Das "]
    found = ask(served, "translate_prefix", texts, prefixes)
    searched = translator.search(texts[:12], prefixes[:12])
    for row, each in enumerate(searched):
        for rank, expected in enumerate(each):
            length, source_length = len(expected.ids), len(expected.source_ids)
            assert found["translations"][row, rank].decode() == translator.subwords.decode(
                expected.ids
            )
            assert found["scores"][row, rank] == pytest.approx(expected.score, abs=1e-4)
            assert found["length_nbest"][row, rank] == length
            pieces = [piece.decode() for piece in found["tokens_nbest"][row, rank, :length]]
            assert pieces == translator.subwords.pieces(expected.ids)
            sums = found["alignment_nbest"][row, rank, :length, :source_length].sum(axis=1)
            np.testing.assert_allclose(sums, 1, atol=1e-4)
    # A blank text, and a prefix that is too long, have no output.
    assert not found["length_nbest"][12:14].any() and set(found["translations"][13]) == {b""}
    assert found["translations"][14, 0].startswith(b"Das ")  # of a long text, the first chunk
    free = ask(served, "translate_prefix", texts, [""] * len(texts))
    nbest = ask(served, "translate_nbest", texts[:12])
    assert free["translations"][:12].tolist() == nbest["translations"].tolist()


def test_terms_are_in_every_output_as_in_memory(served, translator, sentences):
    texts = [*sentences[:7], "", " ".join(sentences[:40]), *sentences[7:9]]
    terms = ["Quokka\t犬", "\tzwei  Wörter", " \t", *["Quokka\tQuokka"] * 6]
    terms += ["x " * LONGEST_TERMS, "\t".join(["Quokka"] * (LONGEST_TERMS + 1))]
    found = ask(served, "translate_terms", texts, terms)
    subwords = translator.subwords
    asked = [[term for term in each.split("\t") if term.strip()] for each in terms[:7]]
    searched = translator.search(texts[:7], terms=asked)
    for row, outputs in enumerate(searched):
        written = [subwords.decode(each.ids) for each in outputs]
        assert [each.decode() for each in found["translations"][row, : len(outputs)]] == written
        scores = [each.score for each in outputs]
        assert found["scores"][row, : len(outputs)] == pytest.approx(scores, abs=1e-4)
        needed = [" ".join(term.split()) for term in asked[row]]
        assert outputs and all(term in text for term in needed for text in written)
    # Of a long text the first chunk has them; a blank one, and terms without room, give nothing.
    assert all(b"Quokka" in text for text in found["translations"][8])
    for row in (7, 9, 10):
        assert set(found["translations"][row]) == {b""} and not found["scores"][row].any()
    free = ask(served, "translate_terms", texts, [""] * len(texts))
    ranked = ask(served, "translate_nbest", texts)
    assert free["translations"].tolist() == ranked["translations"].tolist()
    assert len(found["translations"][8, 0]) > 0.8 * len(free["translations"][8, 0]) > 200


def test_megabytes_of_rubbish_get_an_answer(served):
    rubbish = [b" \r\n" * 3_000_000, b"\xff" * 2_000, bytes(range(256)) * 10]
    for name in ("translate", "align"):
        assert np.all(np.isfinite(ask(served, name, rubbish)["score"]))
