"""Comparison of a portable model with the search in memory.

Shape suffixes: B sentences, N outputs, T target positions, S source positions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from seq2seq.errors import ExportError
from seq2seq.serving.saved_model.tensors import Arrays

# How far rounding may move what a model answers: the same numbers are added up in other orders.
SCORE_BOUND = 1e-3  # nats
TIE_BOUND = 1e-4  # nats; outputs whose scores are closer may change places

# source_ids (B, S) int32, and what else the model takes -> ids and token_log_probabilities
# (B, N, T), lengths, scores and log_probabilities (B, N), attention (B, N, T, S)
PortableSearch = Callable[..., Arrays]


class Output(NamedTuple):
    """One output of a sentence."""

    ids: list[int]  # EOS at the end
    score: float
    log_probability: float
    token_log_probabilities: np.ndarray  # (T,)
    attention: np.ndarray  # (T, S)


@dataclass(frozen=True)
class Example:
    """A sentence and its outputs from the search in memory."""

    text: str
    source_ids: list[int]  # EOS at the end
    # Best first: all that its beam found, so that there are more than the model gives. Those
    # that tie with one that the model gives are among them.
    outputs: Sequence[Output]
    given: ArrayLike | None = None  # integers, of a model that takes something more


@dataclass
class Parity:
    """Counts and the largest difference of a comparison."""

    sentences: int = 0
    outputs: int = 0  # of all calls
    ties: int = 0  # outputs that are another one with an equal score
    largest_score_difference: float = 0.0


def compare(
    search: PortableSearch,
    examples: Sequence[Example],
    n_best: int,
    batches: Sequence[int],
    filling: int = 0,
) -> Parity:
    """Compares a model's answers to all examples with the recorded ones.

    Args:
        search: the model.
        examples: sentences, in no order, so that rows of a batch are padded.
        n_best: N.
        batches: numbers of sentences a call; each goes through all examples.
        filling: what stands where less is given of a sentence than of others in its batch.

    Raises:
        ExportError: a score or an id differs by more than rounding explains.
    """
    parity = Parity(sentences=len(examples))
    for size in batches:
        for first in range(0, len(examples), size):
            some = examples[first : first + size]
            inputs = [_stacked([each.source_ids for each in some], 0)]
            if some[0].given is not None:
                inputs.append(_stacked([each.given for each in some], filling))
            fields = search(*inputs)
            for row, example in enumerate(some):
                _compare_sentence(_outputs(fields, row, example), example, n_best, parity)
    return parity


def _stacked(values: Sequence[Any], filling: int) -> np.ndarray:
    """Integers of different shapes as one array."""
    arrays = [np.asarray(each, np.int32) for each in values]
    sizes = np.max([each.shape for each in arrays], axis=0)
    found = np.full((len(arrays), *sizes), filling, np.int32)
    for row, array in zip(found, arrays, strict=True):
        row[tuple(slice(size) for size in array.shape)] = array
    return found


def _outputs(fields: Arrays, row: int, example: Example) -> list[Output]:
    """A model's outputs for a sentence; those of length 0 are left out."""
    outputs = []
    for rank, length in enumerate(fields["lengths"][row].tolist()):
        ids = fields["ids"][row, rank]
        if ids[length:].any():
            _refuse(example, rank, f"ids behind its {length} are not all padding")
        score, total = (fields[name][row, rank] for name in ("scores", "log_probabilities"))
        token_log_probs = fields["token_log_probabilities"][row, rank]
        attention = fields["attention"][row, rank]
        if token_log_probs[length:].any() or attention[length:].any():
            _refuse(example, rank, f"what stands behind its {length} ids is not all 0")
        if length:
            columns = len(example.source_ids)
            outputs.append(
                Output(
                    *(ids[:length].tolist(), float(score), float(total)),
                    token_log_probs[:length],
                    attention[:length, :columns],
                )
            )
    return outputs


def _compare_sentence(
    found: Sequence[Output], example: Example, n_best: int, parity: Parity
) -> None:
    wanted = example.outputs[:n_best]
    if len(found) != len(wanted):
        _refuse(example, 0, f"there are {len(found)} outputs instead of {len(wanted)}")
    for rank, (actual, expected) in enumerate(zip(found, wanted, strict=True)):
        if actual.ids != expected.ids:
            tied = [
                each
                for each in example.outputs
                if each.ids == actual.ids and abs(each.score - expected.score) <= TIE_BOUND
            ]
            if not tied:
                _refuse(example, rank, f"its ids are {actual.ids} instead of {expected.ids}")
            expected = tied[0]
            parity.ties += 1
        difference = abs(actual.score - expected.score)
        total_difference = abs(actual.log_probability - expected.log_probability)
        if not difference <= SCORE_BOUND:  # not ">": a NaN is refused too
            _refuse(example, rank, f"its score is {actual.score} instead of {expected.score}")
        if not total_difference <= SCORE_BOUND * len(expected.ids):
            values = (actual.log_probability, expected.log_probability)
            _refuse(example, rank, "its log-probability is {} instead of {}".format(*values))
        for name in ("token_log_probabilities", "attention"):
            gap = np.abs(getattr(actual, name) - getattr(expected, name)).max(initial=0)
            if not gap <= SCORE_BOUND:
                _refuse(example, rank, f"its {name.replace('_', ' ')} differ by {gap}")
        parity.outputs += 1
        parity.largest_score_difference = max(parity.largest_score_difference, difference)


def _refuse(example: Example, rank: int, difference: str) -> None:
    raise ExportError(
        f"the converted model translates otherwise than the run: of {example.text!r}, "
        f"output {rank + 1}: {difference}; this is a mistake in seq2seq or in the converter, "
        "please report it"
    )
