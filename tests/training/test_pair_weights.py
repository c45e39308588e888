"""Pairs that count differently: each has its line's weight, and two are worth the pair twice."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from conftest import miniature_settings
from toy_steps import RATE, drawn, optimization, values_of

import seq2seq
from seq2seq.data.lines import read_lines, read_pairs
from seq2seq.data.subwords import EOS
from seq2seq.errors import DataError
from seq2seq.files import file_sha256
from seq2seq.training.corpus import learn_subwords
from seq2seq.training.encoded_corpus import encode_corpus
from seq2seq.training.epochs import Epochs
from seq2seq.training.train_step import Optimization
from seq2seq.training.workers.summed_step import SummedOptimization

WEIGHTED = {"train_weights": "weights"}


def weight_of(line):
    """An eighth is exact in float32."""
    return 1 + len(line) / 8


@pytest.fixture
def config(small_corpus, tmp_path):
    """Of a text whose longest pairs are left out, with weights."""
    lines = read_lines(small_corpus / "train.en")
    path = tmp_path / "weights"
    path.write_text("".join(f" {weight_of(line)}\r\n" for line in lines))
    data = {"train_weights": str(path), "longest": 14, "batch_tokens": 100}
    return miniature_settings(small_corpus, data=data)


def weights_of(batches, subwords):
    """(source text, weight) of each pair of an epoch."""
    for sources, _, _, weights in batches.as_numpy_iterator():
        assert weights.dtype == np.float32
        for row, weight in zip(sources, weights, strict=True):
            yield subwords.decode([i for i in row.tolist() if i > EOS]), float(weight)


@pytest.mark.parametrize("sampling", [0.0, 0.3])
def test_each_pair_of_an_epoch_has_the_weight_of_its_line(config, sampling):
    subwords = learn_subwords(config)
    config = replace(config, subwords=replace(config.subwords, sampling=sampling))
    corpus = encode_corpus(config.data, subwords)
    epochs = Epochs(config, subwords, corpus)
    found = list(weights_of(epochs.batches(0), subwords))
    assert 100 < len(found) <= corpus.counts.kept < 400
    scale = weight_of(found[0][0]) / found[0][1]
    wanted = [(text, pytest.approx(weight_of(text) / scale, rel=1e-6)) for text, _ in found]
    assert found == wanted
    assert np.mean(corpus.pair_weights[corpus.usable]) == pytest.approx(1)
    rest = list(weights_of(epochs.batches(0, used=3), subwords))
    assert rest == found[-len(rest) :] and len(rest) < len(found)
    assert corpus.hashes["train_weights"] == file_sha256(config.data.train_weights)


def test_keras_s_fit_is_given_them(config):
    batches = list(seq2seq.dataset(config))
    subwords = learn_subwords(config)
    epochs = Epochs(config, subwords, encode_corpus(config.data, subwords))
    wanted = list(epochs.batches(0).as_numpy_iterator())
    assert len(batches) == len(wanted)
    for (inputs, target, weights), batch in zip(batches, wanted, strict=True):
        for given, own in zip((*inputs, target, weights), batch, strict=True):
            np.testing.assert_array_equal(given, own)
    for _, target in seq2seq.dataset(config, subwords, "validation"):
        assert target.shape.rank == 2  # and nothing behind it


def test_a_corpus_without_weights_counts_one_beside_those_that_have_some(config):
    files = {"source": config.data.train_source, "target": config.data.train_target}
    parts = (files | {"weights": config.data.train_weights}, files)
    none = dict.fromkeys(("train_source", "train_target", "train_weights"))
    data = replace(config.data, **none, train=parts)
    subwords = learn_subwords(config)
    corpus = encode_corpus(data, subwords)
    first, second = np.split(corpus.pair_weights, 2)
    assert len(set(second)) == 1
    pairs = read_pairs(config.data.train_source, config.data.train_target)
    short = [pair for pair in pairs if max(map(len, subwords.encode_all(pair))) <= 14]
    given = [weight_of(source) for source, _ in short]
    np.testing.assert_allclose(first / second[0], given, rtol=1e-6)
    assert list(corpus.hashes) == [
        *(f"train.0.{part}" for part in ("source", "target", "weights")),
        *("train.1.source", "train.1.target"),
    ]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda lines: [*lines[:2], "heavy", *lines[3:]], "weights, line 3: 'heavy' is no weight"),
        (lambda lines: ["0", *lines[1:]], "line 1: '0' is no weight; give a number from 1e-06"),
        (lambda lines: ["nan", *lines[1:]], "line 1: 'nan' is no weight"),
        (lambda lines: ["-inf", *lines[1:]], "line 1: '-inf' is no weight"),
        (lambda lines: lines[:7], "train.en has 400 lines but .*weights has 7; parallel files"),
        (lambda lines: [*lines, "1"], "train.en has 400 lines but .*weights has 401; parallel"),
    ],
)
def test_a_file_that_holds_other_than_a_weight_a_pair_is_named(config, change, complaint):
    path = config.data.train_weights
    path.write_text("\n".join(change(path.read_text().split())) + "\n")
    with pytest.raises(DataError, match=complaint):
        encode_corpus(config.data, learn_subwords(config))


def after_steps(kind, weigh, data=None, **training):
    """Losses, tokens, and all values, after some steps over what `weigh` makes of batches."""
    network, taken = optimization(kind, data, **training), []
    for _ in range(3):
        batches = list(map(weigh, drawn(np.random.default_rng(5))))
        steps = [batches] if kind is SummedOptimization else [[batch] for batch in batches]
        taken += [network.step_over(step, RATE)[:2] for step in steps]
    losses, tokens = zip(*taken, strict=True)
    return losses, tokens, values_of(network)


def with_weights(*weights):
    return lambda batch: (*batch, tf.constant(weights))


def repeated(*times):
    return lambda batch: tuple(tf.repeat(side, times, axis=0) for side in batch)


@pytest.mark.parametrize(
    ("kind", "consistency"),
    [(Optimization, 0.0), (SummedOptimization, 1.0), (Optimization, 1.0)],
)
def test_a_pair_that_weighs_two_is_the_pair_twice(kind, consistency):
    heavy = with_weights(1.0, 3.0, 1.0, 2.0, 1.0)
    settings = {"consistency": consistency, "clip_norm": 0.01}  # whatever the loss is divided by
    losses, tokens, values = after_steps(kind, heavy, WEIGHTED, **settings)
    twice = after_steps(kind, repeated(1, 3, 1, 2, 1), **settings)
    sums = [np.multiply(loss, count) for loss, count in ((losses, tokens), twice[:2])]
    np.testing.assert_allclose(*sums, rtol=1e-4)
    np.testing.assert_allclose(values, twice[2], atol=5e-5)
    assert all(own < more for own, more in zip(tokens, twice[1], strict=True))  # counted once


def test_weights_of_one_are_no_weights():
    alike = after_steps(Optimization, with_weights(*[1.0] * 5), WEIGHTED)
    plain = after_steps(Optimization, lambda batch: batch)
    np.testing.assert_allclose(alike[2], plain[2], atol=1e-6)
    assert alike[1] == plain[1]
    heavy = after_steps(Optimization, with_weights(1.0, 3.0, 1.0, 2.0, 1.0), WEIGHTED)
    assert np.abs(heavy[2] - plain[2]).max() > 1e-3  # control
