"""The flushes and renames that a test makes happen, and whether a loss of power may come between.

No test can cut the power; what is left to check is that the disk has all there is of a file or
folder before it gets its name, and then the name.
"""

import os
from pathlib import Path
from typing import NamedTuple


class DiskCall(NamedTuple):
    """A call of `os.fsync` or `os.replace`, and the bytes that the file had then."""

    kind: str
    path: Path
    size: int
    new_path: Path | None = None  # of a rename


def noted_disk_calls(monkeypatch):
    """The list in which all calls from now on are noted, in order."""
    calls, fsync, replace = [], os.fsync, os.replace

    def noting_fsync(descriptor):
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        calls.append(DiskCall("fsync", path, os.fstat(descriptor).st_size))
        fsync(descriptor)

    def noting_replace(old, new):
        calls.append(DiskCall("replace", Path(old), os.stat(old).st_size, Path(new)))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "replace", noting_replace)
    return calls


def assert_durable(calls, path):
    """That the disk had everything in `path` before it got its name, and has the name."""
    place = max(n for n, call in enumerate(calls) if call.new_path == path)
    flushed = {call.path: call.size for call in calls[:place] if call.kind == "fsync"}
    for each in (path, *path.rglob("*")):
        before = calls[place].path / each.relative_to(path)
        assert before in flushed, f"{before} is not flushed before the rename"
        if each.is_file():
            assert flushed[before] == each.stat().st_size, f"{before} is flushed too early"
    named = [call.path for call in calls[place:] if call.kind == "fsync"]
    assert path.parent in named, f"{path.parent} is not flushed after the rename"
