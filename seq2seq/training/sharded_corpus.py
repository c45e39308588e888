"""A run's training text from prepared shards: nothing is encoded, and what was passed is not read.

An epoch has all records in a new random order. 32 of them, 8,192 pairs, are a window, which is cut
into batches as text is. Lengths alone say which batches there are.
"""

import functools
import hashlib
import math
from collections.abc import Iterator

import numpy as np

from seq2seq.config.sections import RunConfig
from seq2seq.data.counts import CorpusCounts
from seq2seq.data.id_rows import Batch, IdRows, padded_batch
from seq2seq.data.pipeline import WINDOW, Dataset, count_cut, window_batches
from seq2seq.data.shards import AGAIN, RECORD, Shards, shaping_settings
from seq2seq.data.subwords import Subwords
from seq2seq.errors import ConfigError
from seq2seq.training.epochs import PREFETCHED, mixed_seed

RECORDS = WINDOW // RECORD  # of a window
WINDOWS_HELD = 64  # a batch leaves the shuffle up to some dozens of windows after its own began
WINDOWS_COUNTED = 256  # two million pairs; a longer epoch has as many batches a pair
SAMPLE = 2_000_000  # pairs that shortlist and words are learnt from


class ShardedCorpus:
    """Shards that fit a run.

    Args:
        config: settings of the run.
        subwords: its vocabulary.

    Raises:
        DataError: a file is missing, or was changed since.
        ConfigError: the shards were prepared with other settings, or with another vocabulary.
    """

    def __init__(self, config: RunConfig, subwords: Subwords) -> None:
        assert config.data.shards
        self.shards = Shards(config.data.shards)
        manifest = self.shards.manifest
        _compare_settings(config, self.shards)
        if hashlib.sha256(subwords.model).hexdigest() != manifest.vocabulary:
            raise ConfigError(
                f"{self.shards.folder} has another vocabulary than this run; give the run its own "
                f"with training.start_vocabulary: learnt and another --run, or {AGAIN}"
            )
        self.shards.check_texts(config.data.training_files)
        self.counts: CorpusCounts = manifest.counts
        self.hashes = {"shards": self.shards.sha256}

    def id_pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Source and target ids of an even sample of pairs; of all, if there are few."""
        return self.shards.pairs(SAMPLE)

    def usable_sources(self) -> Iterator[np.ndarray]:
        """Source ids of the same pairs."""
        return (source for source, _ in self.id_pairs())


class ShardEpochs:
    """The batches of each epoch (from 0), a function of shards, settings, and epoch alone.

    Args:
        config: settings of a run.
        corpus: its shards.
    """

    def __init__(self, config: RunConfig, corpus: ShardedCorpus) -> None:
        self._shards = corpus.shards
        self._seed = config.training.seed
        self._tokens = config.data.batch_tokens
        self._windows = math.ceil(self._shards.records / RECORDS)

    def batches(
        self, epoch: int, used: int = 0, share: tuple[int, int] | None = None
    ) -> Iterator[Batch]:
        """Those of an epoch.

        Args:
            epoch: from 0.
            used: the first so many are left out; their text is not read.
            share: (worker, workers), of which each gets every so many-th of the others.

        Raises:
            DataError: a shard is damaged.
        """
        order = self.order(epoch)

        @functools.lru_cache(WINDOWS_HELD)
        def read(window: int) -> tuple[IdRows, IdRows]:
            return self._shards.read(_of_window(order, window))

        places = self._places(epoch, order).skip(used)
        if share:
            places = places.shard(share[1], share[0])
        for batch in places.prefetch(PREFETCHED).as_numpy_iterator():
            sources, targets = read(int(batch[0]) // WINDOW)
            yield padded_batch(sources, targets, batch % WINDOW)

    def count(self) -> int:
        """Batches of the first epoch; of a long one, by what its beginning has."""
        order = self.order(0)
        batches = pairs = 0
        for window in range(min(self._windows, WINDOWS_COUNTED)):
            lengths = self._shards.lengths(_of_window(order, window))
            batches += count_cut(*lengths, self._tokens)
            pairs += len(lengths[0])
        return math.ceil(batches * self._shards.manifest.counts.kept / pairs)

    def pairs(self) -> list[int]:
        """Pairs of each corpus in an epoch, which shards do not tell apart."""
        return []

    def order(self, epoch: int) -> np.ndarray:
        """The records of an epoch."""
        draw = np.random.default_rng((self._seed, epoch))
        return draw.permutation(self._shards.records)

    def _places(self, epoch: int, order: np.ndarray) -> Dataset:
        """The places of the pairs of each batch."""
        return window_batches(
            self._windows,
            lambda window: self._shards.lengths(_of_window(order, window)),
            self._tokens,
            mixed_seed(self._seed, epoch),
        )


def _of_window(order: np.ndarray, window: int) -> np.ndarray:
    return order[window * RECORDS : (window + 1) * RECORDS]


def _compare_settings(config: RunConfig, shards: Shards) -> None:
    prepared = shards.manifest.settings
    others = [
        f"{name}: {prepared[name]} -> {value}"
        for name, value in shaping_settings(config).items()
        if name in prepared and value != prepared[name]  # a later release may have more settings
    ]
    if others:
        raise ConfigError(
            f"{shards.folder} was prepared with other settings: {'; '.join(others)}; change them "
            f"back, or {AGAIN}"
        )
