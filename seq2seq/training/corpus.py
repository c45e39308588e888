"""A run's training text: counted once, then one seeded stream of batches an epoch."""

import itertools
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from seq2seq.config.sections import RunConfig
from seq2seq.data.graph_subwords import GraphSubwords
from seq2seq.data.lines import read_pairs
from seq2seq.data.pipeline import Dataset, Encode, encode, text_pairs, training_batches
from seq2seq.data.shortlist import Shortlist, learn_shortlist
from seq2seq.data.subword_regularization import SubwordSampler
from seq2seq.data.subwords import Subwords, train_subwords
from seq2seq.errors import DataError

logger = logging.getLogger(__name__)

PREFETCHED = 8  # batches
TRANSLATIONS_KEPT = 20  # translations of a source subword in the vocabulary shortlist


@dataclass(frozen=True)
class CorpusCounts:
    """Counts of a parallel corpus; lengths in subwords, BOS and EOS not counted."""

    pairs: int
    empty: int  # pairs left out because a side has no text
    too_long: int  # pairs left out because a side is above data.longest
    source_subwords: int  # of the pairs kept
    target_subwords: int

    @property
    def kept(self) -> int:
        """Pairs that training sees."""
        return self.pairs - self.empty - self.too_long


SIDES = ("source", "target")


def check_files(config: RunConfig) -> None:
    """Looks that every file that the settings name is there, before anything is written.

    Raises:
        DataError: naming the setting of each missing file.
    """
    fields = [
        f"{split}_{side}"
        for split in ("train", "validation", "test")
        for side in ("source", "target")
    ]
    paths = {field: getattr(config.data, field) for field in fields}
    named = {f"data.{field}": path for field, path in paths.items()}
    named |= {f"model.{side}_vectors": getattr(config.model, f"{side}_vectors") for side in SIDES}
    missing = [f"{name}: {path}" for name, path in named.items() if path and not path.is_file()]
    if missing:
        raise DataError(
            f"no such file: {'; '.join(missing)}; prepare the corpus first "
            "(`python -m data_prep --help`) or change the path"
        )


def learn_subwords(config: RunConfig) -> Subwords:
    """The vocabulary of both sides of the training text."""
    data = config.data
    pairs = read_pairs(data.train_source, data.train_target)
    return train_subwords(itertools.chain.from_iterable(pairs), config.subwords)


def count_corpus(config: RunConfig, subwords: Subwords) -> CorpusCounts:
    """Counts of the training text, read once.

    Raises:
        DataError: the sides have different numbers of lines, or no pair is usable.
    """
    data = config.data
    pairs = empty = too_long = source_subwords = target_subwords = 0
    for source, target in read_pairs(data.train_source, data.train_target):
        lengths = len(subwords.encode(source)), len(subwords.encode(target))
        pairs += 1
        if min(lengths) == 0:
            empty += 1
        elif max(lengths) > data.longest:
            too_long += 1
        else:
            source_subwords += lengths[0]
            target_subwords += lengths[1]
    counts = CorpusCounts(pairs, empty, too_long, source_subwords, target_subwords)
    if not counts.kept:
        raise DataError(
            f"{data.train_source} and {data.train_target} hold no usable pair: {pairs} lines, "
            f"{empty} with an empty side, {too_long} above data.longest = {data.longest} subwords"
        )
    return counts


def learn_run_shortlist(config: RunConfig, subwords: Subwords) -> Shortlist:
    """Which target subwords translate which source subwords in the training text."""
    data = config.data
    encoded = (
        (subwords.encode(source), subwords.encode(target))
        for source, target in read_pairs(data.train_source, data.train_target)
    )
    kept = (pair for pair in encoded if max(map(len, pair)) <= data.longest)
    return learn_shortlist(kept, subwords.size, TRANSLATIONS_KEPT)


def evaluation_files(config: RunConfig) -> dict[str, tuple[Path, Path]]:
    """Source and target of the validation set and, where there is one, of the test set."""
    data = config.data
    files = {"validation": (data.validation_source, data.validation_target)}
    if data.test_source and data.test_target:
        files["test"] = (data.test_source, data.test_target)
    return files


def read_parallel(source_path: Path, target_path: Path) -> tuple[list[str], list[str]]:
    """Both sides of a validation or test set, which is small enough to hold.

    Raises:
        DataError: the sides have different numbers of lines, or none.
    """
    pairs = list(read_pairs(source_path, target_path))
    if not pairs:
        raise DataError(f"{source_path} is empty; give a file with a sentence a line")
    return [source for source, _ in pairs], [target for _, target in pairs]


def epoch_batches(config: RunConfig, subwords: Subwords, epoch: int) -> Dataset:
    """The batches of an epoch, a function of settings, seed, and epoch alone.

    Args:
        config: the settings.
        subwords: the vocabulary.
        epoch: from 0.
    """
    data = config.data
    return training_batches(
        text_pairs(data.train_source, data.train_target),
        encode(*_encoders(config, subwords, epoch)),
        longest=data.longest,
        shuffle_buffer=data.shuffle_buffer,
        tokens=data.batch_tokens,
        seed=_seed(config.training.seed, epoch),
    )


def prefetched(batches: Dataset) -> Dataset:
    """Batches made while the step before still runs."""
    return batches.prefetch(PREFETCHED)


def report_left_out(counts: CorpusCounts, config: RunConfig) -> None:
    """Says how many pairs training will not see, and why."""
    if counts.empty or counts.too_long:
        logger.warning(
            "left out of training: %d pairs with an empty side, "
            "%d above data.longest = %d subwords",
            counts.empty,
            counts.too_long,
            config.data.longest,
        )


def count_batches(batches: Dataset) -> int:
    """Runs through an epoch."""
    return int(batches.reduce(tf.constant(0), lambda total, *_: total + 1))


def _encoders(config: RunConfig, subwords: Subwords, epoch: int) -> tuple[Encode, Encode]:
    if not config.subwords.sampling:
        graph_subwords = GraphSubwords(subwords)
        return (lambda texts, _: graph_subwords.encode(texts),) * 2
    sampler = SubwordSampler(
        subwords, config.subwords.sampling, config.subwords.sampling_smoothness
    )
    seeds = [_seed(config.training.seed, epoch, side) for side in (1, 2)]
    return _sampling(sampler, seeds[0]), _sampling(sampler, seeds[1])


def _sampling(sampler: SubwordSampler, seed: int) -> Encode:
    """Draws each line's segmentation from (seed, line number)."""

    def draw(texts: np.ndarray, first: np.int64) -> tuple[np.ndarray, np.ndarray]:
        rows = [
            sampler.encode(text.decode(), seed + int(first) + n) for n, text in enumerate(texts)
        ]
        flat = np.fromiter(itertools.chain.from_iterable(rows), np.int32)
        return flat, np.array([len(row) for row in rows], np.int64)

    def encode_lines(texts: tf.Tensor, first: tf.Tensor) -> tf.RaggedTensor:
        flat, lengths = tf.numpy_function(draw, [texts, first], [tf.int32, tf.int64])
        flat, lengths = tf.ensure_shape(flat, (None,)), tf.ensure_shape(lengths, (None,))
        return tf.RaggedTensor.from_row_lengths(flat, lengths)

    return encode_lines


def _seed(*numbers: int) -> int:
    """One well-mixed seed below 2**31 from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0]) % 2**31
