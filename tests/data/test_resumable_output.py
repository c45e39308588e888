"""What a stopped run wrote is neither lost nor doubled, and never taken for another run's."""

import errno
import fcntl
import gzip
import json
import math
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import tracemalloc
from itertools import count

import pytest
from disk_calls import assert_durable, noted_disk_calls
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.data import resumable_output
from seq2seq.data.resumable_output import PartialOutput
from seq2seq.errors import DataError

JOB = {"run": "5d41402a", "beam_width": 5, "input": {"bytes": 70, "name": "ü.en"}}
WINDOWS = [b"one\n", b"", b"two\nthree\n", b"four\n", b"\xff\n"]
WHOLE = b"".join(WINDOWS)
names = pytest.mark.parametrize("name", ["output", "output.gz"])


class Stopped(Exception):
    """Stands for whatever ends a run early."""


def write(path, windows, resume=False, job=JOB, stop=None):
    """Writes what is missing of the windows, a line each; fails before window `stop`."""
    with PartialOutput(path, job, resume) as output:
        first = output.lines_done
        for number in range(first, len(windows)):
            if number == stop:
                raise Stopped
            output.write(number + 1, windows[number])
    return first


def stop_at(path, stop, windows=WINDOWS, **options):
    with pytest.raises(Stopped):
        write(path, windows, stop=stop, **options)


def content(path):
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def partial(path):
    return path.with_name(f".{path.name}.partial")


def note(path):
    return path.with_name(f".{path.name}.partial.json")


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@names
def test_a_run_without_a_stop_leaves_the_whole_file_alone(tmp_path, name):
    path = tmp_path / name
    assert write(path, WINDOWS) == 0
    assert content(path) == WHOLE
    assert list(tmp_path.iterdir()) == [path]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.binary(max_size=9), min_size=1, max_size=6),
    st.data(),
    st.sampled_from(["output", "output.gz"]),
)
def test_stopped_anywhere_and_resumed_gives_the_same_file(tmp_path_factory, windows, data, name):
    folder = tmp_path_factory.mktemp("partial")
    stops = sorted(data.draw(st.lists(st.integers(0, len(windows) - 1), max_size=3)))
    for stop in stops:
        stop_at(folder / name, stop, windows, resume=True)
    assert write(folder / name, windows, resume=True) == max(stops, default=0)
    write(folder / f"straight_{name}", windows)
    assert content(folder / name) == b"".join(windows)
    assert (folder / name).read_bytes() == (folder / f"straight_{name}").read_bytes()
    assert len(files(folder)) == 2


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 125 + ".txt", "n" * 252 + ".gz"])
def test_names_as_long_as_the_file_system_takes_can_be_resumed(tmp_path, name):
    stop_at(tmp_path / name, 2)
    assert write(tmp_path / name, WINDOWS, resume=True) == 2
    assert content(tmp_path / name) == WHOLE
    assert os.listdir(tmp_path) == [name]


CHILD = """
import os, signal, sys
from pathlib import Path
from seq2seq.data.resumable_output import PartialOutput
path, last, windows, job = Path(sys.argv[1]), int(sys.argv[2]), *map(eval, sys.argv[3:])
replace, calls = os.replace, 0
def replace_or_die(*names):
    global calls
    calls += 1
    if calls > last:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*names)
os.replace = replace_or_die
with PartialOutput(path, job, resume=False) as output:
    for number, window in enumerate(windows):
        output.write(number + 1, window)
"""


@names
def test_killed_before_any_note_or_name_and_resumed_gives_the_same_file(tmp_path, name):
    for last in count():
        folder = tmp_path / str(last)
        folder.mkdir()
        arguments = [str(folder / name), str(last), repr(WINDOWS), repr(JOB)]
        child = subprocess.run([sys.executable, "-c", CHILD, *arguments])
        if child.returncode == 0:
            break
        assert child.returncode == -signal.SIGKILL
        assert not (folder / name).exists()
        done = write(folder / name, WINDOWS, resume=True)
        assert done == max(last - 1, 0)  # the first note is of no lines
        assert content(folder / name) == WHOLE
    assert last == len(WINDOWS) + 2


def test_killed_at_the_start_of_another_job_loses_nothing_of_the_first(tmp_path, monkeypatch):
    path = tmp_path / "output"
    stop_at(path, 3)

    def die(*_):
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die)
        stop_at(path, None, job={"run": "other"})
    assert write(path, WINDOWS, resume=True) == 3
    assert path.read_bytes() == WHOLE


@names
def test_the_output_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch, name):
    monkeypatch.setattr(resumable_output, "SECONDS_BETWEEN_SYNCS", math.inf)
    calls = noted_disk_calls(monkeypatch)
    write(tmp_path / name, WINDOWS)
    assert_durable(calls, tmp_path / name)


@names
def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path, name):
    path = tmp_path / name
    write(path, [b"old\n"])
    stop_at(path, 3)
    assert content(path) == b"old\n"
    assert partial(path).read_bytes() == b"".join(WINDOWS[:3])  # uncompressed
    write(path, WINDOWS, resume=True)
    assert content(path) == WHOLE


def test_what_is_written_can_be_read_at_once(tmp_path):
    path = tmp_path / "output"
    with PartialOutput(path, JOB, resume=False) as output:
        output.write(2, b"one\ntwo\n")
        assert partial(path).read_bytes() == b"one\ntwo\n"
        written = json.loads(note(path).read_text())
        assert (written["job"], written["lines"], written["bytes"]) == (JOB, 2, 8)
        assert output.lines_done == 2


def test_interrupted_by_the_keyboard_keeps_what_was_done(tmp_path):
    with pytest.raises(KeyboardInterrupt), PartialOutput(tmp_path / "o", JOB, False) as output:
        output.write(3, b"123")
        raise KeyboardInterrupt
    with PartialOutput(tmp_path / "o", JOB, resume=True) as output:
        assert output.lines_done == 3


def test_bytes_that_no_note_counts_are_cut_off(tmp_path):
    path = tmp_path / "output"
    stop_at(path, 3)
    with open(partial(path), "ab") as stream:
        stream.write(b"torn\nand mo")
    assert write(path, WINDOWS, resume=True) == 3
    assert path.read_bytes() == WHOLE


def test_nothing_to_resume_is_a_start(tmp_path):
    path = tmp_path / "output"
    assert write(path, WINDOWS, resume=True) == 0
    assert path.read_bytes() == WHOLE


def test_a_note_without_its_bytes_is_a_start(tmp_path):
    path = tmp_path / "output"
    stop_at(path, 3)
    partial(path).unlink()
    assert write(path, WINDOWS, resume=True) == 0
    assert path.read_bytes() == WHOLE
    assert list(tmp_path.iterdir()) == [path]


def test_killed_before_the_first_note_is_a_start(tmp_path):
    path = tmp_path / "output"
    partial(path).touch()
    assert write(path, WINDOWS, resume=True) == 0
    assert path.read_bytes() == WHOLE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beam_width": 4}, "beam_width was 5 and is 4"),
        ({"run": "abc"}, 'run was "5d41402a" and is "abc"'),
        ({"input": {"bytes": 71, "name": "ü.en"}}, "input.bytes was 70 and is 71"),
        ({"input": None}, 'input.bytes was 70 and is absent; input.name was "ü.en" and is absent'),
        ({"n_best": None}, "n_best was absent and is null"),
        ({"beam_width": True, "run": 5}, 'run was "5d41402a" and is 5; beam_width was 5 and is'),
    ],
)
def test_another_job_is_refused_with_what_differs(tmp_path, change, message):
    path = tmp_path / "output"
    stop_at(path, 2)
    before = files(tmp_path)
    with pytest.raises(DataError, match=re.escape(message)) as refusal:
        write(path, WINDOWS, resume=True, job=JOB | change)
    assert str(refusal.value).endswith("; run without --resume to start over")
    assert files(tmp_path) == before
    assert write(path, WINDOWS, resume=True) == 2


def test_the_order_of_a_job_does_not_matter(tmp_path):
    stop_at(tmp_path / "output", 2)
    reversed_job = dict(reversed(JOB.items()))
    assert write(tmp_path / "output", WINDOWS, resume=True, job=reversed_job) == 2


def changed(**fields):
    def change(text):
        return json.dumps(json.loads(text) | fields)

    return change


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-9],
        lambda text: "\0" * len(text),
        lambda text: "[]",
        lambda text: "null",
        lambda text: "{}",
        lambda text: '{"job": {}, "rows": 3}',
        changed(lines=-1),
        changed(lines="3"),
        changed(lines=True),
        changed(bytes=4.0),
        changed(bytes=None),
        changed(job=[]),
        changed(bytes=9999),
        changed(bytes=3),
        changed(checksum=0),
    ],
)
def test_a_damaged_note_is_refused_and_nothing_touched(tmp_path, damage):
    path = tmp_path / "output"
    stop_at(path, 3)
    sound = note(path).read_text()
    note(path).write_text(damage(sound))
    before = files(tmp_path)
    with pytest.raises(DataError, match=f"{path} cannot be resumed: .*start over"):
        write(path, WINDOWS, resume=True)
    assert files(tmp_path) == before
    note(path).write_text(sound)
    assert write(path, WINDOWS, resume=True) == 3


@pytest.mark.parametrize("name", ["note", "bytes"])
def test_a_lost_note_and_lost_or_changed_bytes_are_refused(tmp_path, name):
    path = tmp_path / "output"
    stop_at(path, 3)
    if name == "note":
        note(path).unlink()
        message = "partial.json is missing"
    else:
        partial(path).write_bytes(b"One" + partial(path).read_bytes()[3:])
        message = "lacks bytes that were written, or was changed"
    with pytest.raises(DataError, match=message):
        write(path, WINDOWS, resume=True)
    assert write(path, WINDOWS) == 0
    assert path.read_bytes() == WHOLE


@pytest.mark.parametrize(
    ("job", "reason"),
    [(JOB, "--resume would have gone on from it"), ({"run": "other"}, "it was of another job")],
)
def test_starting_over_says_what_is_discarded(tmp_path, caplog, job, reason):
    path = tmp_path / "output"
    stop_at(path, 3)
    stop_at(path, 1, job=job)
    assert caplog.messages == [f"{path}: a partial output of 3 lines is discarded; {reason}"]
    assert partial(path).read_bytes() == WINDOWS[0]


def test_nothing_is_said_where_nothing_is_lost(tmp_path, caplog):
    path = tmp_path / "output"
    stop_at(path, 0)
    stop_at(path, 2)
    write(path, WINDOWS, resume=True)
    write(path, WINDOWS)
    assert caplog.messages == []


def test_a_file_system_without_locks_takes_outputs(tmp_path, monkeypatch):
    """As some network file systems are."""

    def flock(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    path = tmp_path / "output"
    stop_at(path, 2)
    write(path, WINDOWS, resume=True)
    assert path.read_bytes() == WHOLE and files(tmp_path) == {"output": WHOLE}


def test_two_runs_at_once_are_refused(tmp_path):
    path = tmp_path / "output"
    with PartialOutput(path, JOB, resume=False) as output:
        output.write(1, b"one\n")
        before = files(tmp_path)
        for resume in (False, True):
            with pytest.raises(DataError, match=f"{path} is being written by another process"):
                write(path, WINDOWS, resume=resume)
        assert files(tmp_path) == before
        write(tmp_path / "another", WINDOWS)
        output.write(2, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
    write(path, WINDOWS)
    assert path.read_bytes() == WHOLE


@pytest.mark.parametrize("third", [False, True], ids=["two runs", "three runs"])
def test_a_run_that_ends_while_another_begins_keeps_its_file(tmp_path, monkeypatch, third):
    path = tmp_path / "output"
    stop_at(path, 3)
    lock, locks = fcntl.flock, count()

    def lock_late(stream, operation):
        if next(locks) == 0:
            os.replace(partial(path), path)  # as the first run does at its end
            if third:
                partial(path).touch()
        lock(stream, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    stop_at(path, 1)
    assert path.read_bytes() == b"".join(WINDOWS[:3])
    assert partial(path).read_bytes() == WINDOWS[0]


@names
def test_a_link_stays_a_link_and_permissions_stay(tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / name, tmp_path / f"link_{name}"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    write(link, WINDOWS)
    assert link.is_symlink()
    assert content(target) == WHOLE
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    write(tmp_path / name, WINDOWS)
    (tmp_path / "plain").touch()
    assert (tmp_path / name).stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_compressed_output_holds_neither_time_nor_name(tmp_path):
    write(tmp_path / "a.gz", WINDOWS)
    write(tmp_path / "b.gz", WINDOWS)
    packed = (tmp_path / "a.gz").read_bytes()
    assert packed == (tmp_path / "b.gz").read_bytes()
    assert packed[3:8] == bytes(5)  # flags, of which one announces a name; time


def test_compression_needs_no_memory_for_the_file(tmp_path):
    path = tmp_path / "output.gz"
    megabyte = bytes(1 << 20)
    stop_at(path, 30, [megabyte] * 31)
    tracemalloc.start()
    write(path, [megabyte] * 31, resume=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    assert len(content(path)) == 31 << 20


@pytest.mark.parametrize(("seconds", "syncs"), [(0.0, 0), (1.0, 4), (60.0, 20)])
def test_the_disk_is_waited_for_once_in_a_while(tmp_path, monkeypatch, seconds, syncs):
    clock, synced = count(), []
    monkeypatch.setattr(resumable_output, "monotonic", lambda: seconds * next(clock))
    monkeypatch.setattr(os, "fsync", synced.append)
    with pytest.raises(Stopped), PartialOutput(tmp_path / "output", JOB, False) as output:
        for number in range(20):
            output.write(number, b"line\n")
        raise Stopped
    assert syncs <= len(synced) / 3 <= 1.25 * syncs  # data, note, and the note's name


def test_a_device_is_written_to_directly(tmp_path):
    write(tmp_path / "output", WINDOWS)
    (tmp_path / "null").symlink_to("/dev/null")
    write(tmp_path / "null", WINDOWS)
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path.joinpath("/dev/full"), WINDOWS)


def test_a_pipe_gets_each_window_at_once(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found, read = [], threading.Event()

    def reader():
        with open(path, "rb", buffering=0) as stream:
            while data := stream.read(100):
                found.append(data)
                read.set()

    thread = threading.Thread(target=reader)
    thread.start()
    with PartialOutput(path, JOB, resume=False) as output:
        output.write(1, b"one\n")
        assert read.wait(20)
        output.write(2, b"two\n")
    thread.join(20)
    assert found == [b"one\n", b"two\n"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["/dev/null", "/dev/stdout", "/dev/fd/1", "pipe"])
def test_what_is_no_file_cannot_be_resumed(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match=f"{name} is no regular file; run without --resume"):
        write(tmp_path / name, WINDOWS, resume=True)


def test_standard_output_by_name_is_written_to_as_it_is(tmp_path):
    program = CHILD.replace("sys.argv[1]", "'/dev/stdout'")
    arguments = [sys.executable, "-c", program, "", "99", repr(WINDOWS), repr(JOB)]
    assert subprocess.run(arguments, stdout=subprocess.PIPE, check=True).stdout == WHOLE
    with open(tmp_path / "output", "wb") as stream:
        subprocess.run(arguments, stdout=stream, check=True)
        assert os.fstat(stream.fileno()).st_size == len(WHOLE)  # the file that the shell opened


def test_a_folder_that_is_missing_or_in_place_of_a_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        write(tmp_path / "absent" / "output", WINDOWS)
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        write(tmp_path, WINDOWS)
    assert list(tmp_path.iterdir()) == []


def test_lines_are_never_undone(tmp_path):
    with PartialOutput(tmp_path / "output", JOB, resume=False) as output:
        output.write(5, b"")
        output.write(5, b"more of it")
        with pytest.raises(ValueError, match="4 lines done after 5"):
            output.write(4, b"")


def test_a_link_is_compressed_as_its_own_name_says(tmp_path):
    (tmp_path / "output.gz").symlink_to(tmp_path / "store")
    write(tmp_path / "output.gz", WINDOWS)
    assert gzip.decompress((tmp_path / "store").read_bytes()) == b"".join(WINDOWS)
    (tmp_path / "output").symlink_to(tmp_path / "store.gz")
    write(tmp_path / "output", WINDOWS)
    assert (tmp_path / "store.gz").read_bytes() == b"".join(WINDOWS)


def test_what_standard_output_is_sent_to_keeps_what_it_has(tmp_path):
    program = (
        "from pathlib import Path; from seq2seq.data.resumable_output import PartialOutput\n"
        "with PartialOutput(Path('/dev/stdout'), {}, False) as output: output.write(1, b'new\\n')"
    )
    (tmp_path / "log").write_bytes(b"old\n")
    with open(tmp_path / "log", "ab") as log:
        subprocess.run([sys.executable, "-c", program], stdout=log, check=True)
    assert (tmp_path / "log").read_bytes() == b"old\nnew\n"
    piped = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert piped.stdout == b"new\n"


def test_a_full_disk_is_told_by_the_name_and_what_is_done_is_kept(tmp_path, caplog):
    path = tmp_path / "output"
    with pytest.raises(OSError) as failed, PartialOutput(path, JOB, False) as output:
        output.write(1, WINDOWS[0])
        with open("/dev/full", "wb") as full:
            os.dup2(full.fileno(), output._stream.fileno())
        output.write(2, b"x" * 10)
    assert failed.value.filename == str(path)
    assert "output: 1 lines are done; --resume goes on from there" in caplog.text
    assert write(path, WINDOWS, resume=True) == 1
