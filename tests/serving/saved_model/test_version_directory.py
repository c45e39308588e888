import re
import signal
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import ExportError
from seq2seq.serving.saved_model import version_directory
from seq2seq.serving.saved_model.version_directory import (
    SAMPLE_FILES,
    find_version,
    new_version,
    next_version,
    versions,
    write_samples,
)


def write_version(model, number=None):
    with new_version(model, number) as directory:
        (directory / "saved_model.pb").write_bytes(b"graph")
        (directory / "variables").mkdir()
        (directory / "variables" / "variables.index").write_bytes(b"weights")


def names(directory):
    return sorted(each.name for each in directory.iterdir())


def test_versions_count_up_from_one(tmp_path):
    model = tmp_path / "models" / "en_de"
    for number in (1, 2):
        assert next_version(model) == number
        write_version(model)
    assert versions(model) == [1, 2]
    assert (model / "2" / "variables" / "variables.index").read_bytes() == b"weights"


def test_the_next_version_is_above_the_highest(tmp_path):
    write_version(tmp_path / "en_de", 20)
    write_version(tmp_path / "en_de", 3)
    assert versions(tmp_path / "en_de") == [3, 20]
    write_version(tmp_path / "en_de")
    assert versions(tmp_path / "en_de") == [3, 20, 21]


@settings(deadline=None)
@given(st.sets(st.integers(1, 2**40), max_size=5))
def test_versions_are_ordered_as_numbers(tmp_path_factory, numbers):
    model = tmp_path_factory.mktemp("models") / "en_de"
    for number in numbers:
        (model / str(number)).mkdir(parents=True)
    assert versions(model) == sorted(numbers)
    assert next_version(model) == max(numbers, default=0) + 1


def test_nothing_has_a_number_until_it_is_whole(tmp_path):
    model = tmp_path / "en_de"
    with new_version(model) as directory:
        assert directory.parent == model
        assert versions(model) == []
        assert not any(name.isdigit() for name in names(model))
        (directory / "saved_model.pb").write_bytes(b"graph")
    assert names(model) == ["1"]


@pytest.mark.parametrize("error", [ExportError, OSError, KeyboardInterrupt])
def test_a_failure_leaves_everything_as_it_was(tmp_path, error):
    def fail(model):
        with pytest.raises(error), new_version(model) as directory:
            (directory / "saved_model.pb").write_bytes(b"graph")
            raise error("planted")

    fail(tmp_path / "models" / "en_de")
    assert names(tmp_path) == []
    write_version(tmp_path / "models" / "en_de")
    fail(tmp_path / "models" / "en_de")
    assert names(tmp_path / "models" / "en_de") == ["1"]


def test_an_existing_version_is_refused_and_kept(tmp_path):
    write_version(tmp_path / "en_de", 7)
    with pytest.raises(ExportError, match="7 exists; give another --version"):
        write_version(tmp_path / "en_de", 7)
    assert (tmp_path / "en_de" / "7" / "saved_model.pb").read_bytes() == b"graph"


def test_a_version_that_somebody_else_wrote_meanwhile_is_kept(tmp_path):
    model = tmp_path / "en_de"
    with pytest.raises(ExportError, match="1 exists"), new_version(model, 1) as directory:
        (directory / "saved_model.pb").write_bytes(b"graph")
        (model / "1").mkdir()
        (model / "1" / "saved_model.pb").write_bytes(b"theirs")
    assert names(model) == ["1"]
    assert (model / "1" / "saved_model.pb").read_bytes() == b"theirs"


@pytest.mark.parametrize("number", [0, -1, 2**63])
def test_a_number_that_the_server_cannot_read_is_refused(tmp_path, number):
    with pytest.raises(ExportError, match=f"version {number}: give a number from 1"):
        write_version(tmp_path / "en_de", number)


@pytest.mark.parametrize("name", ["2024", "en:de", ".hidden", "en de"])
def test_a_name_that_cannot_stand_in_a_url_is_refused(tmp_path, name):
    with pytest.raises(ExportError, match=f"cannot be named '{re.escape(name)}'"):
        write_version(tmp_path / name)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "foreign, message",
    [
        ("notes.txt", "holds notes.txt, which is no version of a model"),
        ("2024/holiday.jpg", "holds 2024, which is no version of a model"),
        ("saved_model.pb", "is a saved model itself"),
    ],
)
def test_a_directory_of_something_else_is_refused_and_kept(tmp_path, foreign, message):
    path = tmp_path / "en_de" / foreign
    path.parent.mkdir(parents=True)
    path.write_bytes(b"theirs")
    with pytest.raises(ExportError, match=message):
        write_version(tmp_path / "en_de")
    assert path.read_bytes() == b"theirs"
    assert len(names(tmp_path / "en_de")) == 1


def test_other_files_beside_versions_are_no_hindrance(tmp_path):
    write_version(tmp_path / "en_de")
    (tmp_path / "en_de" / "notes.txt").write_bytes(b"ours")
    write_version(tmp_path / "en_de")
    assert names(tmp_path / "en_de") == ["1", "2", "notes.txt"]


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "models").write_bytes(b"theirs")
    with pytest.raises(ExportError, match="models is a file"):
        write_version(tmp_path / "models")
    with pytest.raises(ExportError, match="en_de cannot be made: Not a directory"):
        write_version(tmp_path / "models" / "en_de")


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path):
    model = tmp_path / "en_de"
    code = (
        "import sys, pathlib\n"
        "from seq2seq.serving.saved_model.version_directory import new_version\n"
        "with new_version(pathlib.Path(sys.argv[1])) as directory:\n"
        "    (directory / 'saved_model.pb').write_bytes(b'half')\n"
        "    print('written', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(model)], **pipes) as process:
        assert process.stdout.readline() == b"written\n"
        assert next_version(model) == 2  # the first is being written
        write_version(model)
        (temporary, version) = names(model)
        assert (temporary, version) == (f".tmp-1-{process.pid}", "2")
        process.send_signal(signal.SIGKILL)
    write_version(model)
    assert names(model) == ["2", "3"]


def test_writers_at_the_same_time_get_numbers_of_their_own(tmp_path):
    start = threading.Barrier(6)

    def write():
        start.wait()
        write_version(tmp_path / "en_de")

    writers = [threading.Thread(target=write) for _ in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert versions(tmp_path / "en_de") == [1, 2, 3, 4, 5, 6]


def test_a_version_that_is_finished_while_leftovers_are_sought_disturbs_nobody(
    tmp_path, monkeypatch
):
    model, listed = tmp_path / "en_de", version_directory._entries
    write_version(model)
    monkeypatch.setattr(
        version_directory, "_entries", lambda path: [*listed(path), path / ".tmp-1-1"]
    )
    write_version(model)
    assert versions(model) == [1, 2]


def test_a_model_directory_stands_for_its_highest_version(tmp_path):
    write_version(tmp_path / "en_de", 9)
    write_version(tmp_path / "en_de", 10)
    assert find_version(tmp_path / "en_de") == tmp_path / "en_de" / "10"
    assert find_version(tmp_path / "en_de" / "9") == tmp_path / "en_de" / "9"
    with pytest.raises(ExportError, match="no saved_model.pb and no numbered version"):
        find_version(tmp_path)


def test_samples_are_protos_that_the_server_reads(tmp_path):
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    from google.protobuf import text_format

    write_version(tmp_path / "en_de")
    assert write_samples(tmp_path / "en_de") == []
    text = (tmp_path / "en_de" / "models.config").read_text()
    (model,) = text_format.Parse(text, config.ModelServerConfig()).model_config_list.config
    assert (model.name, model.base_path) == ("en_de", "/models/en_de")
    assert model.model_platform == "tensorflow"
    uncommented = re.sub(r"# (?=model_version|version_labels)", "", text)
    (model,) = text_format.Parse(uncommented, config.ModelServerConfig()).model_config_list.config
    assert dict(model.version_labels) == {"stable": 1, "canary": 2}
    assert list(model.model_version_policy.specific.versions) == [1, 2]


def test_samples_that_were_edited_are_kept_and_others_brought_up_to_date(tmp_path, monkeypatch):
    model = tmp_path / "en_de"
    write_version(model)
    write_samples(model)
    batching = model / "batching.txt"
    edited = batching.read_text().replace("32", "64")
    batching.write_text(edited)
    monkeypatch.setitem(SAMPLE_FILES, "batching.txt", "newer\n")
    monkeypatch.setitem(SAMPLE_FILES, "monitoring.txt", "newer\n")
    assert write_samples(model) == [batching]
    assert batching.read_text() == edited
    assert (model / "monitoring.txt").read_text().endswith("\nnewer\n")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"max_batch_size { value: 8 }\n"])
def test_a_file_that_is_no_sample_is_kept(tmp_path, content):
    write_version(tmp_path / "en_de")
    theirs = tmp_path / "en_de" / "batching.txt"
    theirs.write_bytes(content)
    assert write_samples(tmp_path / "en_de") == [theirs]
    assert theirs.read_bytes() == content


def test_samples_alone_do_not_make_a_directory_foreign(tmp_path):
    write_version(tmp_path / "en_de")
    write_samples(tmp_path / "en_de")
    for path in (tmp_path / "en_de" / "1").rglob("*.*"):
        path.unlink()
    (tmp_path / "en_de" / "1" / "variables").rmdir()
    (tmp_path / "en_de" / "1").rmdir()
    write_version(tmp_path / "en_de")
    assert versions(tmp_path / "en_de") == [1]
