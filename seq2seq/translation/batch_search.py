"""Encoded sentences to outputs: batch by length, search, put back in order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from seq2seq.config.sections import DecodingConfig
from seq2seq.data.subwords import EOS, PAD
from seq2seq.errors import DataError

MULTIPLE = 8  # sentences a batch, where so many fit: matrix libraries keep something for every size
TermIds = Sequence[list[int]]  # of a sentence
Number = tuple[int, int]  # line and piece of a line: whose sentence it is
# source_ids (B, S), and what else the settings ask for, to the fields of `Hypotheses`: arrays, or
# TensorFlow's tensors.
SearchFunction = Callable[..., Mapping[str, Any]]


@dataclass(frozen=True)
class Translation:
    """One output of a search, as numbers. T output and S source subwords, EOS counted."""

    ids: list[int]  # EOS at the end
    log_probability: float  # of the whole output, in nats
    score: float  # with length and coverage penalty; with `mbr`, the expected utility
    token_log_probabilities: np.ndarray  # (T,) nats
    source_ids: list[int]  # EOS at the end
    attention: np.ndarray  # (T, S); no columns unless the search keeps attention


class BatchSearch:
    """Searches any number of sentences in batches of similar length.

    Args:
        search: by whichever runtime; see `make_search`.
        config: how it searches.
        threads: batches searched at once.
        choose: orders and cuts a sentence's outputs; without it, they stay as the search has them.
    """

    def __init__(
        self,
        search: SearchFunction,
        config: DecodingConfig,
        threads: int = 1,
        choose: Callable[[list[Translation]], list[Translation]] | None = None,
    ) -> None:
        self._search = search
        self._config = config
        self._choose = choose
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def __call__(
        self,
        sources: Sequence[list[int]],
        numbers: Sequence[Number],
        prefixes: np.ndarray | None = None,
        terms: Sequence[TermIds] | None = None,
    ) -> list[list[Translation]]:
        """The outputs for each source, best first; none for an empty one.

        Args:
            sources: ids without EOS.
            numbers: which sentence each is; with the seed it decides what is drawn in sampling.
            prefixes: the places (B, P, 3) of `Prefixes`, for a search that takes them.
            terms: what the outputs of each sentence contain, for a search that takes them.

        Raises:
            DataError: prefix and terms are longer than the output may be.
        """
        if prefixes is not None or terms is not None:
            self._check_room(sources, numbers, prefixes, terms)
        found: list[list[Translation]] = [[] for _ in sources]
        batches = list(batches_of([len(ids) for ids in sources], self._config.batch_tokens))

        def run(rows: list[int]) -> None:
            source_ids = padded([[*sources[row], EOS] for row in rows])
            inputs: list[Any] = [source_ids]
            if prefixes is not None:
                inputs.append(prefixes[rows])
            if terms is not None:
                inputs.append([terms[row] for row in rows])
            if self._config.sampling:
                inputs.append(self._uniforms(source_ids, [numbers[row] for row in rows]))
            fields = {name: np.asarray(each) for name, each in self._search(*inputs).items()}
            for place, row in enumerate(rows):
                outputs = unpack(fields, place, [*sources[row], EOS])
                found[row] = self._choose(outputs) if self._choose else outputs

        if self._pool and len(batches) > 1:
            # The longest first, so that no thread begins one when the others have ended.
            list(self._pool.map(run, reversed(batches)))
        else:
            for rows in batches:
                run(rows)
        return found

    def _check_room(
        self,
        sources: Sequence[list[int]],
        numbers: Sequence[Number],
        prefixes: np.ndarray | None,
        terms: Sequence[TermIds] | None,
    ) -> None:
        lengths = np.zeros(len(sources), int)
        if prefixes is not None:
            lengths += (prefixes[:, :, 0] >= 0).sum(axis=1)
        if terms is not None:
            lengths += [sum(map(len, each)) for each in terms]
        has = "has" if terms is None else "have"
        what = " and ".join(
            name for name, each in (("prefix", prefixes), ("terms", terms)) if each is not None
        )
        for source, (line, _), length in zip(sources, numbers, lengths, strict=True):
            room = forced_limit(source, self._config)
            if source and length > room:
                raise DataError(
                    f"the {what} of text {line + 1} {has} {length} subwords, but a translation of "
                    f"this text has {room} at most; shorten it, or raise decoding.longest_extra"
                )

    def _uniforms(self, source_ids: np.ndarray, numbers: list[Number]) -> np.ndarray:
        """(B, K, T) numbers in [0, 1), each sentence's by its number and the seed alone."""
        steps = output_limit(source_ids.shape[1], self._config)
        shape = (steps, self._config.n_best)  # longer batches draw more, after the same first
        drawn = [
            np.random.Generator(
                np.random.Philox(key=(self._config.seed << 64) | (line << 24) | piece)
            ).random(shape, np.float32)
            for line, piece in numbers
        ]
        return np.stack(drawn).transpose(0, 2, 1)


def output_limit(source_length: int, config: DecodingConfig) -> int:
    """Most output tokens of a source of `source_length` subwords, EOS counted in both."""
    # In float32, as graphs have it.
    return int(np.float32(source_length) * np.float32(config.longest_factor)) + config.longest_extra


def forced_limit(source: Sequence[int], config: DecodingConfig) -> int:
    """Most subwords of prefix and terms in a translation of a source, ids without EOS."""
    return output_limit(len(source) + 1, config) - 1


def batches_of(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Rows in batches of similar length; rows of length 0 are left out.

    Args:
        lengths: of each row, EOS not counted.
        tokens: most tokens a batch, EOS and padding counted.
    """
    batch: list[int] = []
    for row in sorted(
        (row for row, length in enumerate(lengths) if length), key=lengths.__getitem__
    ):
        if batch and (len(batch) + 1) * (lengths[row] + 1) > tokens:
            full = max(1, len(batch) // MULTIPLE) * MULTIPLE
            yield batch[:full]
            batch = batch[full:]
        batch.append(row)
    if batch:
        yield batch


def padded(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Rows of ids as one array (B, longest) int32."""
    array = np.full((len(rows), max(map(len, rows))), PAD, np.int32)
    for place, row in enumerate(rows):
        array[place, : len(row)] = row
    return array


def score_pairs(
    scorer: SearchFunction, pairs: Sequence[tuple[list[int], list[int]]], tokens: int
) -> list[Translation]:
    """What a network gives to outputs that are there already, in order.

    Args:
        scorer: of source_ids (B, S) and target_ids (B, 1, T), by whichever runtime.
        pairs: ids of source and target, with EOS.
        tokens: see `batches_of`.
    """
    found: list[Translation | None] = [None] * len(pairs)
    for rows in batches_of([max(map(len, pair)) for pair in pairs], tokens):
        sources, targets = (padded([pairs[row][side] for row in rows]) for side in (0, 1))
        scored = scorer(sources, targets[:, None])
        fields = {name: np.asarray(field) for name, field in scored.items()}
        for place, row in enumerate(rows):
            found[row] = unpack(fields, place, pairs[row][0])[0]
    return [each for each in found if each is not None]


def unpack(fields: dict[str, np.ndarray], place: int, source_ids: list[int]) -> list[Translation]:
    """The outputs of one sentence of a batch, without padding."""
    return [
        Translation(
            ids=fields["ids"][place, k, :length].tolist(),
            log_probability=float(fields["log_probabilities"][place, k]),
            score=float(fields["scores"][place, k]),
            token_log_probabilities=fields["token_log_probabilities"][place, k, :length],
            source_ids=source_ids,
            attention=fields["weights"][place, k, :length, : len(source_ids)],
        )
        for k, length in enumerate(fields["lengths"][place])
        if length
    ]
