"""An exported ONNX model translates files as its run does, without TensorFlow."""

import gzip
import io
import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from blocked_imports import WITHOUT_TENSORFLOW
from command_line import fails
from exported_model import RULES, exported_onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loaded import loaded

from seq2seq.cli.main import main
from seq2seq.config.loading import with_decoding
from seq2seq.data.parts import Part
from seq2seq.errors import ConfigError, DataError, ExportError
from seq2seq.exported_folder import is_portable
from seq2seq.files import file_sha256
from seq2seq.run_folder import RunFolder
from seq2seq.serving.portable.onnx_search import OnnxSearch
from seq2seq.serving.portable.rounded_weights import rewrite
from seq2seq.translation.exported_translator import load_exported
from seq2seq.workflows.export_portable import MOST_BLEU_LOST, cost_of_rounding
from seq2seq.workflows.onnx_engine import keep_model
from seq2seq.workflows.translate import (
    FileJob,
    _translated,
    needs_tensorflow,
    translate,
    translate_with,
)

LINES = b"The dog sleeps.\n\nToday she reads the book.\r\n \t \n\xef\xbb\xbfMax is \xff tired"


@pytest.fixture(scope="module")
def model(request):
    return exported_onnx(request)


@pytest.fixture(scope="module")
def exported(model):
    return load_exported(model, {})


class Silent:
    """A `LineReporter` that remembers where it began."""

    started_at = 0

    def started(self, lines_done):
        self.started_at = lines_done

    def advanced(self, lines):
        pass


def written(translator, job, content=b""):
    stream = io.BytesIO()
    translate_with(translator, job, io.BytesIO(content), stream, Silent())
    return stream.getvalue()


def by_both(exported, model, run, content, **options):
    """What the exported model and its run write."""
    ours = written(exported, FileJob(model, **options), content)
    return ours, written(loaded(run, **RULES), FileJob(run, **options), content)


def test_lines_are_those_of_the_run(exported, model, trained_run):
    source = trained_run.parent / "corpus" / "test.en"
    ours, theirs = by_both(exported, model, trained_run, LINES + b"\n" + source.read_bytes())
    assert ours == theirs
    assert ours.count(b"\n") == 5 + source.read_bytes().count(b"\n")
    assert len(set(ours.splitlines())) > 40  # the control: sentences are told apart


def test_rows_are_those_of_the_run(exported, model, trained_run):
    ours, theirs = (
        [row.split("\t") for row in each.decode().splitlines()]
        for each in by_both(exported, model, trained_run, LINES, format="tsv")
    )
    assert [[*row[:2], row[4]] for row in ours] == [[*row[:2], row[4]] for row in theirs]
    for column in (2, 3):
        numbers = [float(row[column]) for row in theirs]
        assert [float(row[column]) for row in ours] == pytest.approx(numbers, abs=1e-3)
    best = written(load_exported(model, {"n_best": 1}), FileJob(model, format="tsv"), LINES)
    assert [row.split("\t") for row in best.decode().splitlines()] == [
        row for row in ours if row[1] == "1"
    ]


def test_json_holds_what_the_network_did(exported, model, trained_run):
    ours, theirs = (
        [json.loads(line) for line in each.splitlines()]
        for each in by_both(exported, model, trained_run, LINES + b"\nThe wombat", format="jsonl")
    )
    for actual, expected in zip(ours, theirs, strict=True):
        assert actual.keys() == expected.keys()
        for name in ("text", "line", "flags", "unseen_words"):
            assert actual[name] == expected[name]
        for part, other in zip(actual["parts"], expected["parts"], strict=True):
            assert part["tokens"] == other["tokens"]
            assert part["source_tokens"] == other["source_tokens"]
            for name in ("token_log_probabilities", "attention"):
                np.testing.assert_allclose(part[name], other[name], atol=2e-3)
    assert ours[5]["unseen_words"] == ["wombat"] and len(ours[0]["parts"][0]["tokens"]) > 3


def test_a_model_of_before_gives_text_and_rows_alone(exported, model, tmp_path):
    """Format 1 had neither attention nor probabilities of tokens nor the training's words."""
    onnx = pytest.importorskip("onnx")
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    graph = onnx.load(copy / "model.onnx")
    for output in list(graph.graph.output):
        if output.name in ("attention", "token_log_probabilities"):
            graph.graph.output.remove(output)
    onnx.save(graph, copy / "model.onnx")
    as_exported(copy, format=1, files=("model.onnx", "subwords.model"))
    former = load_exported(copy, {})
    assert written(former, FileJob(copy), LINES) == written(exported, FileJob(model), LINES)
    with pytest.raises(ExportError, match="gives no attention, which --format jsonl has"):
        written(former, FileJob(copy, format="jsonl"), LINES)


@pytest.fixture(scope="module")
def in_int8(model, tmp_path_factory):
    """The same model with int8 weights."""
    copy = tmp_path_factory.mktemp("rounded") / "model"
    shutil.copytree(model, copy)
    rewrite(copy / "model.onnx", "int8")
    as_exported(copy, weights="int8")
    return copy


def as_exported(directory, **changes):
    """Makes a manifest say what is there, and something else."""
    manifest = json.loads((directory / "manifest.json").read_text())
    names = manifest["files"] if "files" not in changes else changes.pop("files")
    manifest["files"] = {name: file_sha256(directory / name) for name in names}
    (directory / "manifest.json").write_text(json.dumps(manifest | changes))


def test_int8_weights_that_may_overflow_are_told(in_int8, tmp_path, caplog):
    load_exported(in_int8, {})
    assert caplog.text == ""
    copy = shutil.copytree(in_int8, tmp_path / "copy")
    as_exported(copy, format=2)
    load_exported(copy, {})
    assert "copy computes wrong products on processors without VNNI; export the" in caplog.text


def test_int8_weights_are_a_third_and_translate_alike_alone_and_in_a_batch(
    exported, model, in_int8, trained_run
):
    assert (in_int8 / "model.onnx").stat().st_size < (model / "model.onnx").stat().st_size * 0.4
    rounded, job = load_exported(in_int8, {}), FileJob(in_int8, format="tsv")
    lines = (trained_run.parent / "corpus" / "test.en").read_bytes().splitlines()[:60]
    together = written(rounded, job, b"\n".join(lines)).splitlines()
    alone = [written(rounded, job, line).splitlines() for line in lines]
    rows = [
        b"%d\t%s" % (number, row.partition(b"\t")[2])
        for number, some in enumerate(alone, 1)
        for row in some
    ]
    assert together == rows
    # The control: the weights are others, and so are some scores.
    assert written(exported, job, b"\n".join(lines)).splitlines() != rows


def test_what_rounding_costs_is_measured_on_the_validation_text(
    model, in_int8, trained_run, caplog, tmp_path
):
    onnx = pytest.importorskip("onnx")
    folder = RunFolder.open(trained_run)
    config = with_decoding(folder.config(), RULES)
    searches = [OnnxSearch(each / "model.onnx") for each in (model, in_int8)]
    with caplog.at_level("INFO"):
        cost = cost_of_rounding(*searches, config, folder.subwords())
    assert cost.lines == 130 and 0 <= cost.changed_lines < 30
    assert cost.bleu > cost.float32_bleu - MOST_BLEU_LOST > 5
    assert f"rounded weights change {cost.changed_lines} of 130 translations" in caplog.text
    # The control: weights that are far too coarse are refused.
    coarse = onnx.load(model / "model.onnx")
    for tensor in coarse.graph.initializer:
        if len(tensor.dims) == 2:
            values = onnx.numpy_helper.to_array(tensor)
            values = np.sign(values) * np.abs(values).mean()
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float32), tensor.name))
    onnx.save(coarse, tmp_path / "coarse.onnx")
    with pytest.raises(ExportError, match="rounded weights score .* BLEU on the validation text"):
        cost_of_rounding(
            searches[0], OnnxSearch(tmp_path / "coarse.onnx"), config, folder.subwords()
        )
    # A run that was moved alone has no validation text.
    data = replace(config.data, validation_source=tmp_path / "gone")
    assert cost_of_rounding(*searches, replace(config, data=data), folder.subwords()) is None
    assert "what rounding costs is not known" in caplog.text


def test_long_lines_are_cut_as_the_run_cuts_them(exported, model, trained_run, caplog):
    line = b"The dog sleeps. Today she reads the book, " * 60
    with caplog.at_level("WARNING"):
        ours, theirs = by_both(exported, model, trained_run, line)
    assert ours == theirs and len(ours) > 1000
    split = "1 line(s) of more than 100 subwords were split at sentence ends"
    assert caplog.messages.count(split) == 2


def test_the_command_needs_no_tensorflow(exported, model, trained_run, tmp_path):
    """Importing it raises; the control is the run, which needs it."""
    command = [*WITHOUT_TENSORFLOW, "translate"]
    source, output = tmp_path / "in.txt", tmp_path / "out.tsv.gz"
    source.write_bytes(LINES)
    done = subprocess.run([*command, model], input=LINES, capture_output=True)
    assert (done.stdout, done.returncode) == (written(exported, FileJob(model), LINES), 0)
    done = subprocess.run([*command, model, source, "-o", output, "--format", "tsv"])
    assert gzip.decompress(output.read_bytes()) == written(
        exported, FileJob(model, source=source, format="tsv")
    )
    done = subprocess.run([*command, trained_run], input=LINES, capture_output=True)
    assert done.returncode != 0 and b"ModuleNotFoundError" in done.stderr


UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # as a file that is refused begins


@given(
    content=st.binary(max_size=80).filter(lambda content: content[:2] not in UTF_16)
    | st.lists(
        st.sampled_from(
            [b"The dog sleeps.", b"", b" \t ", "\u2028 \x85 dog".encode(), b"\0", b"\r"]
        ),
        max_size=5,
    ).map(b"\n".join)
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_give_a_line_for_a_line(exported, content, tmp_path_factory):
    lines = content.split(b"\n")
    job = FileJob(tmp_path_factory.getbasetemp())
    found = [data for _, data in _translated(job, exported, io.BytesIO(content), 0, Silent())]
    assert b"".join(found).count(b"\n") == len(lines) - (lines[-1] == b"")


class Stop(Exception):
    pass


class StopsAtOnce(Silent):
    """Interrupts after the first window."""

    def advanced(self, lines):
        raise Stop


def test_an_interrupted_file_goes_on_where_it_stopped(
    exported, model, trained_run, tmp_path, monkeypatch
):
    monkeypatch.setattr("seq2seq.workflows.translate.WINDOW", 2)
    source, output = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_bytes(LINES)
    job = FileJob(model, source, output)
    with pytest.raises(Stop):
        translate_with(exported, job, io.BytesIO(), io.BytesIO(), StopsAtOnce())
    with pytest.raises(DataError, match="run was"):  # the run it was exported from is another
        resumed = replace(job, run=trained_run, resume=True)
        translate_with(loaded(trained_run, **RULES), resumed, io.BytesIO(), io.BytesIO(), Silent())
    reporter = Silent()
    translate(replace(job, resume=True), io.BytesIO(), io.BytesIO(), reporter)
    assert reporter.started_at == 2
    assert output.read_bytes() == written(exported, FileJob(model), LINES)


def test_a_part_is_that_of_the_whole(exported, model, tmp_path):
    source = tmp_path / "in.txt"
    source.write_bytes(LINES)
    job = FileJob(model, source, format="tsv")
    parts = [written(exported, replace(job, part=Part(number, 2))) for number in (1, 2)]
    assert b"".join(parts) == written(exported, job) and all(parts)


def test_several_batches_at_once_give_the_same(exported, model, trained_run, monkeypatch):
    source = (trained_run.parent / "corpus" / "test.en").read_bytes()
    job = FileJob(model, format="tsv")
    calls = []

    def load(*given):
        calls.append(given[2])
        return load_exported(*given)

    monkeypatch.setattr("seq2seq.workflows.translate.load_exported", load)
    for threads in (None, 3):
        stream = io.BytesIO()
        translate(replace(job, threads=threads), io.BytesIO(source), stream, Silent())
        assert stream.getvalue() == written(exported, job, source)
    assert calls == [(1, None), (3, 1)]


def test_the_number_of_threads_reaches_tensorflow_s_engine(trained_run, exported, monkeypatch):
    calls = []

    def load(*given):
        calls.append(given[3])
        return exported

    monkeypatch.setattr("seq2seq.translation.loading.load_translator", load)
    for threads in (None, 3):
        translate(FileJob(trained_run, threads=threads), io.BytesIO(), io.BytesIO(), Silent())
    assert calls == [1, 3]
    with pytest.raises(SystemExit):
        main(["translate", str(trained_run), "--threads", "0"])


@pytest.mark.parametrize(
    "options, message",
    [
        (
            ["--beam", "3"],
            "was exported with beam_width 4 (got 3); leave the option out, or export",
        ),
        (["--n-best", "3", "--format", "tsv"], "was exported with n_best 2 (got 3)"),
        (["--sample"], "was exported with sampling False (got True)"),
        (["--precision", "bfloat16"], "was exported with precision float32 (got bfloat16)"),
        (["--shortlist"], "was exported with shortlist False (got True)"),
        (["--length-penalty", "0"], "was exported with length_penalty 1.0 (got 0.0)"),
        (["--beam", "0"], "beam_width: Input should be greater than or equal to 1 (got 0)"),
        (["--prefix", "Der"], "was exported without prefixes; export the run with --also prefixes"),
        (["--glossary", "words.tsv"], "was exported without terms; export the run with --also"),
        (["--glossary", "words.tsv", "--prefix", "Der"], "takes a prefix or a glossary, not both"),
        (["--seed", "3"], "--seed is about drawing; add --sample"),
        (["--ensemble", "other"], "--ensemble goes with run folders and --engine tensorflow"),
        (["--engine", "tensorflow"], "is an ONNX model; leave --engine out"),
        (["--engine", "onnx", "--weights", "int8"], "--weights goes with a run folder and"),
    ],
)
def test_what_a_model_cannot_do_is_one_line(model, tmp_path, options, message):
    source, glossary = tmp_path / "in.txt", tmp_path / "words.tsv"
    source.write_bytes(LINES)
    glossary.write_text("dog\tHund\n")
    options = [glossary if each == glossary.name else each for each in options]
    assert message in fails("translate", model, source, *options)


def test_settings_that_are_the_models_own_are_taken(model):
    assert load_exported(model, {"beam_width": 4, "longest_source": 7}).decoding.beam_width == 4
    with pytest.raises(ConfigError, match="did you mean beam_width"):
        load_exported(model, {"beam_widht": 4})


@pytest.mark.parametrize(
    "options, message",
    [
        (["--sample"], "--engine onnx has no sampling True; leave the option out, or translate"),
        (["--mbr", "chrf"], "--engine onnx has no mbr chrf"),
        (["--ensemble", "other"], "--ensemble goes with run folders and --engine tensorflow"),
        (["--glossary", "words.tsv", "--prefix", "Der"], "takes a prefix or a glossary, not both"),
        (["--seed", "3"], "--seed is about drawing; add --sample"),
        (["--beam", "0"], "decoding.beam_width: "),
    ],
)
def test_what_the_engine_of_a_run_cannot_do_is_one_line(trained_run, options, message):
    assert message in fails("translate", trained_run, "--engine", "onnx", *options)
    assert "--weights goes with" in fails("translate", trained_run, "--weights", "int8")


def test_a_run_keeps_its_model_for_its_weights_and_settings(
    exported, model, trained_run, tmp_path, monkeypatch
):
    """Another job of the same takes it; other settings, bits or weights are other models."""
    shutil.copytree(trained_run, run := tmp_path / "run")
    jobs = []

    def export(job):
        jobs.append(job)
        shutil.copytree(model, job.directory)

    monkeypatch.setattr("seq2seq.workflows.export_portable.export_portable", export)
    job = FileJob(run, settings=RULES, engine="onnx", format="tsv")
    expected = written(exported, FileJob(model, format="tsv"), LINES)
    assert needs_tensorflow(job)
    for _ in range(2):
        stream = io.BytesIO()
        translate(job, io.BytesIO(LINES), stream, Silent())
        assert stream.getvalue() == expected
    assert [(each.run, each.settings, each.weights) for each in jobs] == [(run, RULES, "float32")]
    assert not needs_tensorflow(job)
    others = [replace(job, weights="int8"), replace(job, settings=RULES | {"beam_width": 5})]
    assert all(map(needs_tensorflow, others))
    assert not needs_tensorflow(replace(job, settings=RULES | {"longest_source": 50}))
    keep_model(run, RULES, "int8")
    assert len(list((run / "onnx").iterdir())) == 2
    # Training goes on, and saves other weights: the models of the former ones go.
    folder = RunFolder.open(run)
    best = folder.weights("best").read_bytes()
    folder.save_weights(10**6, {"best": lambda stream: stream.write(best + b"more")})
    assert needs_tensorflow(job)
    keep_model(run, RULES, "float32")
    assert len(list((run / "onnx").iterdir())) == 1 and len(jobs) == 3
    RunFolder.open(run)  # the folder is whole all the while


def spoilt(model, tmp_path, changes=None):
    """A copy of a model whose manifest says something else."""
    shutil.copytree(model, copy := tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | (changes or {})))
    return copy


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"format": 99}, "has format 99, this version reads up to"),
        ({"model": "litert"}, "holds a LiteRT model"),
        ({"files": {}}, "is not the file that was exported"),
        ({"decoding": 5}, "manifest.json is damaged; export the run again"),
        ({"decoding": {"beam": 4}}, "decoding: beam: Unexpected setting"),
    ],
)
def test_a_directory_that_is_not_as_it_was_exported_is_named(model, tmp_path, changes, message):
    load_exported(spoilt(model, tmp_path), {})  # the control
    shutil.rmtree(tmp_path / "copy")
    with pytest.raises(ExportError, match=message):
        load_exported(spoilt(model, tmp_path, changes), {})


def test_a_missing_file_is_named(model, tmp_path):
    copy = spoilt(model, tmp_path)
    (copy / "subwords.model").unlink()
    with pytest.raises(ExportError, match="subwords.model is missing"):
        load_exported(copy, {})


def test_a_run_is_no_exported_model(model, trained_run, tmp_path):
    assert is_portable(model) and not is_portable(trained_run) and not is_portable(tmp_path)
