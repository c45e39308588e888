import errno
import gzip
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from disk_calls import assert_durable, noted_disk_calls
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.errors import DataError
from seq2seq.files import (
    LONGEST_NAME,
    file_errors_of_libraries,
    flush,
    flush_tree,
    hidden_sibling,
    is_among,
    make_directories,
    new_folder,
    remove_empty,
    remove_leftovers,
    rename_durably,
    write_atomically,
)


def write(path, content):
    with write_atomically(path) as stream:
        stream.write(content)


def read(path):
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


@pytest.mark.parametrize("name", ["file", "file.gz"])
@pytest.mark.parametrize("mistake", [ValueError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, name, mistake):
    path = tmp_path / name
    write(path, b"old\n")
    with pytest.raises(mistake, match="midway"), write_atomically(path) as stream:
        stream.write(b"new\n")
        raise mistake("midway")
    assert read(path) == b"old\n"
    assert list(tmp_path.iterdir()) == [path]
    write(path, b"new\n")
    assert read(path) == b"new\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_has_its_old_content_until_the_write_ends(tmp_path, durable):
    path = tmp_path / "file"
    write(path, b"old\n")
    with write_atomically(path, durable) as stream:
        stream.write(b"new\n")
        stream.flush()
        assert read(path) == b"old\n"
    assert read(path) == b"new\n"


def test_a_link_stays_a_link_and_permissions_stay(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "link").symlink_to("file")
    write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert read(tmp_path / "file") == b"new"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["file", "file.gz"])
def test_the_contents_reach_the_disk_before_the_name_and_then_the_name_does(
    tmp_path, monkeypatch, name
):
    calls = noted_disk_calls(monkeypatch)
    write(tmp_path / name, b"content")
    assert_durable(calls, tmp_path / name)


def test_a_write_that_need_not_last_waits_for_no_disk(tmp_path, monkeypatch):
    calls = noted_disk_calls(monkeypatch)
    with write_atomically(tmp_path / "file", durable=False) as stream:
        stream.write(b"content")
    assert [call.kind for call in calls] == ["replace"]
    assert read(tmp_path / "file") == b"content"


def test_another_name_reaches_the_disk(tmp_path, monkeypatch):
    (tmp_path / "old").write_bytes(b"content")
    calls = noted_disk_calls(monkeypatch)
    flush(tmp_path / "old")
    rename_durably(tmp_path / "old", tmp_path / "new")
    assert_durable(calls, tmp_path / "new")


def test_a_new_folder_is_on_disk_to_its_last_file_before_it_has_its_name(tmp_path, monkeypatch):
    calls = noted_disk_calls(monkeypatch)
    with new_folder(tmp_path / "new") as making:
        (making / "inner").mkdir()
        (making / "inner" / "file").write_bytes(b"content")
    assert_durable(calls, tmp_path / "new")


@pytest.mark.parametrize("mistake", [ValueError, KeyboardInterrupt])
def test_a_folder_that_is_not_filled_vanishes(tmp_path, mistake):
    with pytest.raises(mistake, match="midway"), new_folder(tmp_path / "new") as making:
        (making / "file").touch()
        raise mistake("midway")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_to_flush_is_an_error_and_a_file_system_that_cannot_is_none(
    tmp_path, monkeypatch
):
    def fails(number):
        def fsync(_):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fsync)

    fails(errno.EINVAL)
    flush(tmp_path)
    fails(errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        flush(tmp_path)


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe.gz"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # so that opening it waits for nobody
    try:
        write(pipe, b"content")
        assert os.read(reader, 100) == b"content"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=255)


@given(NAMES.filter(lambda name: name not in (".", "..")))  # folders, on every file system
def test_work_files_have_names_that_a_file_system_takes(name):
    siblings = [hidden_sibling(Path("folder") / name, end) for end in (".new", ".partial.json")]
    for sibling in siblings:
        assert len(os.fsencode(sibling.name)) <= LONGEST_NAME
        assert sibling.parent == Path("folder") and sibling.name.startswith(".")
    other = hidden_sibling(Path("folder") / f"{name}x", ".new")
    assert len({*siblings, other}) == 3
    if len(os.fsencode(name)) < 240:
        assert siblings[0].name == f".{name}.new"


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127, "n" * 252 + ".gz"])
def test_names_as_long_as_the_file_system_takes_can_be_written(tmp_path, name):
    write(tmp_path / name, b"content")
    assert read(tmp_path / name) == b"content"
    assert os.listdir(tmp_path) == [name]


KILLED = """
import os, signal, sys
from pathlib import Path
from seq2seq.files import write_atomically
with write_atomically(Path(sys.argv[1])) as stream:
    stream.write(b"half of it")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("name", ["scores.json", "n" * 255])
def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path, name):
    path, others = tmp_path / name, [".scores.json.tmp", ".history.csv.7.tmp", "scores.json.7.tmp"]
    for other in others:
        (tmp_path / other).touch()
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)])
    assert done.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 1 + len(others)
    remove_leftovers(path)
    assert sorted(os.listdir(tmp_path)) == sorted(others)


def test_only_new_directories_are_reported_and_only_empty_ones_go(tmp_path):
    inner = tmp_path / "a" / "b"
    assert make_directories(inner) == [inner, tmp_path / "a"]
    assert make_directories(inner) == []
    (tmp_path / "a" / "file").touch()
    remove_empty([inner, tmp_path / "a"])
    assert os.listdir(tmp_path) == ["a"]
    assert os.listdir(tmp_path / "a") == ["file"]


def test_a_tree_is_flushed_to_its_last_file(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").touch()
    found = set()
    monkeypatch.setattr(os, "fsync", lambda fd: found.add(os.readlink(f"/proc/self/fd/{fd}")))
    flush_tree(tmp_path)
    inside = {tmp_path, tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "file"}
    assert found == {str(path) for path in inside}


class LibraryError(Exception):
    """Stands in for a library's own class of errors."""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOTDIR, errno.EROFS])
def test_file_errors_of_libraries_are_os_errors_that_name_the_file(number):
    message = f"{{{{node SaveV2}}}} variables.tmp; {os.strerror(number)} [Op:SaveV2]"
    with pytest.raises(OSError, match="runs/mine") as caught:
        with file_errors_of_libraries(Path("runs/mine")):
            raise LibraryError(message)
    assert caught.value.errno == number
    with pytest.raises(DataError, match="a.txt cannot be read"):  # it says more already
        with file_errors_of_libraries(Path("runs/mine")):
            raise DataError(f"a.txt cannot be read: {os.strerror(number)}")
    with pytest.raises(LibraryError, match="shapes differ"):
        with file_errors_of_libraries(Path("runs/mine")):
            raise LibraryError("shapes differ")


def test_a_write_that_fails_names_its_file(tmp_path):
    with pytest.raises(OSError, match=f"No space left on device: '{tmp_path / 'file'}'"):
        with write_atomically(tmp_path / "file"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("name", ["lines.de", "lines.de.gz"])
def test_what_somebody_is_writing_is_no_leftover(tmp_path, name):
    with write_atomically(tmp_path / name) as stream:
        stream.write(b"half of it, ")
        remove_leftovers(tmp_path / name)
        stream.write(b"and the rest")
    assert read(tmp_path / name) == b"half of it, and the rest"


def test_names_of_one_file_are_told(tmp_path):
    path, link, loop = tmp_path / "text.en", tmp_path / "link.en", tmp_path / "loop.en"
    path.touch()
    link.symlink_to(path)
    loop.symlink_to(loop)
    assert is_among(path, [None, tmp_path / "other", link])
    assert is_among(tmp_path / "new" / ".." / "new", [tmp_path / "new"])
    assert is_among(loop, [loop])
    assert not is_among(loop, [path, link])
    assert not is_among(path, [])
