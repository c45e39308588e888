import errno
import os
from pathlib import Path

import pytest

from seq2seq.errors import ConfigError, ExportError
from seq2seq.serving.portable.directory import new_directory
from seq2seq.serving.portable.formats import FORMATS


def test_a_directory_is_whole_or_not_there(tmp_path, monkeypatch):
    wanted = tmp_path / "made" / "model"
    with pytest.raises(ConfigError, match="no"), new_directory(wanted) as directory:
        (directory / "part").write_text("half")
        raise ConfigError("no")
    assert list(tmp_path.iterdir()) == []
    with new_directory(wanted) as directory:
        (directory / "part").write_text("whole")
        assert not wanted.exists()
        with pytest.raises(ExportError, match="being written by another process"):
            with new_directory(wanted):
                pass
    assert (wanted / "part").read_text() == "whole"
    assert os.listdir(wanted.parent) == ["model"]
    (tmp_path / ".other.new").mkdir()
    (tmp_path / ".other.new" / "part").write_text("of a killed process")
    monkeypatch.chdir(tmp_path)
    with new_directory(Path("other")):
        pass
    assert list((tmp_path / "other").iterdir()) == []


def test_a_full_disk_is_no_matter_of_the_format():
    failures = FORMATS["litert"].named_failures
    with pytest.raises(OSError, match="No space left"), failures():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ExportError, match="please report it"), failures():
        raise RuntimeError("no such operation")
