"""The training text is read once for all that is wanted of it, which stays what it is."""

import gzip
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import Silent, miniature_settings

from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.lines import raw_lines, read_lines, read_pairs
from seq2seq.data.shortlist import learn_shortlist
from seq2seq.data.source_words import count_words
from seq2seq.data.subwords import EOS
from seq2seq.errors import DataError, RunError
from seq2seq.files import file_sha256
from seq2seq.training import encoded_corpus
from seq2seq.training.corpus import SIDES, learn_subwords
from seq2seq.training.encoded_corpus import encode_corpus
from seq2seq.training.epochs import Epochs
from seq2seq.training.text import TRANSLATIONS_KEPT, count_run_words, learn_run_shortlist
from seq2seq.workflows.train import fit

LONGEST = 14


@pytest.fixture(scope="module")
def config(small_corpus, tmp_path_factory):
    """Of a text with blank sides, long pairs and bytes that are not UTF-8; one side is .gz."""
    folder = tmp_path_factory.mktemp("text")
    for name, language, odd in (("a.en", "en", 7), ("a.de.gz", "de", 11)):
        lines = (small_corpus / f"train.{language}").read_bytes().splitlines(keepends=True)
        lines[odd], lines[odd + 1], lines[20] = b"\n", b" \t\r\n", b"\xff dog \0\n"
        content = b"".join(lines)
        (folder / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    files = {"train_source": str(folder / "a.en"), "train_target": str(folder / "a.de.gz")}
    sizes = {"longest": LONGEST, "batch_tokens": 100, "shuffle_buffer": 50}
    return miniature_settings(small_corpus, data=files | sizes)


@pytest.fixture(scope="module")
def subwords(config):
    return learn_subwords(config)


@pytest.fixture(scope="module")
def corpus(config, subwords):
    return encode_corpus(config.data, subwords)


@pytest.fixture(scope="module")
def encoded(config, subwords):
    """Ids of every pair, line by line."""
    pairs = read_pairs(config.data.train_source, config.data.train_target)
    return [tuple(map(subwords.encode, pair)) for pair in pairs]


def test_ids_are_those_of_each_line_without_what_is_too_long(corpus, encoded):
    short = [pair for pair in encoded if max(map(len, pair)) <= LONGEST]
    found = [
        (corpus.sources[row].tolist(), corpus.targets[row].tolist())
        for row in range(len(corpus.sources))
    ]
    assert found == short
    assert len(corpus.targets) == len(short)
    assert corpus.usable.tolist() == [row for row, pair in enumerate(short) if all(pair)]


def test_counts_are_those_of_the_lines(corpus, encoded):
    kept = [pair for pair in encoded if all(pair) and max(map(len, pair)) <= LONGEST]
    counts = corpus.counts
    assert counts.pairs == len(encoded) == 400
    assert counts.empty == sum(not all(pair) for pair in encoded) == 4
    assert counts.kept == len(kept) < 396 - 20  # some are too long
    assert counts.source_subwords == sum(len(source) for source, _ in kept)
    assert counts.target_subwords == sum(len(target) for _, target in kept)


def test_hashes_are_those_of_the_files(config, corpus):
    assert corpus.hashes == {
        name: file_sha256(getattr(config.data, name)) for name in ("train_source", "train_target")
    }


def content(batches):
    return [[side.tolist() for side in batch] for batch in batches.as_numpy_iterator()]


def pairs_of(batches):
    """The pairs of ids of some batches, without padding, BOS and EOS."""
    return [
        tuple(tuple(i for i in row if i > EOS) for row in pair)
        for source, target, _ in batches
        for pair in zip(source, target, strict=True)
    ]


def usable(encoded):
    return [
        tuple(map(tuple, pair)) for pair in encoded if all(pair) and max(map(len, pair)) <= LONGEST
    ]


def test_batches_are_made_of_the_lines_each_once(config, subwords, corpus, encoded):
    epochs = Epochs(config, subwords, corpus)
    first, second = content(epochs.batches(0)), content(epochs.batches(1))
    assert sorted(pairs_of(first)) == sorted(pairs_of(second)) == sorted(usable(encoded))
    assert content(epochs.batches(1, used=5)) == second[5:]
    assert epochs.count() == len(first) > 10
    assert first != second  # epochs differ


def test_words_that_are_cut_at_random_make_up_the_same_text(config, subwords, corpus, encoded):
    drawn = replace(config, subwords=replace(config.subwords, sampling=0.5))
    drawn = replace(drawn, data=replace(drawn.data, longest=1000))
    epochs = Epochs(drawn, subwords, corpus)
    first, second = content(epochs.batches(0)), content(epochs.batches(1))
    wanted = sorted(tuple(map(subwords.decode, pair)) for pair in usable(encoded))
    for batches in (first, second):
        found = pairs_of(batches)
        assert sorted(tuple(map(subwords.decode, pair)) for pair in found) == wanted
        assert sum(pair in usable(encoded) for pair in found) < 0.5 * len(found)
    assert sorted(pairs_of(first)) != sorted(pairs_of(second))  # anew in each epoch
    assert content(epochs.batches(1, used=5)) == second[5:]
    longest = content(Epochs(replace(drawn, data=config.data), subwords, corpus).batches(0))
    assert max(len(row) for pair in pairs_of(longest) for row in pair) == LONGEST


@pytest.fixture(scope="module")
def several(config):
    """Settings for the corpus twice: whole, and without its first 100 lines."""
    folder = config.data.train_source.parent
    for path in (config.data.train_source, config.data.train_target):
        lines = list(raw_lines(path))[100:]
        (folder / f"b.{path.name.split('.')[1]}").write_bytes(b"".join(lines))
    parts = ({"source": folder / "a.en", "target": folder / "a.de.gz"},)
    parts += ({"source": folder / "b.en", "target": folder / "b.de"},)
    data = replace(config.data, train_source=None, train_target=None, train=parts)
    return replace(config, data=data)


def test_several_corpora_are_encoded_one_after_the_other(several, subwords, corpus):
    found = encode_corpus(several.data, subwords)
    assert found.parts[0] == corpus.counts
    assert found.parts[1].pairs == 300
    assert found.counts.kept == found.parts[0].kept + found.parts[1].kept == len(found.usable)
    size = corpus.sources.splits[-1]
    np.testing.assert_array_equal(found.sources.flat[:size], corpus.sources.flat)
    rest = found.sources.flat[size:]
    np.testing.assert_array_equal(rest, corpus.sources.flat[-len(rest) :])
    assert list(found.hashes) == [f"train.{n}.{side}" for n in (0, 1) for side in SIDES]
    assert found.hashes == {
        name: file_sha256(path) for name, path in several.data.training_files.items()
    }


def test_the_vocabulary_is_that_of_all_corpora(several, config, monkeypatch):
    heard = []
    monkeypatch.setattr(
        "seq2seq.training.corpus.train_subwords", lambda lines, _: heard.append(list(lines))
    )
    learn_subwords(config)
    learn_subwords(several)
    assert heard[1] == heard[0] + heard[0][200:]


def test_an_epoch_mixes_corpora_by_their_shares(several, subwords):
    def counts(*shares):
        parts = [replace(p, share=s) for p, s in zip(several.data.train, shares, strict=True)]
        mixed = replace(several, data=replace(several.data, train=tuple(parts)))
        epochs = Epochs(mixed, subwords, encode_corpus(mixed.data, subwords))
        return len(pairs_of(content(epochs.batches(0)))), epochs.pairs()

    total, sizes = counts(None, None)
    assert total == sum(sizes) and sizes[0] > sizes[1]
    found, pairs = counts(1, 3)
    assert found == total
    assert pairs == [round(total / 4), total - round(total / 4)]


def test_a_corpus_of_several_without_a_usable_pair_is_named(several, subwords, tmp_path):
    for side in SIDES:
        (tmp_path / side).write_text("\n")
    parts = (several.data.train[0], {side: tmp_path / side for side in SIDES})
    with pytest.raises(DataError, match=r"/source and .*/target hold no usable pair: 1 lines"):
        encode_corpus(replace(several.data, train=parts), subwords)


def test_the_shortlist_is_that_of_the_lines(subwords, corpus, encoded):
    short = [pair for pair in encoded if max(map(len, pair)) <= LONGEST]
    found = learn_run_shortlist(corpus, subwords.size).to_bytes()
    assert found == learn_shortlist(short, subwords.size, TRANSLATIONS_KEPT).to_bytes()
    assert (
        found != learn_shortlist(short[1:], subwords.size, TRANSLATIONS_KEPT).to_bytes()
    )  # control


def test_words_seen_are_those_of_the_pairs_that_are_kept(config, subwords, corpus, encoded):
    pairs = list(read_pairs(config.data.train_source, config.data.train_target))
    kept = [
        source
        for (source, _), ids in zip(pairs, encoded, strict=True)
        if all(ids) and max(map(len, ids)) <= LONGEST
    ]
    assert count_run_words(corpus, subwords) == count_words(kept)
    assert count_words(kept) != count_words(source for source, _ in pairs)  # control


def test_ids_above_two_bytes_are_kept(config, subwords, corpus, monkeypatch):
    class Large(GraphSubwords):
        def encode(self, texts):
            return super().encode(texts) + (1 << 16)

    monkeypatch.setattr(encoded_corpus, "GraphSubwords", Large)
    monkeypatch.setattr(subwords, "size", 1 << 17)
    found = encode_corpus(config.data, subwords)
    np.testing.assert_array_equal(
        found.sources.flat, np.add(corpus.sources.flat, 1 << 16, dtype=int)
    )


def test_a_text_without_a_usable_pair_is_refused_with_its_counts(config, subwords):
    with pytest.raises(DataError, match=r"hold no usable pair: 400 lines, 4 with .*longest = 2 "):
        encode_corpus(replace(config.data, longest=2), subwords)


def openings(config, run, stop):
    """How often the training text is opened before the first step, which raises `stop`."""
    path, opened, listening = str(config.data.train_source), 0, True

    def hear(event, arguments):
        nonlocal opened
        opened += listening and event == "open" and str(arguments[0]) == path

    sys.addaudithook(hear)
    with pytest.raises(stop):
        fit(config, run, Silent())
    listening = False
    return opened


def test_before_the_first_step_the_text_is_read_to_learn_subwords_and_to_encode(
    small_corpus, tmp_path, stopped_at_once
):
    config = miniature_settings(small_corpus)
    assert openings(config, tmp_path / "run", stopped_at_once) == 2
    # Control: a run that goes on has its subwords.
    assert openings(config, tmp_path / "run", stopped_at_once) == 1
    drawn = miniature_settings(small_corpus, subwords={"vocabulary_size": 700, "sampling": 0.3})
    assert openings(drawn, tmp_path / "drawn", stopped_at_once) == 2


def test_a_changed_text_is_named_whatever_is_wrong_with_it(small_corpus, tmp_path, stopped_at_once):
    text = tmp_path / "train.en"
    text.write_bytes((small_corpus / "train.en").read_bytes())
    config = miniature_settings(small_corpus, data={"train_source": str(text)})
    with pytest.raises(stopped_at_once):
        fit(config, tmp_path / "run", Silent())
    with pytest.raises(stopped_at_once):
        fit(config, tmp_path / "run", Silent())  # control: unchanged, it goes on
    before = text.read_text()
    text.write_text(before.replace("the", "a"))
    with pytest.raises(RunError, match=r"train.en changed since .*run was started on it"):
        fit(config, tmp_path / "run", Silent())
    text.write_text("".join(f"{line}\n" for line in list(read_lines(text))[:-1]))
    with pytest.raises(RunError, match=r"train.en changed since .*run was started on it"):
        fit(config, tmp_path / "run", Silent())
    with pytest.raises(DataError, match="train.en has 399 lines but .*train.de has 400"):
        fit(config, tmp_path / "another", Silent())


def test_pairs_left_out_are_counted(small_corpus, tmp_path, caplog, stopped_at_once):
    config = miniature_settings(small_corpus, data={"longest": 8})
    with caplog.at_level("WARNING"), pytest.raises(stopped_at_once):
        fit(config, tmp_path / "run", Silent())
    assert "above data.longest = 8 subwords" in caplog.text
