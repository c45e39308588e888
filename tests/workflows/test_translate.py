import gzip
import io
import json
import os
import shutil
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from loaded import loaded

from seq2seq.data.parts import Part
from seq2seq.errors import ConfigError, DataError, RunError
from seq2seq.run_folder import RunFolder
from seq2seq.translation.loading import load_translator
from seq2seq.workflows.score import score, score_with
from seq2seq.workflows.translate import FileJob, _translated, answers, translate, translate_with


class Silent:
    """A `Reporter` that counts."""

    lines = started_at = 0

    def started(self, lines_done):
        self.started_at = lines_done

    def advanced(self, lines):
        self.lines += lines


LINES = b"The dog sleeps.\n\nToday she reads the book.\r\n \t \nMax is tired"


def run_on(run, content=b"", **options):
    """What a job of this run writes, by a translator that all tests share."""
    job, stream = FileJob(run, **options), io.BytesIO()
    translate_with(loaded(run, **(job.settings or {})), job, io.BytesIO(content), stream, Silent())
    return stream.getvalue()


def run_anew(run, content=b"", **options):
    """The same, by a translator that is loaded for it."""
    stream = io.BytesIO()
    translate(FileJob(run, **options), io.BytesIO(content), stream, Silent())
    return stream.getvalue()


def test_a_translator_that_is_loaded_writes_what_one_does_that_is_loaded_for_a_job(trained_run):
    assert run_anew(trained_run, LINES) == run_on(trained_run, LINES)
    assert run_on(trained_run, LINES[:-1]) != run_on(trained_run, LINES)  # control


def test_a_stream_gives_a_line_for_a_line(trained_run):
    lines = run_on(trained_run, LINES).split(b"\n")
    assert len(lines) == 6 and lines[-1] == b""
    assert [bool(line) for line in lines] == [True, False, True, False, True, False]


def test_plain_and_compressed_files_translate_alike(trained_run, tmp_path):
    (tmp_path / "in.txt").write_bytes(LINES)
    (tmp_path / "in.txt.gz").write_bytes(gzip.compress(LINES))
    run_on(trained_run, source=tmp_path / "in.txt", output=tmp_path / "out.txt")
    run_on(trained_run, source=tmp_path / "in.txt.gz", output=tmp_path / "out.txt.gz")
    plain = (tmp_path / "out.txt").read_bytes()
    assert plain == gzip.decompress((tmp_path / "out.txt.gz").read_bytes())
    assert plain == run_on(trained_run, LINES)


def test_a_failed_translation_leaves_the_older_output(trained_run, tmp_path, monkeypatch):
    (tmp_path / "out.txt").write_text("older\n")
    broken = tmp_path / "in.txt.gz"
    broken.write_bytes(gzip.compress(LINES * 100)[:-20])
    with pytest.raises(DataError, match="in.txt.gz cannot be read"):
        run_on(trained_run, source=broken, output=tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == "older\n"


def test_a_missing_input_is_named(trained_run, tmp_path):
    with pytest.raises(DataError, match="nowhere.txt does not exist"):
        run_anew(trained_run, source=tmp_path / "nowhere.txt")


@pytest.mark.parametrize("read", ["source", "prefix_file", "glossary"])
def test_a_file_that_is_read_is_not_written_over(trained_run, tmp_path, read):
    path = tmp_path / "text"
    path.write_text("read\n")
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(DataError, match="link is read, and would be written over; pass another"):
        run_anew(trained_run, LINES, output=tmp_path / "link", **{read: path})
    assert path.read_text() == "read\n"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"temperature": 0.5}, "--temperature is about drawing; add --sample"),
        ({"top_k": 5}, "--top-k is about drawing; add --sample"),
        ({"seed": 5}, "--seed is about drawing; add --sample"),
        ({"mbr_candidates": 5}, "--candidates are what --mbr compares; add --mbr"),
    ],
)
def test_a_setting_that_nothing_would_read_is_refused(trained_run, settings, complaint):
    with pytest.raises(DataError, match=complaint):
        run_on(trained_run, LINES, settings=settings)
    with pytest.raises(DataError, match=complaint):
        answers(FileJob(trained_run, settings=settings), io.BytesIO())
    allowed = {"temperature": 0.5, "top_k": 5, "seed": 5, "sampling": True}
    assert run_on(trained_run, b"The dog.\n", settings=allowed).count(b"\n") == 1


def test_a_prefix_file_has_as_many_lines_as_the_text(trained_run, tmp_path):
    (tmp_path / "in.txt").write_bytes(LINES)
    (tmp_path / "prefixes").write_text("Der\n" * 6)
    with pytest.raises(DataError, match="in.txt has 5 lines but .*prefixes has 6; parallel"):
        run_anew(trained_run, source=tmp_path / "in.txt", prefix_file=tmp_path / "prefixes")


@pytest.mark.parametrize("name", ["prefix_file", "glossary"])
def test_what_is_read_more_than_once_is_no_pipe(trained_run, tmp_path, name):
    (tmp_path / "in.txt").write_bytes(LINES)
    os.mkfifo(tmp_path / "pipe")
    given = {name: tmp_path / "pipe", "output": tmp_path / "out.txt"}
    with pytest.raises(DataError, match="pipe is no plain file; it is read more than once"):
        run_anew(trained_run, source=tmp_path / "in.txt", **given)


def test_a_missing_output_folder_is_named(trained_run, tmp_path):
    with pytest.raises(DataError, match="nowhere is no folder"):
        run_anew(trained_run, LINES, output=tmp_path / "nowhere" / "out.txt")


def test_a_run_without_weights_says_so(tmp_path, trained_run):
    trained = RunFolder.open(trained_run)
    RunFolder.create(tmp_path / "new", trained.config(), trained.subwords())
    with pytest.raises(RunError, match="has no trained weights yet"):
        load_translator(tmp_path / "new")


@pytest.fixture(scope="module")
def translator(trained_run):
    return loaded(trained_run, beam_width=1)


@example(lines=["\x85", "The dog\x85sleeps."])
@given(lines=st.lists(st.text(max_size=20), max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_translated_a_line_for_a_line(translator, lines):
    found = translator.translate(lines)
    assert len(found) == len(lines)
    assert all("\n" not in line for line in found)
    assert all(not new for new, line in zip(found, lines, strict=True) if not line.strip())


SAMPLED = {"sampling": True, "n_best": 2}
HOSTILE = [
    b"The dog sleeps.",
    b"",
    b" \t ",
    "\u2028The dog\u0085sleeps.\x0c".encode(),
    b"The \0 dog",
    b"\xfe bad \xc3",
    b"\xef\xbb\xbfThe dog sleeps.\r",
    b"The dog sleeps. " * 300,
    b"word" * 500,
    b"last",
]

UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # as a file that is refused begins


@given(
    content=st.binary(max_size=80).filter(lambda content: content[:2] not in UTF_16)
    | st.lists(st.sampled_from(HOSTILE), max_size=5).map(b"\n".join)
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_give_a_line_for_a_line(translator, content, tmp_path_factory):
    """The property of promise 2; `splitlines` would break it at U+2028 and the form feed."""
    lines = content.split(b"\n")
    expected = len(lines) - (lines[-1] == b"")
    stream = io.BytesIO()
    for _, data in _translated(
        FileJob(tmp_path_factory.getbasetemp()), translator, io.BytesIO(content), 0, Silent()
    ):
        stream.write(data)
    assert stream.getvalue().count(b"\n") == expected


@pytest.mark.parametrize("options", [{}, {"format": "tsv", "settings": SAMPLED}])
def test_parts_one_after_the_other_are_the_whole(trained_run, tmp_path, options):
    """Whatever is drawn or counted goes by the line's number in the file."""
    source = tmp_path / "source.txt"
    source.write_bytes(b"\n".join(HOSTILE[:-3]))
    whole = run_on(trained_run, source=source, **options)
    parts = [run_on(trained_run, source=source, part=Part(n, 3), **options) for n in (1, 2, 3)]
    assert b"".join(parts) == whole and all(parts)
    output = tmp_path / "output"
    run_on(trained_run, source=source, output=output, part=Part(2, 3), **options)
    assert output.read_bytes() == parts[1]


def test_a_part_is_of_a_file(trained_run):
    with pytest.raises(DataError, match="--part needs an input file"):
        run_on(trained_run, b"The dog sleeps.", part=Part(1, 2))


def test_the_last_line_needs_no_newline(trained_run):
    assert run_on(trained_run, b"The dog sleeps.") == run_on(trained_run, b"The dog sleeps.\n")


def test_long_lines_are_split_translated_and_joined(trained_run, caplog):
    sentence = b"The dog sleeps."
    alone = run_on(trained_run, sentence).decode().strip()
    with caplog.at_level("WARNING"):
        found = run_on(trained_run, b" ".join([sentence] * 1700)).decode().strip()
    assert found == " ".join([alone] * 1700)
    assert caplog.messages == ["1 line(s) of more than 100 subwords were split at sentence ends"]


STRANGE = b"The wombat sleeps.\n\nThe dog sleeps.\nToday she reads Proust, my WOMBAT."
NAMED = (
    "3 of 12 source words were not in the training text, so their translations are guesses: "
    "wombat, proust"
)


def test_words_that_training_never_saw_are_counted_at_the_end(trained_run, caplog):
    run_on(trained_run, STRANGE)
    assert caplog.messages == [f"{NAMED}; --format jsonl names them by line"]
    caplog.clear()
    lines = run_on(trained_run, STRANGE, format="jsonl").splitlines()
    assert caplog.messages == [NAMED]
    unseen = [json.loads(line)["unseen_words"] for line in lines]
    assert unseen == [["wombat"], [], [], ["Proust", "WOMBAT"]]
    translator = loaded(trained_run)
    assert translator.unseen_words(STRANGE.decode()) == ["wombat", "Proust", "WOMBAT"]


def test_nothing_is_said_of_words_that_training_saw(trained_run, caplog):
    seen = (trained_run.parent / "corpus" / "train.en").read_bytes().splitlines()[:40]
    run_on(trained_run, b"\n".join(seen).upper())
    assert caplog.messages == []


def test_nothing_is_said_by_a_run_that_does_not_know_its_words(trained_run, tmp_path, caplog):
    shutil.copytree(trained_run, run := tmp_path / "run")
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["files"]["source_words.tsv"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    line = run_anew(run, STRANGE, format="jsonl").splitlines()[0]
    assert "unseen_words" not in json.loads(line)
    assert caplog.messages == []
    assert load_translator(run).unseen_words("wombat") == []


def test_rows_of_the_best_outputs_have_their_line_and_rank(trained_run):
    options = {"settings": {"beam_width": 3, "n_best": 2}, "format": "tsv"}
    rows = [row.split("\t") for row in run_on(trained_run, LINES, **options).decode().splitlines()]
    assert [row[:2] for row in rows] == [
        *(["1", "1"], ["1", "2"], ["2", "1"], ["3", "1"], ["3", "2"]),
        *(["4", "1"], ["5", "1"], ["5", "2"]),
    ]
    assert float(rows[0][2]) >= float(rows[1][2])  # scores fall
    plain = run_on(trained_run, LINES, settings={"beam_width": 3}).decode().splitlines()
    assert [row[4] for row in rows if row[1] == "1"] == plain


def test_json_holds_what_the_network_did(trained_run):
    lines = run_on(trained_run, LINES, format="jsonl").decode().splitlines()
    first, blank = json.loads(lines[0]), json.loads(lines[1])
    (part,) = first["parts"]
    assert part["tokens"][-1] == part["source_tokens"][-1] == "</s>"
    assert len(part["tokens"]) == len(part["token_log_probabilities"]) == len(part["attention"])
    assert all(abs(sum(row) - 1) < 0.02 for row in part["attention"])
    assert first["log_probability"] == pytest.approx(sum(part["token_log_probabilities"]), abs=1e-2)
    assert (blank["text"], blank["parts"], blank["line"]) == ("", [], 2)


def test_several_outputs_a_line_are_no_text(trained_run):
    with pytest.raises(DataError, match="--n-best gives several rows a line"):
        run_anew(trained_run, LINES, settings={"n_best": 2})


def test_a_setting_out_of_range_is_named(trained_run):
    with pytest.raises(ConfigError, match=r"decoding.beam_width: .* \(got 0\)"):
        run_anew(trained_run, LINES, settings={"beam_width": 0})
    with pytest.raises(ConfigError, match="did you mean beam_width"):
        run_anew(trained_run, LINES, settings={"beam_widht": 1})


class Stop(Exception):
    """What interrupts a translation in a test."""


class StopsAfter(Silent):
    """Interrupts after so many windows."""

    def __init__(self, windows):
        self.left = windows

    def advanced(self, lines):
        self.left -= 1
        if not self.left:
            raise Stop


def test_an_interrupted_file_goes_on_where_it_stopped(trained_run, tmp_path, monkeypatch):
    monkeypatch.setattr("seq2seq.workflows.translate.WINDOW", 2)
    source, output = tmp_path / "in.txt", tmp_path / "out.txt.gz"
    source.write_bytes(LINES)
    job, translator = FileJob(trained_run, source, output), loaded(trained_run)
    with pytest.raises(Stop):
        translate_with(translator, job, io.BytesIO(), io.BytesIO(), StopsAfter(1))
    assert not output.exists()
    reporter = Silent()
    translate_with(translator, replace(job, resume=True), io.BytesIO(), io.BytesIO(), reporter)
    assert reporter.started_at == 2 and reporter.lines == 3
    assert gzip.decompress(output.read_bytes()) == run_on(trained_run, LINES)
    whole = output.read_bytes()
    with pytest.raises(DataError, match="out.txt.gz is whole already; run without --resume"):
        translate(replace(job, resume=True), io.BytesIO(), io.BytesIO(), reporter)
    assert output.read_bytes() == whole
    # Control: with another setting it would not be the same job.
    with pytest.raises(Stop):
        translate_with(translator, job, io.BytesIO(), io.BytesIO(), StopsAfter(1))
    other = replace(job, resume=True, settings={"length_penalty": 0.5})
    with pytest.raises(DataError, match="length_penalty"):
        translate(other, io.BytesIO(), io.BytesIO(), Silent())


def test_given_translations_are_scored_line_by_line(trained_run, tmp_path):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_bytes(LINES)
    run_on(trained_run, source=source, output=target)
    rows = list(score(trained_run, source, target, {}))
    assert [row["line"] for row in rows] == [1, 2, 3, 4, 5]
    for row in rows:
        total = sum(row["token_log_probabilities"])
        assert row["log_probability"] == pytest.approx(total, abs=1e-2)
    target.write_text("".join(reversed(target.read_text().splitlines(keepends=True))))
    swapped = list(score_with(loaded(trained_run), source, target))
    assert swapped[0]["log_probability"] < rows[0]["log_probability"]
    target.write_text("one\n")
    with pytest.raises(DataError, match="parallel files need equal counts"):
        list(score_with(loaded(trained_run), source, target))
