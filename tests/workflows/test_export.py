import contextlib
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import miniature_settings

import seq2seq
from seq2seq.cli.main import main
from seq2seq.data.lines import read_lines
from seq2seq.errors import ExportError
from seq2seq.serving import verification
from seq2seq.serving.c_api import CApiModel
from seq2seq.serving.expected import EXPECTED_FILE, Answer, decode_expected
from seq2seq.serving.layout import versions
from seq2seq.serving.probes import NASTY
from seq2seq.serving.tensors import as_array
from seq2seq.workflows import export as exporting
from seq2seq.workflows.export_answers import find_ties
from seq2seq.workflows.export_examples import MOST, example_texts
from seq2seq.workflows.run_folder import RunFolder

N_BEST, LONGEST = 3, 100
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
}


def run_command(*arguments):
    """Standard output of a command that succeeds."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        main([str(each) for each in arguments])
    return printed.getvalue()


def fails(*arguments):
    """The line that a command fails with."""
    with contextlib.redirect_stderr(io.StringIO()) as printed, pytest.raises(SystemExit) as stopped:
        main([str(each) for each in arguments])
    assert stopped.value.code == 1
    *_, line = printed.getvalue().splitlines()
    return line


@pytest.fixture(scope="module")
def exported(trained_run, tmp_path_factory):
    """A model exported from a run that is gone, in another place than it was written to."""
    folder = tmp_path_factory.mktemp("export")
    run, model = folder / "run", folder / "written" / "miniature"
    shutil.copytree(trained_run, run)
    printed = run_command("export", run, model, "--n-best", N_BEST)
    assert printed == f"{model / '1'}\n"
    shutil.rmtree(run)
    (folder / "moved").mkdir()
    return Path(shutil.move(model, folder / "moved"))


@pytest.fixture(scope="module")
def served(exported):
    with CApiModel(exported / "1") as model:
        yield model


@pytest.fixture(scope="module")
def translator(trained_run):
    return seq2seq.load(str(trained_run), n_best=N_BEST)


@pytest.fixture(scope="module")
def sentences(trained_run):
    return list(read_lines(RunFolder.open(trained_run).config().data.test_source))[:110]


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
    return [each.encode() for each in [*sentences, *long]] + [*blank, *broken, *NASTY]


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


def ask(served, signature, texts, references=None):
    inputs = {"text": as_array(texts, "string")}
    if references is not None:
        inputs["reference"] = as_array(references, "string")
    return served.predict(signature, inputs)


def test_every_signature_has_its_documented_outputs(served, lines):
    assert served.signatures.keys() == OUTPUTS.keys()
    for name, outputs in OUTPUTS.items():
        signature = served.signatures[name]
        inputs = ("reference", "text") if name == "score" else ("text",)
        assert tuple(signature.inputs) == inputs
        assert {each.shape for each in signature.inputs.values()} == {(None,)}
        promised = {key: (each.dtype, each.shape[1:]) for key, each in signature.outputs.items()}
        assert promised == outputs
        for texts in ([], [b""], lines[:5]):
            found = ask(served, name, texts, texts if name == "score" else None)
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


def test_megabytes_of_rubbish_get_an_answer(served):
    rubbish = [b" \r\n" * 3_000_000, b"\xff" * 2_000, bytes(range(256)) * 10]
    for name in ("translate", "align"):
        assert np.all(np.isfinite(ask(served, name, rubbish)["score"]))


def test_moved_and_without_its_run_it_still_verifies(exported):
    printed = run_command("verify", exported)
    first, *checks = printed.splitlines()
    assert first == str(exported / "1")
    assert len(checks) == 12
    assert all(check.startswith("ok ") for check in checks)


def test_beside_the_model_stands_what_servers_and_clients_need(exported, translator):
    names = {each.name for each in exported.iterdir()}
    assert names >= {"1", "models.config", "batching.txt", "monitoring.txt"}
    extra = exported / "1" / "assets.extra"
    assert (extra / "subwords.model").read_bytes() == translator.subwords.model
    manifest = json.loads((extra / "manifest.json").read_text())
    assert manifest["decoding"]["n_best"] == N_BEST
    assert manifest["decoding"]["beam_width"] == translator.decoding.beam_width
    assert manifest["special_ids"]["eos"] == 3
    assert manifest["versions"].keys() >= {"tensorflow", "tensorflow-text", "keras"}
    answers = decode_expected((exported / "1" / EXPECTED_FILE).read_bytes()).answers
    assert sum(len(each.inputs["text"]) for each in answers if each.signature == "translate") > 100


def parameter_bytes(translator):
    return sum(4 * int(np.prod(each.shape)) for each in translator.network.training.weights)


def stored_bytes(version):
    return sum(each.stat().st_size for each in (version / "variables").glob("variables.data*"))


def test_each_weight_is_stored_once(exported, translator):
    assert stored_bytes(exported / "1") == pytest.approx(parameter_bytes(translator), rel=0.02)
    assert (exported / "1" / "saved_model.pb").stat().st_size < 3_000_000


def test_bfloat16_weights_take_half_and_make_the_next_version(exported, trained_run, translator):
    arguments = ("export", trained_run, exported, "--weights", "bfloat16", "--beam", "1")
    assert run_command(*arguments) == f"{exported / '2'}\n"  # verified against rounded weights
    assert versions(exported) == [1, 2]
    assert stored_bytes(exported / "2") == pytest.approx(parameter_bytes(translator) / 2, rel=0.05)
    manifest = json.loads((exported / "2" / "assets.extra" / "manifest.json").read_text())
    assert manifest["weights"] == "bfloat16"
    assert manifest["decoding"]["beam_width"] == manifest["decoding"]["n_best"] == 1


def test_weights_that_lose_too_much_are_refused(trained_run, tmp_path, monkeypatch):
    monkeypatch.setitem(exporting.SCORE_BOUNDS, "bfloat16", 1e-9)
    line = fails("export", trained_run, tmp_path / "model", "--weights", "bfloat16", "--beam", "1")
    assert line.startswith("error: bfloat16 weights move scores by 0.0")
    assert not (tmp_path / "model").exists()


def test_an_export_that_answers_otherwise_leaves_nothing(trained_run, tmp_path, monkeypatch):
    record = exporting.record_answers

    def wrong(*arguments):
        first, *others = record(*arguments)
        outputs = first.outputs | {"score": first.outputs["score"] + 1}
        return [replace(first, outputs=outputs), *others]

    monkeypatch.setattr(exporting, "record_answers", wrong)
    monkeypatch.setattr(verification, "BEHAVIOURS", {})  # for the speed of this test
    line = fails("export", trained_run, tmp_path / "model", "--beam", "1")
    assert "expected answers: answer 1, translate: score[0] is -" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--beam", "2", "--n-best", "5"), "n_best needs a beam at least as wide"),
        (("--length-penalty", "-1"), "length_penalty"),
        (("--version", "0"), "give a number from 1"),
    ],
)
def test_settings_out_of_range_are_one_line(trained_run, tmp_path, arguments, message):
    assert message in fails("export", trained_run, tmp_path / "model", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_runs_and_directories_that_cannot_be_used_are_named(trained_run, exported, tmp_path):
    assert f"{tmp_path} is not a run folder" in fails("export", tmp_path, tmp_path / "model")
    assert "exists; give another --version" in fails(
        "export", trained_run, exported, "--version", "1"
    )
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter.txt").write_text("Dear")
    assert "foreign holds letter.txt" in fails("export", trained_run, tmp_path / "foreign")
    run = RunFolder.open(trained_run)
    empty = RunFolder.create(tmp_path / "run", run.config(), run.subwords())
    assert f"{empty.path} has no trained weights yet" in fails(
        "export", empty.path, tmp_path / "model"
    )
    assert not (tmp_path / "model").exists()
    assert "give a directory that `seq2seq export` wrote" in fails("verify", tmp_path)


def test_without_its_corpus_a_run_is_checked_on_its_own_subwords(tmp_path, translator):
    texts = example_texts(miniature_settings(tmp_path / "gone"), translator.subwords)
    assert MOST / 2 < len(texts) <= MOST
    assert all(text.strip() for text in texts)
    lengths = [len(translator.subwords.encode(text)) for text in texts]
    assert 0 < min(lengths) < max(lengths) <= LONGEST
    assert texts == example_texts(miniature_settings(tmp_path / "gone"), translator.subwords)


def test_examples_are_taken_from_all_over_the_evaluation_text(trained_run, translator):
    config = RunFolder.open(trained_run).config()
    texts = example_texts(config, translator.subwords)
    assert MOST / 2 < len(texts) <= MOST
    validation, test = (
        set(read_lines(path)) for path in (config.data.validation_source, config.data.test_source)
    )
    assert set(texts) <= validation | test
    assert set(texts) & validation - test and set(texts) & test - validation


def answer(translations, scores):
    outputs = {
        "translation": as_array(translations, "string"),
        "score": as_array(scores, "float32"),
    }
    return Answer("translate", {"text": as_array(["a", "b", "c"], "string")}, outputs)


class Tensor:
    def __init__(self, values):
        self._values = values

    def numpy(self):
        return self._values


def endpoints(translations, scores):
    outputs = answer(translations, scores).outputs
    return {"translate": lambda text: {name: Tensor(each) for name, each in outputs.items()}}


def test_only_equal_scores_make_a_tie():
    recorded = [answer(["A", "B", "C"], [-1, -2, -3])]
    assert find_ties(recorded, endpoints(["A", "B", "C"], [-1, -2, -3])) == set()
    assert find_ties(recorded, endpoints(["A", "b", "C"], [-1, -2.00001, -3])) == {"b"}
    assert find_ties(recorded, endpoints(["A", "b", "C"], [-1, -2.1, -3])) == set()
    with pytest.raises(ExportError, match="2 of 3 texts otherwise than the run, e.g. 'a'"):
        find_ties(recorded, endpoints(["a", "b", "C"], [-1, -2, -3]))
