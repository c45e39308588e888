"""ONNX models that take more than text: prefixes, terms, translations that are to be scored."""

import io
import json
import shutil
import subprocess

import numpy as np
import pytest
from blocked_imports import WITHOUT_TENSORFLOW
from command_line import fails
from exported_model import exported_with_more
from loaded import loaded

from seq2seq.cli.main import main
from seq2seq.errors import ExportError
from seq2seq.exported_folder import FURTHER, PREFIXES, model_file
from seq2seq.manifest import MANIFEST
from seq2seq.serving.saved_model.tensors import as_array
from seq2seq.translation.exported_translator import load_exported
from seq2seq.translation.served_export import load_served_export
from seq2seq.translation.served_run import load_served_run
from seq2seq.workflows.onnx_engine import kept_model
from seq2seq.workflows.translate import FileJob, needs_tensorflow, translate_with

LINES = ["Today she reads the book.", "", "My brother is tired.", "The dog sleeps."]
TEXTS = [*LINES, "The old man sleeps."]
LONG = "The old man sleeps. " * 30
REFERENCES = ["Heute liest sie das Buch.", "Ja", "", "Der Hund " * 20, "Der alte Mann schläft."]


@pytest.fixture(scope="module")
def model(request):
    return exported_with_more(request)


@pytest.fixture(scope="module")
def served(model, trained_run):
    """The model, and its run in memory."""
    return load_served_export(model), load_served_run(trained_run, {"n_best": 2})


def ask(model, signature, **inputs):
    return model.predict(signature, {key: as_array(each, "string") for key, each in inputs.items()})


def translate(*arguments):
    main(["translate", *map(str, arguments)])


def same(served, signature, names=None, **inputs):
    """What both give, which is the same."""
    ours, theirs = (ask(each, signature, **inputs) for each in served)
    for name in names or theirs:
        if theirs[name].dtype == object:
            np.testing.assert_array_equal(ours[name], theirs[name], name)
        else:
            np.testing.assert_allclose(ours[name], theirs[name], atol=1e-3, err_msg=name)
    return ours


@pytest.mark.long
def test_a_translation_begins_as_told(served):
    prefixes = ["Das Buch", "Ja", "", "Der al", "Ein "]
    names = ("translations", "scores", "log_probabilities", "length_nbest")
    found = same(served, "translate_prefix", names, text=TEXTS, prefix=prefixes)
    for first, prefix in zip(found["translations"][:, 0], prefixes, strict=True):
        assert not first or first.decode().startswith(prefix)
    assert sum(map(bool, found["translations"][:, 0])) == 4  # all but the blank text
    # A prefix that leaves no room has no outputs, and others beside it have theirs.
    inputs = {"text": LINES[2:], "prefix": ["Mein " * 200, "Der"]}
    none, some = same(served, "translate_prefix", names, **inputs)["translations"][:, 0]
    assert none == b"" and some.startswith(b"Der")


@pytest.mark.long
def test_a_translation_has_the_terms(served):
    terms = ["Wagen", "Hund", "alte\tMann", " \t", "Garten"]
    found = same(served, "translate_terms", text=TEXTS, terms=terms)["translations"][:, 0]
    assert (
        b"Wagen" in found[0] and found[1] == b"" and b"alte" in found[2] and b"Garten" in found[4]
    )
    free = ask(served[0], "translate_nbest", text=TEXTS)["translations"][:, 0]
    assert free[3] == found[3] and free[0] != found[0]  # the control
    # Without room, or with too many, there is none.
    inputs = {"text": LINES[2:], "terms": ["Hund\t" * 40, "Hund"]}
    none, some = same(served, "translate_terms", **inputs)["translations"][:, 0]
    assert none == b"" and b"Hund" in some


@pytest.mark.long
def test_translations_that_are_there_are_scored(served, model, trained_run):
    found = same(served, "score", text=TEXTS, reference=REFERENCES)
    assert found["length"][2] == 1 and found["score"][0] > found["score"][3]
    scored = load_exported(model, {}).score(LINES[:1], REFERENCES[:1])[0]
    theirs = loaded(trained_run).score(LINES[:1], REFERENCES[:1])[0]
    assert scored.ids == theirs.ids and scored.score == pytest.approx(theirs.score, abs=1e-3)
    np.testing.assert_allclose(
        scored.token_log_probabilities, theirs.token_log_probabilities, atol=1e-3
    )


@pytest.mark.long
def test_files_are_translated_as_by_the_run_without_tensorflow(model, trained_run, tmp_path):
    names = ("in.txt", "prefixes", "words.tsv", "out.txt")
    source, prefixes, glossary, output = (tmp_path / name for name in names)
    source.write_text("".join(f"{line}\n" for line in [*LINES, LONG]))
    prefixes.write_text("Das Buch\n\n\nDer al\nEin\n")
    glossary.write_text("book\tWagen\ndog\tder Hund\n")
    for options in (["--prefix-file", prefixes], ["--prefix", "Der"], ["--glossary", glossary]):
        command = [*WITHOUT_TENSORFLOW, "translate", model, source, *options, "--n-best", "1"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        translate(trained_run, source, *options, "-o", output)
        assert done.stdout == output.read_text()
    translate(model, source, "-o", output)
    assert done.stdout != output.read_text()  # the control
    line = fails("translate", model, source, *options, "--prefix", "Der")
    assert "takes a prefix or a glossary, not both" in line


@pytest.mark.long
def test_the_engine_of_a_run_keeps_a_model_that_takes_prefixes(model, trained_run, tmp_path):
    """The control is a model without, which is not enough."""
    shutil.copytree(trained_run, run := tmp_path / "run")
    source, output = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("".join(f"{line}\n" for line in LINES))
    shutil.copytree(model, kept_model(run, {}, "float32"))
    job = FileJob(run, source, prefix="Der", engine="onnx")
    assert needs_tensorflow(job) and not needs_tensorflow(FileJob(run, source, engine="onnx"))
    shutil.copytree(model, kept_model(run, {}, "float32", [PREFIXES]))
    command = [*WITHOUT_TENSORFLOW, "translate", run, source, "--engine", "onnx", "--prefix", "Der"]
    done = subprocess.run(command, capture_output=True, text=True)
    translate(trained_run, source, "--prefix", "Der", "-o", output)
    assert (done.returncode, done.stdout) == (0, output.read_text())


@pytest.mark.long
def test_a_line_does_not_depend_on_its_company(model):
    texts, prefixes = [*LINES, LONG], ["Das Buch", "", "Der", "Der al", "Ein"]
    translate = load_exported(model, {}).line_translator(prefixed=True)
    (together,) = translate([texts], prefixes=iter(prefixes))
    for line, text, prefix in zip(together, texts, prefixes, strict=True):
        ((alone,),) = translate([[text]], prefixes=iter([prefix]))
        assert [part.outputs[0].ids for part in alone.parts] == [
            part.outputs[0].ids for part in line.parts
        ]


@pytest.mark.long
def test_each_file_is_in_the_manifest(model, tmp_path):
    manifest = json.loads((model / MANIFEST).read_text())
    assert {model_file(kind) for kind in FURTHER} < manifest["files"].keys()
    assert {each.name for each in model.iterdir()} == {*manifest["files"], MANIFEST}


def test_what_a_format_or_a_search_cannot_have_is_refused(trained_run, tmp_path):
    export = ("export", trained_run, tmp_path / "model", "--also", "terms")
    assert fails(*export).startswith("error: --also is for --format onnx; a savedmodel has all")
    assert "--also is for --format onnx" in fails(*export, "--format", "litert")
    assert "a glossary needs beam search" in fails(*export, "--format", "onnx", "--beam", "1")
    assert not (tmp_path / "model").exists()


def test_what_was_not_exported_is_named(tmp_path, request):
    from exported_model import exported_onnx

    model = exported_onnx(request)
    translator = load_exported(model, {})
    with pytest.raises(ExportError, match="was exported without scores; export the run with"):
        translator.score(LINES, LINES)
    with pytest.raises(ExportError, match="without prefixes"):
        translate_with(translator, FileJob(model, prefix="Der"), *[io.BytesIO()] * 2, None)
    assert "score" not in load_served_export(model).signatures
