"""Training on prepared shards: batches as text gives them, and what is refused."""

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import miniature_settings

from data_prep.shards import preparation
from data_prep.shards.preparation import prepare
from seq2seq.data.counts import CorpusCounts
from seq2seq.data.id_rows import IdRows
from seq2seq.data.shards import FORMAT, LENGTH, id_type, pack, shaping_settings
from seq2seq.data.subwords import EOS, Subwords
from seq2seq.errors import ConfigError, DataError
from seq2seq.files import file_sha256
from seq2seq.training import sharded_corpus
from seq2seq.training.corpus import learn_subwords
from seq2seq.training.encoded_corpus import EncodedCorpus
from seq2seq.training.epochs import Epochs
from seq2seq.training.sharded_corpus import ShardedCorpus, ShardEpochs
from seq2seq.training.text import count_run_words, learn_run_shortlist

array_record = pytest.importorskip(
    "array_record.python.array_record_module", reason="the extra scale is not installed"
)


@pytest.fixture(scope="module")
def text_settings(small_corpus):
    return miniature_settings(small_corpus, data={"batch_tokens": 100, "shuffle_buffer": 1})


@pytest.fixture(scope="module")
def prepared(text_settings, tmp_path_factory):
    output = tmp_path_factory.mktemp("prepared") / "shards"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparation, "TEXT_A_SHARD", 20_000)
        prepare(text_settings, output, 1)
    return output


@pytest.fixture
def shards(prepared, tmp_path):
    """A copy, to be changed."""
    return shutil.copytree(prepared, tmp_path / "shards")


def on(folder, config, **data):
    return replace(config, data=replace(config.data, shards=folder, **data))


def opened(folder, config):
    return ShardedCorpus(on(folder, config), Subwords.load(folder / "subwords.model"))


def content(batches):
    return [[np.asarray(side).tolist() for side in batch] for batch in batches]


def pairs_of(batches):
    return sorted(
        tuple(tuple(i for i in row if i > EOS) for row in pair)
        for source, target, _ in content(batches)
        for pair in zip(source, target, strict=True)
    )


def many_pairs(folder, config, count):
    """A folder of shards of random pairs, of several windows."""
    draw = np.random.default_rng(5)
    folder.mkdir()
    sides = []
    for _ in range(2):
        splits = np.concatenate([[0], draw.integers(1, 9, count).cumsum()])
        sides.append(IdRows(draw.integers(4, 700, splits[-1]).astype(np.uint16), splits))
    writer = array_record.ArrayRecordWriter(str(folder / "pairs"), "group_size:1")
    for first in range(0, count, 256):
        rows = np.arange(first, min(first + 256, count))
        writer.write(pack(*(side.take(rows) for side in sides), id_type(700)))
    writer.close()
    np.save(folder / "lengths.npy", np.stack([s.lengths() for s in sides], 1).astype(LENGTH))
    subwords = learn_subwords(config)
    (folder / "subwords.model").write_bytes(subwords.model)
    digests = {path.name: file_sha256(path) for path in folder.iterdir()}
    size = (folder / "pairs").stat().st_size
    shard = {"name": "pairs", "pairs": count, "size": size, "sha256": digests["pairs"]}
    manifest = {
        "format": FORMAT,
        "settings": shaping_settings(config),
        "seed": 1,
        "vocabulary": digests["subwords.model"],
        "vocabulary_size": 700,
        "texts": [],
        "counts": vars(CorpusCounts(count, 0, 0, *(len(side.flat) for side in sides))),
        "lengths": digests["lengths.npy"],
        "shards": [shard],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return EncodedCorpus(*sides, None, np.arange(count), (CorpusCounts(count, 0, 0, 0, 0),), {})


@pytest.fixture(scope="module")
def many(text_settings, tmp_path_factory):
    """Three windows of pairs, of which the last is not whole, as text; settings; their shards."""
    folder = tmp_path_factory.mktemp("many") / "shards"
    whole = many_pairs(folder, text_settings, 8192 + 256 * 40)
    config = on(folder, text_settings, batch_tokens=150, train_source=None, train_target=None)
    return whole, config, opened(folder, config)


def test_batches_are_those_of_text_in_the_same_order(many, text_settings):
    whole, config, corpus = many
    epochs = ShardEpochs(config, corpus)
    as_text = on(None, text_settings, batch_tokens=150)
    epoch = 0
    records = epochs.order(epoch)
    order = (records[:, None] * 256 + np.arange(256)).ravel()
    sources, targets = whole.sources.take(order), whole.targets.take(order)
    text = replace(whole, sources=sources, targets=targets)
    expected = content(Epochs(as_text, None, text).batches(epoch))
    found = content(epochs.batches(epoch))
    assert found == expected
    assert len(found) > 512  # more than are shuffled at once
    assert content(epochs.batches(epoch, used=70, share=(1, 3))) == expected[71::3]
    control = replace(text, sources=sources.take(np.roll(whole.usable, 1)))
    assert content(Epochs(as_text, None, control).batches(epoch)) != found
    assert epochs.count() == len(found)


def test_an_epoch_has_each_pair_once_and_another_order_than_the_next(prepared, text_settings):
    corpus = opened(prepared, text_settings)
    epochs = ShardEpochs(on(prepared, text_settings), corpus)
    first, second = content(epochs.batches(0)), content(epochs.batches(1))
    wanted = sorted(tuple(map(tuple, pair)) for pair in corpus.id_pairs())
    assert len(wanted) == corpus.counts.kept == 400 - corpus.counts.duplicates
    assert pairs_of(first) == pairs_of(second) == wanted
    assert first != second
    assert content(epochs.batches(0)) == first
    assert content(epochs.batches(1, used=7)) == second[7:]
    shared = [content(epochs.batches(1, 3, (worker, 2))) for worker in (0, 1)]
    assert shared == [second[3::2], second[4::2]]
    other = on(prepared, replace(text_settings, training=replace(text_settings.training, seed=9)))
    assert content(ShardEpochs(other, corpus).batches(0)) != first


def test_what_was_passed_is_not_read(many, monkeypatch):
    _, config, corpus = many
    epochs = ShardEpochs(config, corpus)
    read, reading = [], corpus.shards.read
    monkeypatch.setattr(corpus.shards, "read", lambda records: read.append(1) or reading(records))
    batches = content(epochs.batches(0))
    assert len(read) == 3
    assert content(epochs.batches(0, used=len(batches) - 1)) == batches[-1:]
    assert len(read) == 4
    assert epochs.count() == len(batches)
    assert len(read) == 4


def test_batches_of_a_long_epoch_are_counted_by_its_beginning(many, monkeypatch):
    _, config, corpus = many
    epochs = ShardEpochs(config, corpus)
    looked, lengths = [], corpus.shards.lengths
    monkeypatch.setattr(corpus.shards, "lengths", lambda each: looked.append(1) or lengths(each))
    exact = epochs.count()
    assert len(looked) == 3
    monkeypatch.setattr(sharded_corpus, "WINDOWS_COUNTED", 1)
    assert epochs.count() == epochs.count() == pytest.approx(exact, rel=0.02)
    assert len(looked) == 3 + 2


def test_shortlist_and_words_are_those_of_the_text(prepared, text_settings, monkeypatch):
    corpus = opened(prepared, text_settings)
    subwords = corpus.shards.subwords()
    assert len(learn_run_shortlist(corpus, subwords.size).candidates) == subwords.size
    words = count_run_words(corpus, subwords).counts
    assert words["the"] > 100
    monkeypatch.setattr(sharded_corpus, "SAMPLE", 100)
    assert 0 < count_run_words(corpus, subwords).counts["the"] < words["the"]


def name_of_shard(folder):
    return sorted(path.name for path in folder.glob("*.array_record"))[0]


def test_a_damaged_shard_is_named_when_it_is_read_and_when_all_are_compared(shards, text_settings):
    path = shards / name_of_shard(shards)
    whole = path.read_bytes()
    places = [place for place in range(200, len(whole)) if whole[place]]
    damaged = bytearray(whole)
    damaged[places[len(places) // 2]] ^= 255
    path.write_bytes(damaged)
    corpus = opened(shards, text_settings)
    message = rf"{path.name} is damaged or was changed; restore it, or prepare it again with"
    with pytest.raises(DataError, match=message):
        corpus.shards.verify()
    with pytest.raises(DataError, match=message):
        content(ShardEpochs(on(shards, text_settings), corpus).batches(0))
    path.write_bytes(whole)  # control
    opened(shards, text_settings).shards.verify()
    content(ShardEpochs(on(shards, text_settings), opened(shards, text_settings)).batches(0))


def test_another_shard_in_the_place_of_one_is_noticed_when_it_is_read(shards, text_settings):
    first, second = sorted(shards.glob("*.array_record"))[:2]
    assert first.stat().st_size == second.stat().st_size
    shutil.copy(second, first)
    with pytest.raises(DataError, match=f"{first.name} is damaged or was changed"):
        content(ShardEpochs(on(shards, text_settings), opened(shards, text_settings)).batches(0))


def test_missing_and_changed_files_are_named_at_the_start(shards, text_settings, tmp_path):
    for name in (name_of_shard(shards), "lengths.npy", "subwords.model"):
        content = (shards / name).read_bytes()
        (shards / name).write_bytes(content[:-1])
        with pytest.raises(DataError, match=rf"{name} is damaged or was changed; restore it"):
            ShardedCorpus(on(shards, text_settings), Subwords(model_of(shards, name, content)))
        (shards / name).unlink()
        with pytest.raises(DataError, match=rf"{name} is missing; restore it"):
            ShardedCorpus(on(shards, text_settings), Subwords(model_of(shards, name, content)))
        (shards / name).write_bytes(content)
    opened(shards, text_settings)  # control
    with pytest.raises(DataError, match=r"nowhere holds no shards: .*manifest.json is missing"):
        ShardedCorpus(
            on(tmp_path / "nowhere", text_settings), Subwords.load(shards / "subwords.model")
        )
    manifest = json.loads((shards / "manifest.json").read_text())
    (shards / "manifest.json").write_text("{}")
    with pytest.raises(DataError, match=r"manifest.json is no list of shards"):
        opened(shards, text_settings)
    (shards / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))
    with pytest.raises(DataError, match="manifest.json has format 2, and this version reads 1"):
        opened(shards, text_settings)


def model_of(folder, name, content):
    return content if name == "subwords.model" else (folder / "subwords.model").read_bytes()


def test_other_settings_and_another_vocabulary_are_named(prepared, text_settings, small_corpus):
    changed = miniature_settings(
        small_corpus, data={"longest": 50}, subwords={"vocabulary_size": 699}
    )
    message = r"data\.longest: 100 -> 50; subwords\.vocabulary_size: 700 -> 699; change them back"
    with pytest.raises(ConfigError, match=message):
        opened(prepared, changed)
    other = learn_subwords(
        replace(text_settings, subwords=replace(text_settings.subwords, kind="bpe"))
    )
    with pytest.raises(ConfigError, match="shards has another vocabulary than this run"):
        ShardedCorpus(on(prepared, text_settings), other)


def test_shards_of_a_release_with_fewer_settings_are_taken(shards, text_settings):
    path = shards / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["settings"]["subwords.normalization"]
    path.write_text(json.dumps(manifest))
    opened(shards, text_settings)


def test_text_beside_shards_is_the_one_they_were_made_of_or_is_not_there(
    shards, text_settings, small_corpus, tmp_path
):
    folder = shutil.copytree(small_corpus, tmp_path / "corpus")
    config = miniature_settings(folder)
    opened(shards, config)  # a copy
    text = folder / "train.de"
    before = text.read_text()
    text.write_text(before.replace("d", "t", 1))
    with pytest.raises(
        DataError, match=r"train.de \(data.train_target\) is not the text that .*shard"
    ):
        opened(shards, config)
    text.unlink()
    opened(shards, config)


def test_without_the_extra_it_is_said_what_to_install(prepared, text_settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "array_record.python.array_record_module", None)
    with pytest.raises(DataError, match=r"pip install '.*\[scale\]'"):
        opened(prepared, text_settings)
