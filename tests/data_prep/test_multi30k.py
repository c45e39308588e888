"""Multi30k: files are checked, unpacked together or not at all, and never fetched needlessly."""

import gzip
import hashlib
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from data_prep import multi30k
from data_prep.__main__ import main

REAL = Path(
    os.environ.get("SEQ2SEQ_MULTI30K")
    or Path(__file__).resolve().parents[3] / "shared" / "data" / "multi30k"
)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder of small stand-ins whose hashes are the expected ones."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    hashes = {}
    for name in multi30k.SHA256:
        split, language, _ = name.split(".")
        content = gzip.compress(f"{split} one {language}\n{split} two {language}\n".encode())
        (folder / name).write_bytes(content)
        hashes[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(multi30k, "SHA256", hashes)
    return folder


def fetch(folder, *more):
    pair = ["--source", "en", "--target", "cs"]
    return main(["multi30k", "--output", str(folder), *pair, *more])


def test_all_splits_of_four_languages_have_a_hash():
    names = {f"{split}.{end}.gz" for split in multi30k.SPLITS for end in multi30k.LANGUAGES}
    assert set(multi30k.SHA256) == names
    assert all(len(digest) == 64 for digest in multi30k.SHA256.values())


def test_a_mirror_is_unpacked_under_the_upstream_names(tmp_path, mirror, capsys):
    assert fetch(tmp_path / "out", "--from", str(mirror)) == 0
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert sorted(files) == sorted(
        f"{split}.{end}" for split in multi30k.SPLITS for end in ("en", "cs")
    )
    assert files["train.cs"] == b"train one cs\ntrain two cs\n"
    assert "test_2016_flickr.{en,cs}: 2 pairs" in capsys.readouterr().out


def test_an_altered_file_is_refused_by_name_with_both_hashes(tmp_path, mirror, capsys):
    altered = gzip.compress(b"something else\n")
    (mirror / "val.cs.gz").write_bytes(altered)
    assert fetch(tmp_path / "out", "--from", str(mirror)) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert str(mirror / "val.cs.gz") in message
    assert hashlib.sha256(altered).hexdigest() in message
    assert multi30k.SHA256["val.cs.gz"] in message
    assert not (tmp_path / "out").exists()


def test_an_altered_file_of_another_language_does_not_matter(tmp_path, mirror):
    (mirror / "val.fr.gz").write_bytes(b"")
    assert fetch(tmp_path / "out", "--from", str(mirror)) == 0


def test_a_missing_file_is_named(tmp_path, mirror, capsys):
    (mirror / "train.en.gz").unlink()
    assert fetch(tmp_path / "out", "--from", str(mirror)) == 1
    assert "train.en.gz cannot be read: No such file" in capsys.readouterr().err


def test_without_a_network_the_error_says_to_pass_a_folder(tmp_path, monkeypatch, capsys):
    def unreachable(address, timeout):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    assert fetch(tmp_path / "out") == 1
    message = capsys.readouterr().err
    assert "train.en.gz cannot be downloaded" in message
    assert "pass --from DIR" in message
    assert not (tmp_path / "out").exists()


def test_downloads_ask_for_the_files_of_two_languages_only(tmp_path, mirror, monkeypatch):
    asked = []

    def answer(address, timeout):
        asked.append(address)
        assert timeout == multi30k.TIMEOUT
        return open(mirror / address.rpartition("/")[2], "rb")

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert fetch(tmp_path / "out") == 0
    assert len(asked) == 6
    assert all(address.startswith(multi30k.ADDRESS) for address in asked)
    assert (tmp_path / "out" / "val.en").read_bytes() == b"val one en\nval two en\n"


def test_one_language_twice_is_wrong_usage(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["multi30k", "--output", str(tmp_path), "--source", "de", "--target", "de"])
    assert "they must differ" in capsys.readouterr().err


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no Multi30k at {REAL}; set SEQ2SEQ_MULTI30K")
def test_the_published_files_unpack_byte_for_byte(tmp_path):
    assert fetch(tmp_path, "--from", str(REAL)) == 0
    for name in multi30k.SHA256:
        if name.split(".")[1] in ("en", "cs"):
            unpacked = gzip.decompress((REAL / name).read_bytes())
            assert (tmp_path / name.removesuffix(".gz")).read_bytes() == unpacked
