"""The tree of hypotheses that a beam search grows, from what it asked of the network.

Shape suffixes: K hypotheses, V vocabulary, T target positions, S source positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from seq2seq.decoding.rules import Rules

Fate = Literal["continued", "ended", "pruned", "could_not_win", "too_long", "finished", "beaten"]


class Asked(NamedTuple):
    """A question of a search, about the hypotheses in K slots, and the answer."""

    previous_ids: np.ndarray  # (K,)
    parents: np.ndarray  # (K,) the slots that they were in one step before, or came from
    log_probs: np.ndarray  # (K, V) of the next token
    choices: np.ndarray  # (K, V) bool: whether it is one
    weights: np.ndarray  # (K, S) attention


class Ending(NamedTuple):
    """An output that a search found, EOS at its end."""

    ids: tuple[int, ...]
    score: float
    token_log_probabilities: np.ndarray  # (T,)
    weights: np.ndarray  # (T, S)


@dataclass(frozen=True)
class Hypothesis:
    """A hypothesis that was kept after step `len(ids)`, or an output, which ends in EOS.

    Its fate is

    - continued: its best continuations were kept at the next step;
    - ended: of its continuations EOS alone was kept;
    - pruned: better ones left none of its continuations a place;
    - could_not_win: it was open when the search stopped, because no open hypothesis could reach the
      worst of the best outputs any more;
    - too_long: at the limit it could only end, and that output was not among the best;
    - finished: it is an output of the search;
    - beaten: it was among the best outputs, and better ones came.
    """

    ids: tuple[int, ...]
    parent: int | None  # its number in `History.hypotheses`; none for the empty one, the first
    token_log_probabilities: np.ndarray  # (T,) nats
    weights: np.ndarray  # (T, S) attention of each token
    score: float | None  # with penalties, of an output
    fate: Fate
    fell_at: int | None  # the step, counted from 1, at which it fell; none: finished or continued

    @property
    def log_probability(self) -> float:
        """In nats, of all tokens."""
        return float(self.token_log_probabilities.sum())


@dataclass(frozen=True)
class History:
    """Everything that a search kept."""

    hypotheses: list[Hypothesis]  # shortest first; of one length in the order of the beam
    outputs: list[int]  # numbers of the outputs, best first
    steps: int  # how many the search took
    stopped_at_limit: bool  # rather than because nothing open could win


@dataclass
class _Node:
    """A hypothesis whose fate is not known yet."""

    ids: tuple[int, ...]
    parent: int | None
    token_log_probs: list[float] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    score: float | None = None
    rank: int = 0  # of an output
    fell_at: int | None = None


def grow(
    asked: Sequence[Asked], endings: Sequence[Ending], rules: Rules, end: tuple[int, int, int]
) -> History:
    """The tree.

    Args:
        asked: at every step of the search and, unless it stopped at the limit, at one step more.
        endings: every output that it met, best first.
        rules: under which it searched.
        end: the steps it took, its limit, and how many outputs it keeps.
    """
    steps, limit, n_best = end
    nodes = _open_nodes(asked, rules)
    at_limit, width = steps == limit, asked[0].weights.shape[-1]
    numbers = {node.ids: number for number, node in enumerate(nodes)}
    opened = len(nodes)
    nodes += _kept_endings(endings, numbers, steps, n_best)
    order = sorted(range(len(nodes)), key=lambda number: (len(nodes[number].ids), number))
    places = {number: place for place, number in enumerate(order)}
    continued = {node.parent for node in nodes[:opened]}
    ended = {node.parent for node in nodes[opened:]}
    hypotheses = []
    for number in order:
        node = nodes[number]
        fate, fell_at = _fate(node, number in continued, number in ended, steps, at_limit)
        hypotheses.append(
            Hypothesis(
                ids=node.ids,
                parent=None if node.parent is None else places[node.parent],
                token_log_probabilities=np.array(node.token_log_probs, np.float32),
                weights=np.array(node.weights, np.float32).reshape(len(node.ids), width),
                score=node.score,
                fate=fate,
                fell_at=fell_at,
            )
        )
    finished = [number for number in order if nodes[number].score is not None]
    finished = [number for number in finished if nodes[number].fell_at is None]
    outputs = sorted(finished, key=lambda number: nodes[number].rank)
    return History(hypotheses, [places[number] for number in outputs], steps, at_limit)


def _open_nodes(asked: Sequence[Asked], rules: Rules) -> list[_Node]:
    """The hypotheses that the network was asked about; slots without one are passed over."""
    nodes = [_Node((), None)]
    in_slots: dict[int, int] = {0: 0}
    for before, now in zip(asked, asked[1:], strict=False):
        next_slots = {}
        for slot, (parent, token) in enumerate(zip(now.parents, now.previous_ids, strict=True)):
            number = in_slots.get(int(parent))
            if number is None or token == rules.eos or not before.choices[parent, token]:
                continue
            above = nodes[number]
            ids = (*above.ids, int(token))
            if rules.blocked_ngram and _says_again(ids, rules.blocked_ngram):
                continue
            next_slots[slot] = len(nodes)
            token_log_probs = [*above.token_log_probs, float(before.log_probs[parent, token])]
            nodes.append(
                _Node(ids, number, token_log_probs, [*above.weights, before.weights[parent]])
            )
        in_slots = next_slots
    return nodes


def _says_again(ids: tuple[int, ...], size: int) -> bool:
    """Whether the last n-gram of that size occurs before."""
    last = ids[-size:]
    return len(ids) >= size and any(
        ids[start : start + size] == last for start in range(len(ids) - size)
    )


def _kept_endings(
    endings: Sequence[Ending], numbers: dict[tuple[int, ...], int], steps: int, n_best: int
) -> list[_Node]:
    """Those that were among the best when they were found, and when better ones beat them."""
    found = []
    for rank, ending in enumerate(endings):
        better = sorted(len(other.ids) for other in endings[:rank])
        # The step of the n-th better one: from there on this one has no place.
        beaten_at = better[n_best - 1] if len(better) >= n_best else None
        if beaten_at is not None and beaten_at <= len(ending.ids):
            continue
        node = _Node(ending.ids, numbers[ending.ids[:-1]], score=ending.score, rank=rank)
        node.token_log_probs = ending.token_log_probabilities.tolist()
        node.weights = list(ending.weights)
        node.fell_at = beaten_at
        found.append(node)
    return found


def _fate(
    node: _Node, continued: bool, ended: bool, steps: int, at_limit: bool
) -> tuple[Fate, int | None]:
    length = len(node.ids)
    if node.score is not None:
        return ("finished", None) if node.fell_at is None else ("beaten", node.fell_at)
    if continued:
        return "continued", None
    if length == steps:
        return "could_not_win", steps
    if ended:
        return "ended", length + 1
    return ("too_long" if at_limit and length + 1 == steps else "pruned"), length + 1
