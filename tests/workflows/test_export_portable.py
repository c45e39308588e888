import hashlib
import json
from importlib.metadata import PackageNotFoundError
from unittest.mock import Mock

import numpy as np
import pytest
import sentencepiece
from command_line import fails, run_command
from exported_model import RULES, exported_onnx, hashed_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loaded import loaded

from seq2seq.data.lines import read_lines
from seq2seq.errors import ExportError
from seq2seq.run_folder import RunFolder
from seq2seq.serving.portable import formats
from seq2seq.serving.portable.formats import FORMATS
from seq2seq.translation import portable_graphs
from seq2seq.translation.exported_translator import load_exported
from seq2seq.workflows import export_portable as exporting
from seq2seq.workflows.export_portable import PortableJob, export_portable

EOS = 3


def need(name):
    for package in {"onnx": ("tf2onnx", "onnxruntime"), "litert": ("ai_edge_litert",)}[name]:
        pytest.importorskip(package, reason=f"seq2seq-keras[{name}] is not installed")


@pytest.fixture(scope="module")
def with_onnx(request):
    return exported_onnx(request)


@pytest.fixture(scope="module")
def with_litert(trained_run, tmp_path_factory):
    need("litert")
    written = tmp_path_factory.mktemp("litert") / "model"
    assert run_command("export", trained_run, written, "--format", "litert") == f"{written}\n"
    return written


@pytest.fixture(scope="module")
def sentences(trained_run):
    test_source = RunFolder.open(trained_run).config().data.test_source
    return list(dict.fromkeys(read_lines(test_source)))[:60]


@pytest.fixture(scope="module")
def run_onnx(with_onnx):
    import onnxruntime

    session = onnxruntime.InferenceSession(with_onnx / "model.onnx")
    names = ["ids", "lengths", "scores", "log_probabilities", "token_log_probabilities"]
    names.append("attention")
    assert sorted(each.name for each in session.get_outputs()) == sorted(names)
    return lambda rows: dict(zip(names, session.run(names, {"source_ids": rows}), strict=True))


def encoded(directory, texts):
    """The vocabulary beside a model, and rows of ids, with it alone."""
    subwords = sentencepiece.SentencePieceProcessor(model_file=str(directory / "subwords.model"))
    return subwords, [[*ids, EOS] for ids in subwords.encode(texts)]


def padded(rows, columns=0):
    source_ids = np.zeros((len(rows), max(columns, *map(len, rows))), np.int32)
    for place, ids in enumerate(rows):
        source_ids[place, : len(ids)] = ids
    return source_ids


def test_onnx_runtime_and_sentencepiece_translate_as_the_run_does(
    with_onnx, run_onnx, trained_run, sentences
):
    translator = loaded(trained_run, **RULES)
    subwords, rows = encoded(with_onnx, sentences)
    found = run_onnx(padded(rows))
    texts = [
        subwords.decode(ids[: length - 1].tolist())
        for ids, length in zip(found["ids"][:, 0], found["lengths"][:, 0], strict=True)
    ]
    assert texts == translator.translate(sentences)
    assert len(set(texts)) > 40  # the control: sentences are told apart
    for row, outputs in enumerate(translator.search(sentences)):
        assert [each.score for each in outputs] == pytest.approx(found["scores"][row], abs=1e-4)
        totals = [each.log_probability for each in outputs]
        assert totals == pytest.approx(found["log_probabilities"][row], abs=1e-3)


def test_litert_and_sentencepiece_translate_as_the_run_does(with_litert, trained_run, sentences):
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_path=str(with_litert / "model.tflite")).get_signature_runner()
    subwords, rows = encoded(with_litert, sentences)
    texts = []
    for row in rows:
        found = run(source_ids=padded([row]))
        assert found["ids"].shape[:2] == found["lengths"].shape == found["scores"].shape == (1, 1)
        texts.append(subwords.decode(found["ids"][0, 0, : found["lengths"][0, 0] - 1].tolist()))
    assert texts == loaded(trained_run).translate(sentences)
    assert len(set(texts)) > 40  # the control


@pytest.mark.long
def test_weights_of_an_onnx_model_can_be_rounded(trained_run, tmp_path, monkeypatch, with_onnx):
    monkeypatch.setattr(portable_graphs, "EXAMPLES", 10)
    arguments = ("--format", "onnx", "--weights", "int8", "--beam", "2", "--shortlist")
    run_command("export", trained_run, tmp_path / "model", *arguments)
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    assert manifest["weights"] == "int8" and manifest["rounding"]["lines"] == 130
    assert manifest["decoding"]["shortlist"]
    small, large = (each / "model.onnx" for each in (tmp_path / "model", with_onnx))
    assert small.stat().st_size < large.stat().st_size * 0.4
    assert load_exported(tmp_path / "model", {}).decoding.beam_width == 2


@pytest.mark.long
def test_litert_has_the_operations_of_every_rule(trained_run, tmp_path, monkeypatch, with_litert):
    monkeypatch.setattr(portable_graphs, "EXAMPLES", 10)
    export_portable(PortableJob(trained_run, tmp_path / "model", "litert", RULES))
    names = {each.name for each in with_litert.iterdir()}
    assert {each.name for each in (tmp_path / "model").iterdir()} == names


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(numbers=st.lists(st.integers(0, 59), min_size=1, max_size=20), padding=st.integers(0, 30))
def test_neither_batch_nor_padding_change_what_onnx_gives(
    with_onnx, run_onnx, sentences, numbers, padding
):
    _, rows = encoded(with_onnx, [sentences[number % len(sentences)] for number in numbers])
    together = run_onnx(padded(rows, max(map(len, rows)) + padding))
    row = numbers[0] % len(rows)
    alone = run_onnx(padded([rows[row]]))
    steps = alone["ids"].shape[2]
    assert together["ids"][row, :, :steps].tolist() == alone["ids"][0].tolist()
    assert not together["ids"][row, :, steps:].any()
    np.testing.assert_allclose(together["scores"][row], alone["scores"][0], atol=1e-4)
    other = run_onnx(padded([rows[row][1:]]))  # the control: a subword less is another sentence
    assert abs(other["log_probabilities"] - alone["log_probabilities"]).max() > 1e-3


@pytest.mark.parametrize("name", ["onnx", "litert"])
def test_the_manifest_tells_how_the_model_was_made(name, request, trained_run):
    directory = request.getfixturevalue(f"with_{name}")
    assert {each.name for each in directory.iterdir()} == {
        *(FORMATS[name].file, "subwords.model", "source_words.tsv", "manifest.json")
    }
    manifest = json.loads((directory / "manifest.json").read_text())
    for file in (FORMATS[name].file, "subwords.model", "source_words.tsv"):
        assert (
            manifest["files"][file] == hashlib.sha256((directory / file).read_bytes()).hexdigest()
        )
    subwords = RunFolder.open(trained_run).subwords()
    assert (directory / "subwords.model").read_bytes() == subwords.model
    assert manifest["vocabulary_size"] == subwords.size
    assert manifest["special_ids"]["eos"] == EOS
    assert manifest["decoding"]["beam_width"] == 4
    assert manifest["decoding"]["n_best"] == {"onnx": 2, "litert": 1}[name]
    assert (manifest["weights"], manifest["rounding"]) == ("float32", None)
    assert manifest["versions"].keys() >= {"tensorflow", *FORMATS[name].packages}
    assert 50 < manifest["compared"]["sentences"] <= portable_graphs.EXAMPLES + 2
    assert manifest["compared"]["largest_score_difference"] < 1e-4


def test_onnx_loops_carry_only_what_their_steps_change(with_onnx):
    import onnx

    graph = onnx.load(with_onnx / "model.onnx").graph
    outer = [node for node in graph.node if node.op_type == "Loop"]
    inner = [node for loop in outer for node in loop.attribute[0].g.node if node.op_type == "Loop"]
    # Two directions of the encoder, the search until sentences leave its batch within the search,
    # and reading outputs back.
    assert (len(outer), len(inner)) == (4, 1)
    for loop in [*outer, *inner]:
        (body,) = [each.g for each in loop.attribute]
        copies = {node.output[0]: node.input[0] for node in body.node if node.op_type == "Identity"}
        assert len(body.input) > 3
        for before, after in zip(body.input[2:], body.output[1:], strict=False):
            assert copies.get(after.name, after.name) != before.name
        within = {name for node in body.node for name in node.output}
        within |= {each.name for each in body.input}
        assert {each.name for each in body.output} <= within
        assert not {name for node in body.node for name in node.input} <= within  # the weights


@pytest.mark.long
def test_an_onnx_model_with_an_altered_weight_is_refused(
    with_onnx, trained_run, tmp_path, monkeypatch
):
    import onnx

    from seq2seq.serving.portable import onnx_format

    def write(factor):
        def copy(search, path):
            model = onnx.load(with_onnx / "model.onnx")
            largest = max(model.graph.initializer, key=lambda each: np.prod(each.dims))
            values = onnx.numpy_helper.to_array(largest) * np.float32(factor)
            largest.CopyFrom(onnx.numpy_helper.from_array(values, largest.name))
            onnx.save(model, path)

        return copy

    monkeypatch.setattr(portable_graphs, "EXAMPLES", 10)  # for the speed of this test
    job = PortableJob(trained_run, tmp_path / "deep" / "model", "onnx", RULES)
    monkeypatch.setattr(onnx_format, "write_onnx", write(1.05))
    with pytest.raises(ExportError, match="translates otherwise than the run: of '"):
        export_portable(job)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(onnx_format, "write_onnx", write(1))  # the control
    assert export_portable(job) == job.directory


@pytest.mark.long
def test_a_litert_model_with_an_altered_weight_is_refused(trained_run, tmp_path, monkeypatch):
    need("litert")
    from seq2seq.serving.portable import litert_format

    write = litert_format.write_litert

    def altered(search, variables, path):
        variables[0].assign(variables[0] * 1.05)
        write(search, variables, path)

    monkeypatch.setattr(litert_format, "write_litert", altered)
    line = fails("export", trained_run, tmp_path / "model", "--format", "litert")
    assert line.startswith("error: the converted model translates otherwise than the run: of '")
    assert list(tmp_path.iterdir()) == []


def test_a_run_folder_is_opened_once(trained_run, tmp_path, monkeypatch):
    need("litert")
    with hashed_files() as once:
        RunFolder.open(trained_run)
    monkeypatch.setattr(exporting, "find_examples", Mock(side_effect=KeyboardInterrupt))
    with hashed_files() as hashed, pytest.raises(KeyboardInterrupt):
        export_portable(PortableJob(trained_run, tmp_path / "model", "litert"))
    assert hashed == once != []


def test_what_cannot_be_converted_is_one_line(trained_run, tmp_path, monkeypatch):
    need("litert")
    from seq2seq.serving.portable import litert_format

    def refuse(*arguments):
        raise RuntimeError("no such\n operation")

    monkeypatch.setattr(litert_format, "write_litert", refuse)
    line = fails("export", trained_run, tmp_path / "model", "--format", "litert", "--beam", "1")
    assert "model.tflite cannot hold this run's search: RuntimeError: no such operation" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["onnx", "litert"])
def test_a_missing_package_names_the_extra(name, trained_run, tmp_path, monkeypatch):
    def missing(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(formats, "version", missing)
    package = FORMATS[name].packages[0]
    assert fails("export", trained_run, tmp_path / "model", "--format", name) == (
        f"error: --format {name} needs {package}, which is not installed; install it "
        f"with: pip install 'seq2seq-keras[{name}]'"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--version", "1"), "--version is for --format savedmodel"),
        (("--weights", "bfloat16"), "--weights bfloat16 is not for --format litert; give float32"),
        (("--weights", "int8"), "--weights int8 is not for --format litert; give float32"),
        (("--shortlist",), "--shortlist is for --format onnx; leave it out with --format litert"),
        (("--beam", "2", "--n-best", "5"), "n_best needs a beam at least as wide"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(trained_run, tmp_path, arguments, message):
    need("litert")
    arguments = ("export", trained_run, tmp_path / "model", "--format", "litert", *arguments)
    assert message in fails(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_directories_that_cannot_be_used_are_named(trained_run, tmp_path):
    need("litert")
    arguments = ("--format", "litert")
    assert "is not a run folder" in fails("export", tmp_path, tmp_path / "a" / "b", *arguments)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter.txt").write_text("Dear")
    assert "foreign holds letter.txt; give a new or empty directory" in fails(
        "export", trained_run, tmp_path / "foreign", *arguments
    )
    letter = tmp_path / "foreign" / "letter.txt"
    assert "letter.txt is a file" in fails("export", trained_run, letter, *arguments)
    assert "cannot be made" in fails("export", trained_run, letter / "model", *arguments)
    assert [each.name for each in tmp_path.iterdir()] == ["foreign"]
