"""Versions' folders, and what counts as a change of them."""

import os

from seq2seq.serving.server.version_folders import fingerprint


def test_a_file_that_was_written_anew_is_a_change_whatever_its_size(tmp_path):
    (tmp_path / "variables").mkdir()
    file = tmp_path / "variables" / "data"
    file.write_bytes(b"old")
    before = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == before
    file.write_bytes(b"new")
    written = file.stat().st_mtime_ns
    os.utime(file, ns=(written, written + 1))
    assert fingerprint(tmp_path) != before
