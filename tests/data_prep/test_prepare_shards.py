"""`python -m data_prep shards`: each usable pair once, in one order, whatever comes in between."""

import itertools
import multiprocessing
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import miniature_settings

from data_prep.__main__ import main
from data_prep.shards import preparation, text_chunks
from data_prep.shards.preparation import prepare
from data_prep.shards.progress import in_order
from seq2seq.config.loading import as_settings, check_settings, dump_run_config
from seq2seq.data.lines import read_pairs
from seq2seq.data.shards import Shards
from seq2seq.errors import ConfigError, DataError, RunError
from seq2seq.files import file_sha256, held
from seq2seq.training.corpus import learn_subwords

pytest.importorskip("array_record", reason="the extra scale is not installed")

LONGEST = 24


@pytest.fixture(scope="module")
def text(small_corpus, tmp_path_factory):
    """A corpus with pairs that come again, blank sides and long pairs."""
    folder = shutil.copytree(small_corpus, tmp_path_factory.mktemp("text") / "corpus")
    for side, blank in (("en", 7), ("de", 11)):
        path = folder / f"train.{side}"
        lines = path.read_text().splitlines()
        lines[blank] = " "
        lines += lines[100:130] + lines[100:105]
        path.write_text("".join(f"{line}\n" for line in lines))
    return folder


def settings(folder, **sections):
    sections["data"] = {"longest": LONGEST, **sections.get("data", {})}
    return miniature_settings(folder, **sections)


LEARNT = {}  # vocabularies


def learn_once(config):
    """The vocabulary, which this file's texts may share."""
    if config.subwords not in LEARNT:
        LEARNT[config.subwords] = learn_subwords(config)
    return LEARNT[config.subwords]


def work_in_small_parts(patch):
    """Chunks of 50 pairs, each saved, and four shards or so."""
    patch.setattr(preparation, "learn_subwords", learn_once)
    patch.setattr(text_chunks, "CHUNK", 50)
    patch.setattr(preparation, "CHUNKS_A_SAVE", 1)
    patch.setattr(preparation, "TEXT_A_SHARD", 8000)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    work_in_small_parts(monkeypatch)


@pytest.fixture(scope="module")
def prepared(text, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        work_in_small_parts(patch)
        output = tmp_path_factory.mktemp("prepared") / "shards"
        prepare(settings(text), output, 1)
    return output


def pairs_of(folder):
    shards = Shards(folder)
    return [tuple(map(tuple, pair)) for pair in shards.pairs(10**6)]


def test_every_usable_pair_is_there_once_and_the_rest_is_counted(text, prepared):
    shards = Shards(prepared)
    subwords = shards.subwords()
    lines = list(read_pairs(text / "train.en", text / "train.de"))
    encoded = [tuple(tuple(subwords.encode(side)) for side in pair) for pair in lines]
    usable = [pair for pair in encoded if all(pair) and max(map(len, pair)) <= LONGEST]
    found = pairs_of(prepared)
    assert sorted(found) == sorted(set(usable))
    assert found != sorted(found)
    counts = shards.manifest.counts
    assert counts.pairs == len(lines) == 435
    assert counts.empty == 2
    assert counts.duplicates == len(usable) - len(set(usable)) >= 30
    assert counts.kept == len(found)
    assert counts.source_subwords == sum(len(source) for source, _ in found)
    lengths = np.load(prepared / "lengths.npy").tolist()
    assert lengths == [[len(source), len(target)] for source, target in found]


def test_shards_are_shuffled_as_a_whole(text, prepared):
    """Each shard has pairs of the text's beginning and of its end."""
    subwords = Shards(prepared).subwords()
    lines = read_pairs(text / "train.en", text / "train.de")
    places = {
        tuple(tuple(subwords.encode(side)) for side in pair): n for n, pair in enumerate(lines)
    }
    found = [places[pair] for pair in pairs_of(prepared)]
    shards = Shards(prepared).manifest.shards
    assert len(shards) >= 3
    ends = np.cumsum([shard.pairs for shard in shards])[:-1]
    for part in np.split(np.array(found), ends):
        assert part.min() < 60 and part.max() > 340
    assert np.corrcoef(found, np.arange(len(found)))[0, 1] < 0.2


def test_the_folder_is_that_of_another_number_of_processes(text, prepared, tmp_path):
    prepare(settings(text), tmp_path / "shards", 2)
    assert contents(tmp_path / "shards") == contents(prepared)
    prepare(settings(text, training={"seed": 7}), tmp_path / "other", 1)  # control
    assert contents(tmp_path / "other") != contents(prepared)


def contents(folder):
    return {path.name: file_sha256(path) for path in folder.iterdir()}


class Stop(Exception):
    pass


@pytest.mark.parametrize("where", ["encoding", "packing", "manifest"])
def test_what_is_interrupted_goes_on(text, prepared, tmp_path, monkeypatch, where):
    output = tmp_path / "shards"
    done = {"chunks": 0, "shards": 0}

    class Encoder(preparation.PairEncoder):
        def __call__(self, texts):
            if where == "encoding" and done["chunks"] == 5:
                raise Stop
            done["chunks"] += 1
            return super().__call__(texts)

    def pack(packing, packing_one=preparation.write_shard):
        if where == "packing" and done["shards"] == 2:
            raise Stop
        done["shards"] += 1
        return packing_one(packing)

    def finish(path):
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(preparation, "PairEncoder", Encoder)
        patch.setattr(preparation, "write_shard", pack)
        if where == "manifest":
            patch.setattr(preparation, "flush_tree", finish)
        with pytest.raises(Stop):
            prepare(settings(text), output, 1)
        assert not output.exists()
        where = "nowhere"
        patch.setattr(preparation, "flush_tree", lambda path: None)
        patch.setattr(preparation, "learn_subwords", finish)  # the vocabulary is there
        prepare(settings(text), output, 1)
    assert contents(output) == contents(prepared)
    assert done == {"chunks": 9, "shards": len(Shards(output).manifest.shards)}  # nothing twice
    assert list(tmp_path.iterdir()) == [output]


def test_pairs_that_were_not_saved_are_not_there_twice(text, prepared, tmp_path, monkeypatch):
    output = tmp_path / "shards"
    monkeypatch.setattr(preparation, "CHUNKS_A_SAVE", 4)
    with monkeypatch.context() as patch:
        patch.setattr(preparation.Preparation, "_check_text", stop)
        with pytest.raises(Stop):
            prepare(settings(text), output, 1)
    prepare(settings(text), output, 1)
    assert contents(output) == contents(prepared)


def stop(*_):
    raise Stop


def begun(text, output, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "write_shard", stop)
        with pytest.raises(Stop):
            prepare(settings(text), output, 1)


def test_work_that_was_begun_on_something_else_is_kept_and_said(text, tmp_path, monkeypatch):
    own = shutil.copytree(text, tmp_path / "corpus")
    output = tmp_path / "shards"
    begun(own, output, monkeypatch)
    for changed in (settings(own, data={"longest": 9}), settings(own, training={"seed": 3})):
        with pytest.raises(
            RunError, match=r"preparing was begun with another (data\.longest|training\.seed); "
        ):
            prepare(changed, output, 1)
    (own / "train.de").write_text((own / "train.de").read_text().replace("der", "das"))
    with pytest.raises(RunError, match=r"\.shards\.preparing was begun with another data\.train_t"):
        prepare(settings(own), output, 1)
    shutil.copy(text / "train.de", own / "train.de")
    prepare(settings(own), output, 1)  # control
    with pytest.raises(DataError, match=r"shards is there already; train on it, or give another"):
        prepare(settings(own), output, 1)


def test_a_folder_is_prepared_by_one_process(text, tmp_path):
    work = tmp_path / ".shards.preparing"
    work.mkdir()
    with held(work), pytest.raises(RunError, match=r"another process prepares .*shards; wait"):
        prepare(settings(text), tmp_path / "shards", 1)
    prepare(settings(text), tmp_path / "shards", 1)  # control


def test_a_link_to_an_empty_folder_stays_one(text, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "shards").symlink_to(tmp_path / "disk")
    prepare(settings(text), tmp_path / "shards", 1)
    assert (tmp_path / "shards").is_symlink()
    assert Shards(tmp_path / "disk").manifest.counts.pairs == 435


def test_the_folder_one_is_in_may_be_filled(text, tmp_path, monkeypatch):
    (tmp_path / "shards").mkdir()
    monkeypatch.chdir(tmp_path / "shards")
    prepare(settings(text), Path("."), 1)
    assert Shards(tmp_path / "shards").manifest.counts.pairs == 435


def test_a_vocabulary_without_the_symbols_is_refused_at_once(text, trained_run, tmp_path):
    start = {"start_from": str(trained_run)}
    with pytest.raises(ConfigError, match=r"subwords.symbols: the vocabulary of .* has no <x>"):
        prepare(
            settings(text, training=start, subwords={"symbols": ["<x>"]}), tmp_path / "shards", 1
        )
    assert not (tmp_path / "shards").exists()
    prepare(settings(text, training=start), tmp_path / "shards", 1)  # control


def test_text_that_cannot_be_used_leaves_nothing(text, tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "CHUNKS_A_SAVE", 64)
    own = shutil.copytree(text, tmp_path / "corpus")
    with pytest.raises(DataError, match=r"no usable pair: 435 lines, 2 with .*longest = 2 "):
        prepare(settings(own, data={"longest": 2}), tmp_path / "shards", 1)
    with pytest.raises(ConfigError, match="vocabulary_size: 50000 is more than this corpus"):
        prepare(settings(own, subwords={"vocabulary_size": 50_000}), tmp_path / "shards", 1)
    with open(own / "train.de", "a") as stream:
        stream.write("Noch einer.\n")
    with pytest.raises(DataError, match=r"train.en has 435 lines but .*train.de has 436"):
        prepare(settings(own), tmp_path / "shards", 1)
    assert list(tmp_path.iterdir()) == [own]


def test_text_that_cannot_be_read_to_its_end_leaves_what_was_saved(text, tmp_path, monkeypatch):
    output = tmp_path / "shards"
    with monkeypatch.context() as patch:
        patch.setattr(text_chunks, "read_pairs", broken_off)
        with pytest.raises(DataError, match="cannot be read"):
            prepare(settings(text), output, 1)
    encoded = []

    class Encoder(preparation.PairEncoder):
        def __call__(self, texts):
            encoded.append(len(texts))
            return super().__call__(texts)

    monkeypatch.setattr(preparation, "PairEncoder", Encoder)
    prepare(settings(text), output, 1)
    assert sum(encoded) == 435 - 300


def broken_off(*arguments):
    """As a network disk does that goes away."""
    yield from itertools.islice(read_pairs(*arguments), 300)
    raise DataError("train.en cannot be read: Input/output error")


def test_what_needs_text_in_each_epoch_is_refused(text, tmp_path):
    for sections, reason in (
        ({"subwords": {"sampling": 0.1}}, r"subwords\.sampling cuts text anew in each epoch"),
        ({"data": {"concatenation": 0.1}}, "concatenation: 0.1 needs text"),
    ):
        with pytest.raises(ConfigError, match=reason):
            prepare(settings(text, **sections), tmp_path / "shards", 1)
    given = as_settings(settings(text))
    paths = {side: given["data"].pop(f"train_{side}") for side in ("source", "target")}
    given["data"]["train"] = [paths | {"share": share} for share in (2.0, 1.0)]
    with pytest.raises(ConfigError, match="shards hold each pair once; leave out"):
        prepare(check_settings(given, "test settings"), tmp_path / "shards", 1)
    for corpus in given["data"]["train"]:
        del corpus["share"]
    prepare(check_settings(given, "test settings"), tmp_path / "shards", 1)  # control
    counts = Shards(tmp_path / "shards").manifest.counts
    assert counts.pairs == 2 * 435
    assert counts.duplicates > 400  # the second corpus is the first


def test_the_command_says_what_it_made(text, tmp_path, capsys):
    (tmp_path / "config.yaml").write_text(dump_run_config(settings(text)))
    arguments = ["shards", str(tmp_path / "config.yaml"), "--output", str(tmp_path / "shards")]
    assert main([*arguments, "--processes", "1"]) == 0
    printed = capsys.readouterr().out
    counts = Shards(tmp_path / "shards").manifest.counts
    assert f"{counts.kept} of 435 pairs in " in printed
    assert f"{counts.duplicates} that another pair equals" in printed
    assert main([*arguments, "--set", "subwords.sampling=0.5"]) == 1
    assert "subwords.sampling cuts text anew" in capsys.readouterr().err


def test_a_process_that_was_killed_is_said():
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        assert list(in_order(executor, abs, [-2, -1, -3], 1)) == [2, 1, 3]  # control
        with pytest.raises(RunError, match="a process was killed, .*the same command goes on"):
            list(in_order(executor, os._exit, [1], 1))


def test_an_interrupt_says_that_the_command_goes_on(text, tmp_path, monkeypatch, capsys):
    def interrupted(packing):
        raise KeyboardInterrupt

    (tmp_path / "config.yaml").write_text(dump_run_config(settings(text)))
    arguments = ["shards", str(tmp_path / "config.yaml"), "--output", str(tmp_path / "shards")]
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "write_shard", interrupted)
        assert main([*arguments, "--processes", "1"]) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "interrupted; what is done is kept, and the same command goes on"
    assert main([*arguments, "--processes", "1"]) == 0


def test_without_the_extra_it_is_said_what_to_install(text, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "array_record.python.array_record_module", None)
    with pytest.raises(DataError, match=r"pip install '.*\[scale\]'"):
        prepare(settings(text), tmp_path / "shards", 1)
    assert not list(tmp_path.iterdir())


def test_held_out_sentences_in_the_text_are_said(text, tmp_path, caplog):
    with caplog.at_level("WARNING"):
        prepare(settings(text), tmp_path / "one", 1)
        assert "scores on it flatter" not in caplog.text  # control
        validation = {f"validation_{s}": str(text / f"train.{e}") for s, e in SIDES}
        prepare(settings(text, data=validation), tmp_path / "two", 1)
    assert "of the validation text, 100.0 % of the sources" in caplog.text


SIDES = (("source", "en"), ("target", "de"))
