import gzip
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seq2seq.errors import DataError, RunError
from seq2seq.workflows.loading import load_translator
from seq2seq.workflows.run_folder import RunFolder
from seq2seq.workflows.translate import FileJob, translate


class Silent:
    """A `Reporter` that counts."""

    lines = 0

    def started(self, lines_done):
        self.lines = lines_done

    def advanced(self, lines):
        self.lines += lines


LINES = b"The dog sleeps.\n\nToday she reads the book.\r\n \t \nMax is tired"


def run_on(run, content=None, source=None, output=None, **options):
    stream = io.BytesIO()
    job = FileJob(run, source, output, **options)
    translate(job, io.BytesIO(content or b""), stream, Silent())
    return stream.getvalue()


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
        run_on(trained_run, source=tmp_path / "nowhere.txt")


def test_a_missing_output_folder_is_named(trained_run, tmp_path):
    with pytest.raises(DataError, match="nowhere is no folder"):
        run_on(trained_run, LINES, output=tmp_path / "nowhere" / "out.txt")


def test_a_run_without_weights_says_so(tmp_path, trained_run):
    trained = RunFolder.open(trained_run)
    RunFolder.create(tmp_path / "new", trained.config(), trained.subwords())
    with pytest.raises(RunError, match="has no trained weights yet"):
        load_translator(tmp_path / "new")


@pytest.fixture(scope="module")
def translator(trained_run):
    return load_translator(trained_run, {"beam_width": 1})


@given(lines=st.lists(st.text(max_size=20), max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_translated_a_line_for_a_line(translator, lines):
    found = translator.translate(lines)
    assert len(found) == len(lines)
    assert all("\n" not in line for line in found)
    assert all(not new for new, line in zip(found, lines, strict=True) if not line.strip())
