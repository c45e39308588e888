"""Beam search with length normalisation, inside one loop that compiles.

Every open hypothesis's continuation by EOS competes for the K finished places, every other
continuation for the K open ones. The search ends when no open hypothesis can reach the worst
finished one any more: a log-probability only falls, and at best is divided by the penalty of the
longest output allowed.

Tokens are kept as (id, parent) a step, and read back along the parents at the end: nothing but the
network's state is reordered. Shape suffixes: B sentences, K hypotheses, V vocabulary, T target
positions, S source positions.
"""

from dataclasses import dataclass
from typing import NamedTuple

from keras import ops

from seq2seq.decoding.penalties import length_penalty
from seq2seq.decoding.step import Hypotheses, State, StepFunction, Tensor, Tokens, allowed, write

NEVER = -float("inf")


class _Open(NamedTuple):
    """Hypotheses that go on."""

    previous_ids: Tensor  # (B, K)
    totals: Tensor  # (B, K) log-probabilities; -inf: no hypothesis


class _Finished(NamedTuple):
    """The best outputs so far, best first."""

    scores: Tensor  # (B, K); -inf: none yet
    totals: Tensor  # (B, K)
    steps: Tensor  # (B, K) step that gave EOS
    slots: Tensor  # (B, K) the open hypothesis that EOS ended


class _Trail(NamedTuple):
    """What each step chose; position t holds how the hypotheses entering step t + 1 came about."""

    ids: Tensor  # (T, B, K)
    parents: Tensor  # (T, B, K)
    weights: Tensor  # (T, B, K, S) attention of the hypotheses entering step t


@dataclass(frozen=True)
class _Rules:
    """What a search is told."""

    limits_B: Tensor
    tokens: Tokens
    alpha: float


def beam_search(
    step_function: StepFunction,
    state: State,
    limits_B: Tensor,
    source_length: Tensor,
    tokens: Tokens,
    beam_width: int,
    alpha: float,
) -> Hypotheses:
    """The K = `beam_width` best outputs that a beam of that width finds.

    Args:
        step_function: the network; called with K hypotheses a sentence.
        state: before the first step, every tensor (B, 1, ...).
        limits_B: most output tokens of each sentence, EOS counted.
        source_length: S, the width of the attention weights.
        tokens: special ids.
        beam_width: K.
        alpha: of the length penalty.
    """
    batch, longest = ops.shape(limits_B)[0], ops.max(limits_B)
    rules = _Rules(limits_B, tokens, alpha)
    start = _start(batch, longest, source_length, beam_width, tokens.bos)
    state = [ops.repeat(each, beam_width, axis=1) for each in state]

    def unfinished(step: Tensor, opened: _Open, finished: _Finished, *_: object) -> Tensor:
        return (step < longest) & ops.any(_can_improve(opened, finished, rules))

    def advance(
        step: Tensor, opened: _Open, finished: _Finished, trail: _Trail, state: State
    ) -> tuple:
        log_probs, state, weights = step_function(opened.previous_ids, state)
        log_probs = allowed(log_probs, tokens, ops.equal(step + 1, limits_B))
        candidates_BKV = opened.totals[:, :, None] + log_probs
        finished = _finish(finished, candidates_BKV[:, :, tokens.eos], step, alpha)
        opened, parents = _extend(candidates_BKV, tokens.eos)
        trail = _Trail(
            write(trail.ids, step, opened.previous_ids),
            write(trail.parents, step, parents),
            write(trail.weights, step, weights),
        )
        return step + 1, opened, finished, trail, [regroup(each, parents) for each in state]

    first = (ops.cast(0, "int32"), *start, state)
    _, _, finished, trail, _ = ops.while_loop(unfinished, advance, first)
    return _read_back(finished, trail, tokens.eos)


def regroup(values: Tensor, parents_BK: Tensor) -> Tensor:
    """Values (B, K, ...) of each hypothesis's parent."""
    batch, beam_width, *rest = ops.shape(values)  # all sizes spelled out: some may be 0
    flat = ops.reshape(values, (batch * beam_width, *rest))
    firsts = ops.arange(batch, dtype="int32")[:, None] * beam_width
    taken = ops.take(flat, ops.reshape(firsts + parents_BK, (-1,)), axis=0)
    return ops.reshape(taken, (batch, parents_BK.shape[1], *rest))


def _start(
    batch: Tensor, longest: Tensor, source_length: Tensor, beam_width: int, bos: int
) -> tuple[_Open, _Finished, _Trail]:
    """One open hypothesis a sentence, the empty one."""
    shape = (batch, beam_width)
    first = ops.equal(ops.arange(beam_width), 0)
    totals = ops.where(first, 0.0, NEVER) + ops.zeros(shape)
    none = ops.full(shape, NEVER)
    zeros = ops.zeros(shape, dtype="int32")
    trail = ops.zeros((longest, *shape), dtype="int32")
    return (
        _Open(ops.full(shape, bos, dtype="int32"), totals),
        _Finished(none, none, zeros, zeros),
        _Trail(trail, trail, ops.zeros((longest, *shape, source_length))),
    )


def _can_improve(opened: _Open, finished: _Finished, rules: _Rules) -> Tensor:
    """(B,): whether an open hypothesis may still beat a finished one."""
    best_open = ops.max(opened.totals, axis=-1) / length_penalty(rules.limits_B, rules.alpha)
    return best_open > ops.min(finished.scores, axis=-1)


def _finish(finished: _Finished, ended_BK: Tensor, step: Tensor, alpha: float) -> _Finished:
    """The best K of those finished before and those that EOS ends now."""
    beam_width = ended_BK.shape[1]
    scores = ended_BK / length_penalty(step + 1, alpha)
    steps = ops.zeros_like(finished.steps) + step
    slots = ops.zeros_like(finished.slots) + ops.arange(beam_width, dtype="int32")
    pool = [
        ops.concatenate([old, new], axis=1)
        for old, new in zip(finished, (scores, ended_BK, steps, slots), strict=True)
    ]
    best, places = ops.top_k(pool[0], beam_width)
    places = ops.cast(places, "int32")
    return _Finished(best, *(regroup(each, places) for each in pool[1:]))


def _extend(candidates_BKV: Tensor, eos: int) -> tuple[_Open, Tensor]:
    """The best K continuations other than by EOS, and the slot that each came from."""
    beam_width, vocabulary = candidates_BKV.shape[1:]
    is_eos = ops.equal(ops.arange(vocabulary, dtype="int32"), eos)
    going_on = ops.where(is_eos, NEVER, candidates_BKV)
    totals, places = ops.top_k(ops.reshape(going_on, (-1, beam_width * vocabulary)), beam_width)
    places = ops.cast(places, "int32")
    return _Open(places % vocabulary, totals), places // vocabulary


def _read_back(finished: _Finished, trail: _Trail, eos: int) -> Hypotheses:
    """Follows each output from its end to its start."""
    found = finished.scores > NEVER
    longest = ops.shape(trail.ids)[0]

    def go_back(step: Tensor, slots: Tensor, ids: Tensor, weights: Tensor) -> tuple:
        """`slots`: of the hypotheses entering step + 1, where `step` < their end."""
        before_end = step < finished.steps
        at_end = ops.equal(step, finished.steps)
        chosen = regroup(trail.ids[step], slots)
        slots = ops.where(before_end, regroup(trail.parents[step], slots), finished.slots)
        ids = write(ids, step, ops.where(before_end, chosen, ops.where(at_end, eos, 0)))
        seen = ops.cast(found & (before_end | at_end), "float32")[:, :, None]
        weights = write(weights, step, regroup(trail.weights[step], slots) * seen)
        return step - 1, slots, ids, weights

    start = (longest - 1, finished.slots, ops.zeros_like(trail.ids), ops.zeros_like(trail.weights))
    _, _, ids, weights = ops.while_loop(lambda step, *_: step >= 0, go_back, start)
    lengths = ops.where(found, finished.steps + 1, 0)
    return Hypotheses(
        ids=ops.transpose(ids, (1, 2, 0)) * ops.cast(found, "int32")[:, :, None],
        lengths=lengths,
        log_probabilities=finished.totals,
        scores=finished.scores,
        weights=ops.transpose(weights, (1, 2, 0, 3)),
    )
