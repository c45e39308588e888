"""What `seq2seq export` leaves behind, and when it leaves nothing."""

import contextlib
import json
import shutil
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
import tensorflow as tf
from command_line import fails, run_command
from exported_model import N_BEST, exported_model, hashed_files
from loaded import loaded

import seq2seq
from seq2seq.run_folder import RunFolder
from seq2seq.serving.saved_model.expected_answers import EXPECTED_FILE, decode_expected
from seq2seq.serving.saved_model.reader import read_meta_graph
from seq2seq.serving.saved_model.version_directory import versions
from seq2seq.serving.verify import verification
from seq2seq.serving.verify.report import Check, Report
from seq2seq.workflows import export as exporting


@pytest.fixture(scope="module")
def exported(request):
    return exported_model(request)


@pytest.fixture(scope="module")
def translator(exported):
    return loaded(exported.run)


@pytest.mark.long
def test_moved_and_without_its_run_it_verifies(exported):
    printed = run_command("verify", exported.model)
    first, *checks = printed.splitlines()
    assert first == str(exported.version)
    assert len(checks) == 12
    assert all(check.startswith("ok ") for check in checks)


def test_beside_the_model_stands_what_servers_and_clients_need(exported, translator):
    names = {each.name for each in exported.model.iterdir()}
    assert names >= {"1", "models.config", "batching.txt", "monitoring.txt"}
    extra = exported.version / "assets.extra"
    assert (extra / "subwords.model").read_bytes() == translator.subwords.model
    manifest = json.loads((extra / "manifest.json").read_text())
    assert manifest["decoding"]["n_best"] == N_BEST
    assert manifest["decoding"]["beam_width"] == translator.decoding.beam_width
    assert manifest["special_ids"]["eos"] == 3
    assert manifest["languages"] == {"source": "en", "target": "de"}
    assert manifest["versions"].keys() >= {"tensorflow", "tensorflow-text", "keras"}
    answers = decode_expected((exported.version / EXPECTED_FILE).read_bytes()).answers
    assert sum(len(each.inputs["text"]) for each in answers if each.signature == "translate") > 100


def parameter_bytes(translator):
    return sum(4 * int(np.prod(each.shape)) for each in translator.network.training.weights)


def stored_bytes(version):
    return sum(each.stat().st_size for each in (version / "variables").glob("variables.data*"))


def test_a_run_folder_is_opened_once(exported, tmp_path, monkeypatch):
    with hashed_files() as once:
        RunFolder.open(exported.run)
    monkeypatch.setattr(exporting, "save_signatures", Mock(side_effect=KeyboardInterrupt))
    with hashed_files() as hashed, pytest.raises(KeyboardInterrupt):
        exporting.export(exporting.ExportJob(exported.run, tmp_path / "model"))
    assert hashed == once != []
    with hashed_files() as hashed:  # control
        seq2seq.load(RunFolder.open(exported.run).path)
    assert hashed == sorted(once * 2)


def test_each_weight_is_stored_once(exported, translator):
    assert stored_bytes(exported.version) == pytest.approx(parameter_bytes(translator), rel=0.02)
    graph = read_meta_graph(exported.version).graph_def
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    constants = sum(node.attr["value"].tensor.ByteSize() for node in nodes if node.op == "Const")
    assert constants < 0.2 * parameter_bytes(translator), (constants, parameter_bytes(translator))


@pytest.fixture
def few_checks(monkeypatch):
    """Verification by the graph and the answers alone, for speed."""
    monkeypatch.setattr(verification, "BEHAVIOURS", {})


@pytest.mark.long
def test_bfloat16_weights_take_half_and_make_the_next_version(
    exported, tmp_path, translator, few_checks
):
    model = shutil.copytree(exported.model, tmp_path / "miniature")
    arguments = ("export", exported.run, model, "--weights", "bfloat16", "--beam", "1")
    assert run_command(*arguments) == f"{model / '2'}\n"  # verified against rounded weights
    assert versions(model) == [1, 2]
    assert stored_bytes(model / "2") == pytest.approx(parameter_bytes(translator) / 2, rel=0.05)
    manifest = json.loads((model / "2" / "assets.extra" / "manifest.json").read_text())
    assert manifest["weights"] == "bfloat16"
    assert manifest["decoding"]["beam_width"] == manifest["decoding"]["n_best"] == 1


def test_weights_that_lose_too_much_are_refused(exported, tmp_path, monkeypatch):
    monkeypatch.setitem(exporting.SCORE_BOUNDS, "bfloat16", 1e-9)
    line = fails("export", exported.run, tmp_path / "model", "--weights", "bfloat16", "--beam", "1")
    assert line.startswith("error: bfloat16 weights move scores by 0.0")
    assert not (tmp_path / "model").exists()


@pytest.mark.long
def test_an_export_that_answers_otherwise_leaves_nothing(
    exported, tmp_path, monkeypatch, few_checks
):
    """The graph is that of the model at hand, and so are the answers but for a score."""

    def save(graph, resources, directory):
        shutil.copytree(exported.version, directory, dirs_exist_ok=True)

    first, *_ = decode_expected((exported.version / EXPECTED_FILE).read_bytes()).answers
    outputs = first.outputs | {"score": first.outputs["score"] + 1}
    wrong = replace(first, outputs=outputs)
    monkeypatch.setattr(exporting, "save_signatures", save)
    monkeypatch.setattr(exporting, "record_answers", lambda *_: [wrong])
    monkeypatch.setattr(exporting, "find_ties", lambda *_: set())  # it would find none, slowly
    monkeypatch.setattr(verification, "replay", lambda *_: [])  # nor need others be warm
    line = fails("export", exported.run, tmp_path / "model")
    assert "serve it: expected answers: answer 1, translate: score[0] is -" in line
    assert list(tmp_path.iterdir()) == []


def test_a_text_with_two_best_translations_is_no_answer_to_verify_with(
    exported, tmp_path, monkeypatch
):
    recorded = decode_expected((exported.version / EXPECTED_FILE).read_bytes()).answers
    tie = recorded[0].inputs["text"][5]

    def texts(version):
        answers = decode_expected((version / EXPECTED_FILE).read_bytes()).answers
        return [text for answer in answers for text in answer.inputs["text"]]

    def verify(version):
        problems = ["score[5]"] if tie in texts(version) else []
        return Report(version, (Check.make(verification.ANSWERS, "", problems),))

    monkeypatch.setattr(exporting, "save_signatures", lambda *_: None)
    monkeypatch.setattr(exporting, "record_answers", lambda *_: recorded)
    monkeypatch.setattr(exporting, "CApiModel", lambda _: contextlib.nullcontext(Mock()))
    monkeypatch.setattr(exporting, "find_ties", lambda *_: {tie})
    monkeypatch.setattr(exporting, "verify", verify)
    run_command("export", exported.run, tmp_path / "model")
    found = texts(tmp_path / "model" / "1")
    assert tie not in found and len(found) > 200


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--beam", "2", "--n-best", "5"), "n_best needs a beam at least as wide"),
        (("--length-penalty", "-1"), "length_penalty"),
        (("--version", "0"), "give a number from 1"),
    ],
)
def test_settings_out_of_range_are_one_line(exported, tmp_path, arguments, message):
    assert message in fails("export", exported.run, tmp_path / "model", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_runs_and_directories_that_cannot_be_used_are_named(exported, tmp_path):
    assert f"{tmp_path} is not a run folder" in fails("export", tmp_path, tmp_path / "model")
    assert "exists; give another --version" in fails(
        "export", exported.run, exported.model, "--version", "1"
    )
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter.txt").write_text("Dear")
    assert "foreign holds letter.txt" in fails("export", exported.run, tmp_path / "foreign")
    run = RunFolder.open(exported.run)
    empty = RunFolder.create(tmp_path / "run", run.config(), run.subwords())
    assert f"{empty.path} has no trained weights yet" in fails(
        "export", empty.path, tmp_path / "model"
    )
    assert not (tmp_path / "model").exists()
    assert "give a directory that `seq2seq export` wrote" in fails("verify", tmp_path)


def test_a_full_disk_is_one_line_and_nothing_is_left(exported, tmp_path, monkeypatch):
    def write(job, directory, say):
        tf.io.write_file("/dev/full", "graph")

    with pytest.raises(tf.errors.ResourceExhaustedError):
        write(None, tmp_path, print)  # the control: a class of TensorFlow's own
    monkeypatch.setattr(exporting, "_write", write)
    message = fails("export", exported.run, tmp_path / "models" / "en_de")
    assert f"No space left on device: '{tmp_path / 'models' / 'en_de'}'" in message
    assert not (tmp_path / "models").exists()
