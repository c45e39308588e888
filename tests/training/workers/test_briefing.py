"""What a worker compares with what the chief tells it."""

import dataclasses
import shutil

import pytest
from conftest import miniature_settings, write_corpus

from data_prep.shards.preparation import prepare
from seq2seq.config.loading import as_settings, check_settings
from seq2seq.errors import ConfigError, DataError, RunError
from seq2seq.run_folder import RunFolder
from seq2seq.training.corpus import learn_subwords
from seq2seq.training.encoded_corpus import encode_corpus
from seq2seq.training.text import training_text
from seq2seq.training.workers.briefing import Briefing


def settings(folder, **sections):
    """Two corpora, of which the first has twice the second's share."""
    given = as_settings(miniature_settings(folder))
    data = given["data"]
    paths = {side: data.pop(f"train_{side}") for side in ("source", "target")}
    data["train"] = [paths | {"share": share} for share in (2.0, 1.0)]
    for name, values in sections.items():
        given[name] |= values
    return check_settings(given, "test settings")


@pytest.fixture(scope="module")
def briefing(small_corpus, tmp_path_factory):
    """As it comes out of the exchange."""
    config = settings(small_corpus)
    subwords = learn_subwords(config)
    folder = RunFolder.create(tmp_path_factory.mktemp("chief") / "run", config, subwords)
    said = Briefing.of(config, folder, encode_corpus(config.data, subwords))
    return Briefing.from_bytes(said.to_bytes())


def test_a_worker_has_its_own_paths_and_the_chiefs_vocabulary(briefing, tmp_path):
    own = settings(write_corpus(tmp_path / "elsewhere", train=400, others=20))
    config, subwords, corpus = briefing.taken_by(own)
    assert config.data.corpora == own.data.corpora
    assert subwords.size == 700
    assert corpus.hashes == briefing.hashes


def test_other_settings_are_named_and_paths_are_not(briefing, small_corpus, tmp_path):
    own = settings(
        write_corpus(tmp_path / "elsewhere", train=400, others=20),
        training={"seed": 9, "start_from": str(tmp_path)},
    )
    with pytest.raises(ConfigError, match=r"than the chief: training\.seed: 1 -> 9; start all"):
        briefing.taken_by(own)


@pytest.mark.parametrize(
    ("name", "value"), [("share", 3.0), ("target_language", "fr"), ("weights", "weights.txt")]
)
def test_corpora_of_another_share_or_language_or_with_weights_are_noticed(
    briefing, small_corpus, name, value
):
    data = as_settings(settings(small_corpus))["data"]
    data["train"][0][name] = value
    with pytest.raises(ConfigError, match=r"than the chief: data\.train: "):
        briefing.taken_by(settings(small_corpus, data=data))


def test_workers_have_the_same_shards(small_corpus, tmp_path):
    pytest.importorskip("array_record", reason="the extra scale is not installed")
    text = miniature_settings(small_corpus)
    prepare(text, tmp_path / "shards", 1)
    config = dataclasses.replace(
        text, data=dataclasses.replace(text.data, shards=tmp_path / "shards")
    )
    subwords = learn_subwords(config)
    folder = RunFolder.create(tmp_path / "run", config, subwords)
    said = Briefing.of(config, folder, training_text(config, subwords))
    copied = shutil.copytree(tmp_path / "shards", tmp_path / "elsewhere")
    own = dataclasses.replace(config, data=dataclasses.replace(config.data, shards=copied))
    assert said.taken_by(own)[2].hashes == said.hashes
    with pytest.raises(ConfigError, match=r"than the chief: data\.shards: True -> False"):
        said.taken_by(text)
    with open(copied / "manifest.json", "a") as stream:
        stream.write(" ")
    with pytest.raises(DataError, match=r"manifest\.json is not the data\.shards that the chief"):
        said.taken_by(own)


def test_other_text_and_versions_are_named(briefing, tmp_path):
    folder = write_corpus(tmp_path / "elsewhere", train=399, others=20)
    with pytest.raises(DataError, match=r"train\.en is not the data\.train\.0\.source that the"):
        briefing.taken_by(settings(folder))
    older = dataclasses.replace(briefing, versions=briefing.versions | {"keras": "3.0.0"})
    with pytest.raises(RunError, match=r"other versions than the chief: keras: 3\.0\.0 -> "):
        older.taken_by(settings(folder))
