"""The batches of a training: one seeded stream for each epoch."""

import functools

import numpy as np

from seq2seq.config.sections import RunConfig
from seq2seq.data.id_rows import IdRows
from seq2seq.data.pipeline import (
    Dataset,
    batch_by_tokens,
    concatenate,
    drawn_pairs,
    padded_batches,
    row_batches,
)
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
        self._sampler = make_sampler(subwords, config.subwords)
        self._mixture = Mixture(sizes, shares or None, config.training.seed)

    def batches(self, epoch: int, used: int = 0, share: tuple[int, int] | None = None) -> Dataset:
        """Those of an epoch, made while the step before still runs.

        Args:
            epoch: from 0.
            used: the first so many are left out.
            share: (worker, workers), of which each gets every so many-th of the others.
        """

        def own(every: Dataset) -> Dataset:
            rest = every.skip(used)
            return rest.shard(share[1], share[0]) if share else rest

        if self._are_drawn():
            batches = own(self._drawn(epoch))
        else:
            corpus = self._corpus
            texts = corpus.sources, corpus.targets, corpus.pair_weights
            batches = padded_batches(own(self._rows(epoch)), *texts)
        return batches.prefetch(PREFETCHED)

    def count(self) -> int:
        """Batches of the first epoch; runs through it."""
        batches = self._drawn(0) if self._are_drawn() else self._rows(0)
        return sum(1 for _ in batches)

    def _are_drawn(self) -> bool:
        """Whether an epoch has other pairs of ids than the encoded corpus."""
        return bool(self._config.subwords.sampling or self._config.data.concatenation)

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
            seed=mixed_seed(self._config.training.seed, epoch),
        )

    def _drawn(self, epoch: int) -> Dataset:
        """Batches of an epoch whose words are segmented anew, or whose pairs are joined."""
        corpus, data = self._corpus, self._config.data
        rows = corpus.usable[self._mixture.places(epoch)]
        segment = self._segmented if self._config.subwords.sampling else _as_they_are
        order, *seeds = (
            mixed_seed(self._config.training.seed, epoch, *side) for side in ((), (1,), (2,))
        )
        pairs = drawn_pairs(
            len(rows),
            functools.partial(segment, corpus.sources, rows, seeds[0]),
            functools.partial(segment, corpus.targets, rows, seeds[1]),
            longest=data.longest,
            shuffle_buffer=data.shuffle_buffer,
            seed=order,
            pair_weights=None if corpus.pair_weights is None else corpus.pair_weights[rows],
        )
        if data.concatenation:
            pairs = pairs.apply(concatenate(data.concatenation, data.longest, order))
        return pairs.apply(batch_by_tokens(data.batch_tokens, order))

    def _segmented(self, ids: IdRows, rows: np.ndarray, seed: int, places: np.ndarray) -> IdRows:
        """Another segmentation of some pairs' text, each drawn from seed and place."""
        texts = (self._subwords.decode(ids[row]) for row in rows[places])
        drawn = [
            self._sampler.encode(text, seed + place)
            for text, place in zip(texts, places.tolist(), strict=True)
        ]
        return IdRows.of(drawn)


def _as_they_are(ids: IdRows, rows: np.ndarray, seed: int, places: np.ndarray) -> IdRows:
    """Some pairs' ids; the seed is for those who draw."""
    return IdRows.of([ids[row].tolist() for row in rows[places]])


def mixed_seed(*numbers: int) -> int:
    """One well-mixed seed below 2**31 from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0]) % 2**31
