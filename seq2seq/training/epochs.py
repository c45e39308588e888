"""The batches of a training: one seeded stream for each epoch."""

import functools
import itertools

import numpy as np

from seq2seq.config.sections import RunConfig
from seq2seq.data.id_rows import IdRows
from seq2seq.data.pipeline import Dataset, drawn_batches, padded_batches, row_batches
from seq2seq.data.subword_regularization import make_sampler
from seq2seq.data.subwords import Subwords
from seq2seq.training.encoded_corpus import EncodedCorpus
from seq2seq.training.mixture import Mixture

PREFETCHED = 8  # batches


class Epochs:
    """The batches of each epoch (from 0), a function of settings, seed, and epoch alone.

    Args:
        config: settings of a run.
        subwords: its vocabulary.
        corpus: its training text, encoded.
    """

    def __init__(self, config: RunConfig, subwords: Subwords, corpus: EncodedCorpus) -> None:
        self._config = config
        self._subwords = subwords
        self._corpus = corpus
        shares = [each.share for each in config.data.corpora if each.share is not None]
        sizes = [part.kept for part in corpus.parts]
        self._mixture = Mixture(sizes, shares or None, config.training.seed)

    def batches(self, epoch: int, used: int = 0) -> Dataset:
        """Those after the first `used`, made while the step before still runs."""
        if self._config.subwords.sampling:
            batches = self._sampled(epoch).skip(used)
        else:
            sides = self._corpus.sources, self._corpus.targets
            batches = padded_batches(self._rows(epoch).skip(used), *sides)
        return batches.prefetch(PREFETCHED)

    def count(self) -> int:
        """Batches of the first epoch; runs through it."""
        batches = self._sampled(0) if self._config.subwords.sampling else self._rows(0)
        return sum(1 for _ in batches)

    def pairs(self) -> list[int]:
        """Pairs of each corpus in an epoch."""
        return self._mixture.counts

    def _rows(self, epoch: int) -> Dataset:
        """Row numbers of the batches of an epoch."""
        corpus, data = self._corpus, self._config.data
        return row_batches(
            corpus.sources,
            corpus.targets,
            corpus.usable[self._mixture.places(epoch)],
            shuffle_buffer=data.shuffle_buffer,
            tokens=data.batch_tokens,
            seed=_seed(self._config.training.seed, epoch),
        )

    def _sampled(self, epoch: int) -> Dataset:
        """Batches of an epoch whose words are segmented anew."""
        corpus, data = self._corpus, self._config.data
        sampler = make_sampler(self._subwords, self._config.subwords)
        rows = corpus.usable[self._mixture.places(epoch)]

        def draw(ids: IdRows, seed: int, places: np.ndarray) -> IdRows:
            """Another segmentation of some pairs' text, each drawn from seed and place."""
            texts = (self._subwords.decode(ids[row]) for row in rows[places])
            drawn = [
                sampler.encode(text, seed + place)
                for text, place in zip(texts, places.tolist(), strict=True)
            ]
            flat = np.fromiter(itertools.chain.from_iterable(drawn), np.int32)
            return IdRows(flat, np.cumsum([0, *map(len, drawn)]))

        seeds = [_seed(self._config.training.seed, epoch, side) for side in (1, 2)]
        return drawn_batches(
            len(rows),
            functools.partial(draw, corpus.sources, seeds[0]),
            functools.partial(draw, corpus.targets, seeds[1]),
            longest=data.longest,
            shuffle_buffer=data.shuffle_buffer,
            tokens=data.batch_tokens,
            seed=_seed(self._config.training.seed, epoch),
        )


def _seed(*numbers: int) -> int:
    """One well-mixed seed below 2**31 from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0]) % 2**31
