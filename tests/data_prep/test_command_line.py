"""What holds for every verb: exit codes, one-line errors, quick help, all files or none."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from data_prep.__main__ import main
from data_prep.corpus_folder import open_corpus
from data_prep.miniature import command
from seq2seq.errors import DataError
from seq2seq.files import held

ROOT = Path(__file__).resolve().parents[2]


def python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_every_verb_has_help(capsys):
    verbs = ("miniature", "multi30k", "tsv", "po", "tmx", "cmudict", "inflection", "dates")
    verbs += ("check", "clean")
    for arguments in (["--help"], *([verb, "--help"] for verb in verbs)):
        with pytest.raises(SystemExit, match="0"):
            main(arguments)
        assert "usage: python -m data_prep" in capsys.readouterr().out


def test_making_a_corpus_never_loads_tensorflow(tmp_path):
    run = (
        "import sys; from data_prep.__main__ import main; "
        f"main(['miniature', '--output', {str(tmp_path)!r}]); "
        "print(sorted({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))"
    )
    assert python("-c", run).stdout.splitlines()[-1] == "[]"


def test_results_go_to_standard_output_and_errors_to_standard_error(tmp_path):
    done = python("-m", "data_prep", "miniature", "--output", str(tmp_path / "out"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("pairs") == 3
    failed = python("-m", "data_prep", "tsv", "absent.tsv", "--output", str(tmp_path))
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "error: absent.tsv does not exist; check the path\n"


def test_a_result_that_nobody_takes_is_no_traceback(tmp_path):
    command = [sys.executable, "-m", "data_prep", "miniature", "--output", str(tmp_path)]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        *(1, "error: standard output: No space left on device\n"),
    )


def test_an_unknown_verb_is_wrong_usage(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["maxiature"])
    assert "invalid choice" in capsys.readouterr().err


def test_an_interrupt_exits_with_130_and_writes_nothing(tmp_path, monkeypatch, capsys):
    def interrupted(seed):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "make_corpus", interrupted)
    assert main(["miniature", "--output", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err == "interrupted; nothing was written\n"
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "out").write_text("keep me")
    assert main(["miniature", "--output", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: the corpus cannot be written to {tmp_path / 'out'}")
    assert message.count("\n") == 1
    assert (tmp_path / "out").read_text() == "keep me"


def test_a_failure_half_way_leaves_the_old_files_and_no_new_ones(tmp_path):
    (tmp_path / "train.en").write_text("old\n")
    with pytest.raises(DataError, match="half-way"):
        with open_corpus(tmp_path, ["train", "val"], ("en", "de"), True) as writer:
            writer.add("train", "new", "neu")
            raise DataError("half-way")
    assert [path.name for path in tmp_path.iterdir()] == ["train.en"]
    assert (tmp_path / "train.en").read_text() == "old\n"


def test_a_file_that_cannot_take_its_name_leaves_no_training_file(tmp_path):
    (tmp_path / "val.en").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        with open_corpus(tmp_path, ["train", "val"], ("en", "de"), True) as writer:
            writer.add("train", "new", "neu")
    assert not (tmp_path / "train.en").exists()
    assert not list(tmp_path.glob(".*"))


def test_files_appear_while_no_other_call_has_the_folder(tmp_path):
    """The splits of two calls, of which one has the other's test text in training, never mix."""

    def write():
        with open_corpus(tmp_path, ["train", "val"], ("en", "de"), True) as writer:
            writer.add("train", "new", "neu")

    with ThreadPoolExecutor(1) as other:
        with held(tmp_path):
            writing = other.submit(write)
            assert not wait([writing], timeout=0.5).done
            assert not list(tmp_path.glob("[!.]*"))
        writing.result(timeout=20)
    assert (tmp_path / "train.de").read_text() == "neu\n"


def test_a_corpus_without_failure_has_all_its_files(tmp_path):
    with open_corpus(tmp_path / "deep" / "out", ["train", "val"], ("en", "de"), True) as writer:
        writer.add("train", "new", "neu")
    assert sorted(path.name for path in (tmp_path / "deep" / "out").iterdir()) == [
        "train.de",
        "train.en",
        "val.de",
        "val.en",
    ]
    assert writer.counts == {"train": 1, "val": 0}


def test_what_a_killed_call_left_is_gone_after_the_next(tmp_path):
    for name in (".train.en.7.tmp", ".mine.tmp"):
        (tmp_path / name).touch()
    with open_corpus(tmp_path, ["train"], ("en", "de"), False):
        pass
    assert sorted(os.listdir(tmp_path)) == [".mine.tmp", "train.de", "train.en"]


@pytest.mark.parametrize("locale", ["utf-8:strict", "ascii:strict"])
def test_names_of_any_bytes_are_printed(tmp_path, locale):
    paths = [tmp_path / os.fsdecode(name) for name in (b"caf\xe9.en", "grün.de".encode())]
    for path, text in zip(paths, ("A dog runs.\n", "Ein Hund rennt.\n"), strict=True):
        path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "data_prep", "check", *map(str, paths)],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": locale},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"caf\\udce9.en" in done.stdout
