"""Splits that are written: nothing that is read is lost, and nothing former is left half."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from seq2seq.data.corpus_files import find_corpus, hold_out
from seq2seq.errors import DataError


def write(folder, split, number=60, ends=("en", "de")):
    folder.mkdir(exist_ok=True)
    for end in ends:
        text = "".join(f"{split} {end} {n}\n" for n in range(number))
        (folder / f"{split}.{end}").write_text(text, encoding="utf-8")
    return folder / f"{split}.{ends[0]}", folder / f"{split}.{ends[1]}"


def contents(folder):
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def corpus_in(folder):
    return find_corpus(*write(folder, "all"))


def split(corpus, folder, seed=1, **given):
    with hold_out(corpus, folder, seed, **{"replace": True} | given) as splits:
        pass
    return splits


@pytest.mark.parametrize("part", ["validation", "test", "also"])
def test_text_of_any_part_that_is_read_is_not_written_over(tmp_path, part):
    name = {"validation": "train", "test": "val", "also": "test"}[part]
    read = write(tmp_path / "data", name)
    before = contents(tmp_path / "data")
    corpus = corpus_in(tmp_path / "corpus")
    if part == "validation":  # of a table, whose train.en is written
        table = tmp_path / "pairs.tsv"
        table.write_text("".join(f"a {n}\tb {n}\n" for n in range(60)))
        corpus = find_corpus(table, None, ends=("en", "de"))
    given = {"also": [read]} if part == "also" else {}
    corpus = corpus if given else replace(corpus, **{part: read})
    with pytest.raises(DataError, match="is read, and would be written over; pass another --data"):
        split(corpus, tmp_path / "data", **given)
    assert contents(tmp_path / "data") == before


@pytest.mark.parametrize("error", [DataError("mend it"), KeyboardInterrupt()])
def test_former_splits_stay_if_the_block_fails(tmp_path, error):
    corpus = corpus_in(tmp_path / "corpus")
    split(corpus, tmp_path / "data")
    before = contents(tmp_path / "data")
    with pytest.raises(type(error)), hold_out(corpus, tmp_path / "data", 2, True) as splits:
        assert splits.readable["train"][0].read_text() != before["train.en"]
        raise error
    assert contents(tmp_path / "data") == before
    split(corpus, tmp_path / "data", seed=2)
    assert contents(tmp_path / "data").keys() == before.keys()
    assert contents(tmp_path / "data") != before


def test_two_calls_at_once_do_not_write_into_one_folder(tmp_path):
    corpus, folder = corpus_in(tmp_path / "corpus"), tmp_path / "data"
    with hold_out(corpus, folder, 1, True) as splits:
        wanted = splits.readable["test"][0].read_text()
        with pytest.raises(DataError, match="another process writes splits into .*data; wait, or"):
            split(corpus, folder, seed=2)
        split(corpus, tmp_path / "other", seed=2)  # control
    assert contents(folder)["test.en"] == wanted != contents(tmp_path / "other")["test.en"]
    split(corpus, folder, seed=2)
    assert contents(folder) == contents(tmp_path / "other")


def test_given_text_that_is_absent_is_named_before_anything_is_written(tmp_path):
    absent = tmp_path / "absent.en", tmp_path / "absent.de"
    with pytest.raises(DataError, match="absent.en does not exist"):
        split(replace(corpus_in(tmp_path / "corpus"), test=absent), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_former_split_that_is_not_written_anew_has_to_go_first(tmp_path):
    """Its text is in the new training text, perhaps."""
    corpus = corpus_in(tmp_path / "corpus")
    split(corpus, tmp_path / "data")
    table = tmp_path / "pairs.tsv"
    table.write_text("".join(f"a {n}\tb {n}\n" for n in range(60)))
    tables = find_corpus(table, None, ends=("en", "de"))
    read = tmp_path / "data" / "val.en", tmp_path / "data" / "val.de"
    before = contents(tmp_path / "data")
    with pytest.raises(DataError, match="test.de and .*test.en would stay beside new training"):
        split(replace(tables, validation=read), tmp_path / "data")
    assert contents(tmp_path / "data") == before
    for end in ("en", "de"):
        (tmp_path / "data" / f"test.{end}").unlink()
    splits = split(replace(tables, validation=read), tmp_path / "data")
    assert sorted(contents(tmp_path / "data")) == ["train.de", "train.en", "val.de", "val.en"]
    assert splits.files["validation"] == read and splits.written == {"train": 60}


def test_former_splits_have_to_go_where_nothing_is_written_too(tmp_path):
    """The training text is taken as it is, and the former test text is of it."""
    whole, folder = corpus_in(tmp_path / "corpus"), tmp_path / "data"
    split(whole, folder)
    given = replace(whole, validation=write(tmp_path / "other", "val"))
    with pytest.raises(DataError, match=r"test.de and .*test.en and .* would stay beside new"):
        split(given, folder)
    for path in [*folder.glob("test.*"), *folder.glob("val.*")]:
        path.unlink()
    assert split(given, folder).written == {}


def test_a_folder_that_is_the_corpus_keeps_its_other_splits(tmp_path):
    for name in ("train", "val", "test"):
        write(tmp_path / "prepared", name)
    found = find_corpus(tmp_path / "prepared", None, ends=("en", "de"))
    other = replace(found, test=write(tmp_path / "other", "test"))
    assert split(other, tmp_path / "prepared").files["test"] == other.test


def test_a_folder_in_the_place_of_a_split_is_seen_before_anything_is_written(tmp_path):
    (tmp_path / "data" / "train.de").mkdir(parents=True)
    with pytest.raises(DataError, match="train.de is there, and no file"):
        split(corpus_in(tmp_path / "corpus"), tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["train.de"]


def test_the_training_text_takes_its_name_last(tmp_path, monkeypatch):
    """Where there is a train.en, the other files are there too."""
    appeared = []

    def note(old, new):
        appeared.append(Path(new).name)
        os.rename(old, new)

    monkeypatch.setattr("seq2seq.data.corpus_files.rename_durably", note)
    split(corpus_in(tmp_path / "corpus"), tmp_path / "data")
    assert {name.partition(".")[0] for name in appeared[:4]} == {"val", "test"}
    assert sorted(appeared[4:]) == ["train.de", "train.en"]


def test_what_a_killed_call_left_is_gone_after_the_next(tmp_path):
    corpus, folder = corpus_in(tmp_path / "whole"), tmp_path / "held_out"
    folder.mkdir()
    for name in (".train.en.new", "..train.en.new.7.tmp", ".test.de.new", "..val.de.new.7.tmp"):
        (folder / name).touch()
    (folder / ".mine").touch()
    split(corpus, folder, replace=False)
    assert {path.name for path in folder.glob(".*")} == {".mine"}
