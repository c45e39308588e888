"""A run on prepared shards is the run on their text, and goes on where it stopped."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import Silent, miniature_settings

from data_prep.shards.preparation import prepare
from seq2seq.data.lines import read_pairs, write_lines
from seq2seq.data.shards import Shards
from seq2seq.errors import ConfigError, DataError, RunError
from seq2seq.run_folder import RunFolder
from seq2seq.training.corpus import check_files
from seq2seq.training.sharded_corpus import ShardedCorpus, ShardEpochs
from seq2seq.training.training_state import load_state
from seq2seq.workflows.info import describe
from seq2seq.workflows.train import fit, train

pytest.importorskip("array_record", reason="the extra scale is not installed")

STEPS = {"steps": 12, "save_every": 1000, "warmup_steps": 3, "seed": 3}
SECTIONS = {
    "data": {"batch_tokens": 400, "shuffle_buffer": 1},
    "model": {"embedding_size": 8, "units": 8, "dropout": 0.3},
    "training": STEPS,
}


def on(folder, config, **training):
    data = replace(config.data, shards=folder)
    return replace(config, data=data, training=replace(config.training, **training))


def arrays(run):
    return load_state(RunFolder.open(run).weights("state"))[1]


def alike(run, other):
    first, second = arrays(run), arrays(other)
    return all(np.array_equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def prepared(small_corpus, tmp_path_factory):
    """Settings for text, and shards of that text."""
    config = miniature_settings(small_corpus, **SECTIONS)
    output = tmp_path_factory.mktemp("prepared") / "shards"
    prepare(config, output, 1)
    return config, output


@pytest.fixture(scope="module")
def whole(prepared, tmp_path_factory):
    """A run on the shards, and its losses."""
    config, shards = prepared
    run, reporter = tmp_path_factory.mktemp("whole") / "run", Silent()
    train(on(shards, config), run, reporter)
    return run, reporter.losses


@pytest.mark.long
def test_the_run_is_that_on_the_same_text_in_the_order_of_an_epoch(
    prepared, whole, tmp_path, monkeypatch
):
    config, folder = prepared
    subwords = Shards(folder).subwords()
    lines = {
        tuple(tuple(subwords.encode(side)) for side in pair): pair
        for pair in read_pairs(config.data.train_source, config.data.train_target)
    }
    shards = ShardedCorpus(on(folder, config), subwords)
    order = ShardEpochs(on(folder, config), shards).order(0)
    sides = shards.shards.read(order)
    pairs = [
        lines[tuple(tuple(side[row].tolist()) for side in sides)] for row in range(len(sides[0]))
    ]
    for way, text in (("same", pairs), ("other", pairs[::-1])):
        for side, sentences in zip(("en", "de"), zip(*text, strict=True), strict=True):
            write_lines(tmp_path / f"{way}.{side}", sentences)
    monkeypatch.setattr("seq2seq.training.starting_weights.learn_subwords", lambda _: subwords)
    equal = {}
    for way in ("same", "other"):
        paths = {"train_source": tmp_path / f"{way}.en", "train_target": tmp_path / f"{way}.de"}
        fit(replace(config, data=replace(config.data, **paths)), tmp_path / way, Silent())
        equal[way] = alike(tmp_path / way, whole[0])
    assert equal == {"same": True, "other": False}


@pytest.mark.long
def test_a_run_has_all_that_one_on_text_has(prepared, whole):
    folder = RunFolder.open(whole[0])
    assert folder.shortlist() and folder.source_words().counts and folder.scores()
    assert dict(describe(whole[0]))["shards"] == str(prepared[1])
    assert dict(describe(whole[0]))["source language"] == "en"


@pytest.mark.long
def test_a_run_that_was_stopped_goes_on_bit_for_bit(prepared, whole, tmp_path):
    class Interrupted(Silent):
        def stepped(self, state, *rest):
            super().stepped(state, *rest)
            if state.step == 7:
                raise KeyboardInterrupt

    config, shards = prepared
    with pytest.raises(KeyboardInterrupt):
        fit(on(shards, config, save_every=5), tmp_path / "run", Interrupted())
    resumed = Silent()
    fit(on(shards, config), tmp_path / "run", resumed)
    run, losses = whole
    assert resumed.losses == losses[5:]  # from the last save
    assert alike(run, tmp_path / "run")


def test_shards_that_were_changed_since_are_named(prepared, tmp_path, stopped_at_once):
    config, shards = prepared
    own = shutil.copytree(shards, tmp_path / "shards")
    with pytest.raises(stopped_at_once):
        fit(on(own, config), tmp_path / "run", Silent())
    shutil.rmtree(own)
    with pytest.raises(DataError, match=r"no such file: data.shards: .*shards/manifest.json; prep"):
        check_files(on(own, config))
    prepare(replace(config, subwords=replace(config.subwords, kind="bpe")), own, 1)
    with pytest.raises(RunError, match=r"shards/manifest.json changed since .*run was started on"):
        fit(on(own, config), tmp_path / "run", Silent())
    shutil.rmtree(own)
    shutil.copytree(shards, own)
    with pytest.raises(stopped_at_once):  # control
        fit(on(own, config), tmp_path / "run", Silent())


def test_a_run_on_text_does_not_go_on_with_shards(prepared, tmp_path, stopped_at_once):
    config, shards = prepared
    with pytest.raises(stopped_at_once):
        fit(config, tmp_path / "run", Silent())
    with pytest.raises(ConfigError, match=r"cannot go on with these: data\.shards: None -> "):
        fit(on(shards, config), tmp_path / "run", Silent())


def test_a_damaged_shard_leaves_no_run(prepared, tmp_path):
    config, shards = prepared
    own = shutil.copytree(shards, tmp_path / "shards")
    (shard,) = own.glob("*.array_record")
    content = bytearray(shard.read_bytes())
    content[-1] ^= 255
    shard.write_bytes(content)
    with pytest.raises(DataError, match=f"{shard.name} is damaged or was changed"):
        fit(on(own, config), tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()


def test_another_runs_vocabulary_is_kept_in_its_shards(
    prepared, trained_run, tmp_path, stopped_at_once
):
    config, shards = prepared
    start = on(None, config, start_from=trained_run)
    with pytest.raises(ConfigError, match=r"was prepared with other settings: subwords\.vocabula"):
        fit(on(shards, start), tmp_path / "run", Silent())
    prepare(start, tmp_path / "shards", 1)
    with pytest.raises(stopped_at_once):
        fit(on(tmp_path / "shards", start), tmp_path / "run", Silent())
    theirs = RunFolder.open(trained_run).subwords().model
    assert RunFolder.open(tmp_path / "run").subwords().model == theirs
