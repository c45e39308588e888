"""Texts to translations: encode, batch by length, search, decode, and put back in order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import tensorflow as tf

from seq2seq.data.encoding import GraphSubwords
from seq2seq.data.subwords import EOS, PAD, Subwords
from seq2seq.workflows.assembly import Search

WINDOW = 2048  # lines sorted by length before they are cut into batches


@dataclass(frozen=True)
class Translation:
    """One output of a search, as numbers."""

    ids: list[int]  # EOS at the end
    log_probability: float  # of the whole output, in nats
    score: float  # log-probability over the length penalty
    source_ids: list[int]  # EOS at the end
    attention: (
        np.ndarray
    )  # (len(ids), len(source_ids)); no columns unless the search keeps attention


class BatchTranslator:
    """Translates any number of texts in batches of similar length.

    Args:
        subwords: the run's vocabulary.
        search: see `make_search`.
        batch_tokens: source subwords a batch, padding counted.
    """

    def __init__(self, subwords: Subwords, search: Search, batch_tokens: int) -> None:
        self._subwords = subwords
        self._graph_subwords = GraphSubwords(subwords)
        self._search = search
        self._batch_tokens = batch_tokens

    def translate(self, texts: Iterable[str]) -> Iterator[str]:
        """A translation for each text, in order; a text without any word gives ""."""
        texts = iter(texts)
        while window := list(islice(texts, WINDOW)):
            best = [hypotheses[0].ids if hypotheses else [] for hypotheses in self.search(window)]
            yield from self._decode(best)

    def search(self, texts: Sequence[str]) -> list[list[Translation]]:
        """The hypotheses for each text, best first; none for a text without any word."""
        encoded = self._graph_subwords.encode(tf.constant(list(texts))).to_list() if texts else []
        found: list[list[Translation]] = [[] for _ in texts]
        for rows in _batches([len(ids) for ids in encoded], self._batch_tokens):
            batch = tf.ragged.constant([[*encoded[row], EOS] for row in rows], dtype=tf.int32)
            source_ids = batch.to_tensor(PAD)
            fields = {name: field.numpy() for name, field in self._search(source_ids).items()}
            for place, row in enumerate(rows):
                found[row] = _unpack(fields, place, [*encoded[row], EOS])
        return found

    def _decode(self, ids: list[list[int]]) -> list[str]:
        without_eos = tf.ragged.constant([each[:-1] for each in ids], dtype=tf.int32, ragged_rank=1)
        return [text.decode() for text in self._graph_subwords.decode(without_eos).numpy()]


def _batches(lengths: list[int], tokens: int) -> Iterator[list[int]]:
    """Rows in batches of similar length; rows of length 0 are left out."""
    batch: list[int] = []
    for row in sorted(
        (row for row, length in enumerate(lengths) if length), key=lengths.__getitem__
    ):
        if batch and (len(batch) + 1) * (lengths[row] + 1) > tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _unpack(fields: dict[str, np.ndarray], place: int, source_ids: list[int]) -> list[Translation]:
    """The hypotheses of one sentence of a batch, without padding."""
    found = []
    for k, length in enumerate(fields["lengths"][place]):
        if length:
            found.append(
                Translation(
                    ids=fields["ids"][place, k, :length].tolist(),
                    log_probability=float(fields["log_probabilities"][place, k]),
                    score=float(fields["scores"][place, k]),
                    source_ids=source_ids,
                    attention=fields["weights"][place, k, :length, : len(source_ids)],
                )
            )
    return found
