"""Runs whose vocabulary is a closed set of symbols: every way to translate writes all of them."""

import numpy as np
import pytest
import tensorflow as tf
from loaded import loaded

from seq2seq.cli.main import main
from seq2seq.config.loading import check_settings
from seq2seq.data.lines import write_lines
from seq2seq.data.subwords import EOS
from seq2seq.errors import DataError
from seq2seq.serving.saved_model.tensors import as_array
from seq2seq.translation.batch_search import padded
from seq2seq.translation.portable_graphs import portable_search
from seq2seq.translation.served_run import load_served_run
from seq2seq.workflows.keras_training import build

WORDS = ["d o g", "c a t", "b e e", "g o", "t o", "a t e", "b a d", "d e b t"]
LINES = [*WORDS, "d o q g", ""]
# 16 symbols in all: some are at the ids of line breaks, where other vocabularies have bytes.


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Random weights that write symbols at random."""
    folder = tmp_path_factory.mktemp("closed")
    write_lines(folder / "a.letters", WORDS)
    write_lines(folder / "a.sounds", [word.upper() for word in WORDS])
    files = {
        f"{split}_{side}": str(folder / f"a.{ending}")
        for split in ("train", "validation")
        for side, ending in (("source", "letters"), ("target", "sounds"))
    }
    settings = {
        "data": files,
        "subwords": {
            "kind": "word",
            "vocabulary_size": 50,
            "normalization": "identity",
            "byte_fallback": False,
        },
        "model": {"embedding_size": 16, "units": 16, "tied_embeddings": "none"},
        "decoding": {"beam_width": 1, "longest_extra": 20, "shortest": 15},
    }
    translator = build(check_settings(settings, "test settings"))
    random = np.random.default_rng(1)
    weights = translator.network.training.get_weights()
    drawn = [random.normal(0, 1, each.shape) for each in weights]
    translator.network.training.set_weights(drawn)
    translator.save(folder / "run")
    return folder / "run"


def test_symbols_at_the_ids_of_bytes_are_written(run):
    """Ids 4, 14 and 17, which are NUL, line feed and return where there are bytes."""
    translator = loaded(run, sampling=True, n_best=20)
    assert translator.subwords.size == 4 + 16
    written = {id for outputs in translator.search(WORDS) for each in outputs for id in each.ids}
    assert written == set(range(3, translator.subwords.size))


def test_every_way_writes_the_same(run):
    texts = loaded(run).translate(LINES)
    assert all(texts[:-1]) and len(set(texts)) > 4
    served = load_served_run(run, {})
    found = served.predict("serving_default", {"text": as_array(LINES, "string")})["translation"]
    assert [text.decode() for text in found] == texts
    translator = loaded(run)
    subwords = translator.subwords
    portable = portable_search(
        translator.network, subwords.unwritten, translator.decoding, batch=None
    )
    ids = [[*subwords.encode(line), EOS] for line in LINES]
    found = portable(tf.constant(padded(ids)))["ids"].numpy()[:, 0]
    assert [subwords.decode(row) for row in found[:-1]] == texts[:-1]


def test_symbols_that_the_vocabulary_lacks_are_counted(run, tmp_path, caplog):
    for lines, told in ((LINES, True), (WORDS, False)):
        caplog.clear()
        write_lines(tmp_path / "in", lines)
        main(["translate", str(run), str(tmp_path / "in"), "-o", str(tmp_path / "out")])
        assert ("1 source symbol(s) are not in the vocabulary" in caplog.text) is told


def test_an_output_cannot_be_told_to_have_an_unknown_symbol(run):
    lacks = "B Q has a symbol that the run's vocabulary lacks"
    with pytest.raises(DataError, match=lacks):
        loaded(run).translate(WORDS, prefix="B Q")
    with pytest.raises(DataError, match=lacks):
        loaded(run, beam_width=2).with_glossary({"b": "B Q"}).translate(WORDS)
    forced = loaded(run).translate(WORDS, prefix="B E ")
    assert all(each.startswith("B E ") for each in forced)
