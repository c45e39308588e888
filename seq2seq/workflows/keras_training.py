"""What `keras.Model.fit` needs in place of `seq2seq train`: a fresh network, and its batches."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import tensorflow as tf

from seq2seq.config.sections import RunConfig
from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.id_rows import batches_in_order
from seq2seq.data.subwords import Subwords
from seq2seq.files import file_sha256
from seq2seq.training.corpus import (
    check_files,
    evaluation_files,
    read_parallel,
    tagged_sources,
)
from seq2seq.training.epochs import Epochs
from seq2seq.training.sharded_corpus import ShardEpochs
from seq2seq.training.starting_weights import begin
from seq2seq.training.text import epochs_of, training_text
from seq2seq.training.train_step import PAIR_WEIGHTS
from seq2seq.training.validation import SENTENCES
from seq2seq.translation.saving import Origin
from seq2seq.translation.text_translator import Parts, TextTranslator

Split = Literal["train", "validation", "test"]
IDS = tf.TensorSpec((None, None), tf.int32)


def build(config: RunConfig) -> TextTranslator:
    """A translator as a training begins with: a fresh network, or what `training.start_from` gives.

    Raises:
        Seq2SeqError: the text cannot be used.
    """
    check_files(config)
    beginning = begin(config)
    config, subwords = beginning.config, beginning.subwords
    hashes = {name: file_sha256(path) for name, path in config.data.fixed_files.items()}
    origin = Origin(config, hashes)
    parts = Parts(subwords, [beginning.network()], languages=config.data.languages, origin=origin)
    return TextTranslator(parts, config.decoding)


def dataset(config: RunConfig, subwords: Subwords | None, split: Split) -> Any:
    """Batches ((source_ids, target_in), target_out) of ids (B, S) and (B, T), as training has them.

    Where pairs count differently, a batch of "train" has their weights (B,) last.

    Args:
        config: settings of a run.
        subwords: the vocabulary; None: that of the training text.
        split: whose text. A pass over "train" goes on where the last one ended, through one epoch
            after the other, by as many batches as the first has; others stay in their order.

    Raises:
        Seq2SeqError: the text cannot be used.
        ValueError: there is no such split.
    """
    check_files(config)
    subwords = subwords or begin(config).subwords
    if split == "train":
        epochs = epochs_of(config, subwords, training_text(config, subwords))
        return _passes(epochs, epochs.count(), config.data.is_weighted)
    files = evaluation_files(config).get(split)
    if files is None:
        raise ValueError(f"no text of split {split!r}; there are train, validation, perhaps test")
    encode = GraphSubwords(subwords).encode_rows
    sources, targets = read_parallel(*files)
    encoded = encode(tagged_sources(config.data, sources, files[1])), encode(targets)
    batches = [
        ((source, target_in), target_out)
        for source, target_in, target_out in batches_in_order(*encoded, SENTENCES)
    ]
    return _counted(lambda: batches, len(batches))


def _passes(epochs: Epochs | ShardEpochs, length: int, is_weighted: bool) -> Any:
    """A dataset of so many batches, each time the next ones of an endless row of epochs.

    Keras wants every pass to have the same number, and epochs differ by a few.
    """
    batches = itertools.chain.from_iterable(map(epochs.batches, itertools.count()))

    def next_pass() -> Iterator[tuple]:
        for source, target_in, target_out, *pair_weights in itertools.islice(batches, length):
            yield (source, target_in), target_out, *pair_weights

    return _counted(next_pass, length, is_weighted).prefetch(tf.data.AUTOTUNE)


def _counted(batches: Callable[[], Iterable[tuple]], length: int, is_weighted: bool = False) -> Any:
    types = ((IDS, IDS), IDS, *([PAIR_WEIGHTS] if is_weighted else []))
    found = tf.data.Dataset.from_generator(batches, output_signature=types)
    return found.apply(tf.data.experimental.assert_cardinality(length))
