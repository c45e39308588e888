"""Beam search with length normalisation, inside one loop that compiles.

Every open hypothesis's continuation by EOS competes for the N places among the outputs, every other
continuation for the K open places. A sentence's search ends when no open hypothesis can reach the
worst of the N best outputs any more: a log-probability only falls, and at best is divided by the
penalty of the longest output allowed.

Shape suffixes: B sentences, K hypotheses, N outputs, C candidates, T target positions, S source
positions.
"""

from typing import NamedTuple

from keras import ops

from seq2seq.decoding.backpointers import Trail, empty_trail, read_back
from seq2seq.decoding.batch_compaction import shrinking_loop
from seq2seq.decoding.penalties import length_penalty
from seq2seq.decoding.rules import Rules, block_repeats
from seq2seq.decoding.step import (
    FORBIDDEN,
    NEVER,
    Context,
    Hypotheses,
    Start,
    State,
    StepFunction,
    Tensor,
    longest_limit,
    regroup,
    regroup_all,
    repeat_state,
    write,
)
from seq2seq.decoding.top_k import best_continuations


class _Open(NamedTuple):
    """Hypotheses that go on."""

    previous_ids: Tensor  # (B, K)
    totals: Tensor  # (B, K) log-probabilities; -inf: no hypothesis
    limits: Tensor  # (B,)
    mask: Tensor  # (B, S)
    attended: Tensor  # (B, K, S) attention so far; no columns unless coverage counts
    history: Tensor  # (B, K, T) ids so far; no columns unless repeats are blocked
    state: State
    context: Context


def beam_search(
    step_function: StepFunction, start: Start, rules: Rules, beam_width: int, n_best: int = 1
) -> Hypotheses:
    """The N = `n_best` best outputs that a beam of K = `beam_width` finds, best first."""
    longest = longest_limit(start.limits)

    def going_on(step: Tensor, trail: Trail, opened: _Open) -> Tensor:
        most = ops.max(opened.totals, axis=-1) / length_penalty(opened.limits, rules.alpha)
        return (step < opened.limits) & (most > trail.best[:, -1])

    def advance(step: Tensor, trail: Trail, opened: _Open) -> tuple[Trail, _Open]:
        logits, state, weights = step_function(opened.previous_ids, opened.state, opened.context)
        log_sums = ops.logsumexp(logits, axis=-1)
        endings = logits[:, :, rules.eos] - log_sums
        if rules.beta:
            opened = opened._replace(attended=opened.attended + weights)
        if rules.blocked_ngram:
            logits = block_repeats(logits, opened.history, step, rules.blocked_ngram)
        logits, ids = best_continuations(logits, rules.eos, beam_width)
        stuck = ops.all(ops.equal(logits, NEVER), axis=-1)
        scores = _output_scores(step, opened, endings, stuck, rules)
        totals, gains, ids, parents = _extend(opened.totals, logits - log_sums[:, :, None], ids)
        best = ops.top_k(ops.concatenate([trail.best, scores], axis=1), n_best)[0]
        chosen, values, weights = write(
            [trail.chosen, trail.values, trail.weights],
            step,
            [ids * beam_width + parents, ops.stack([gains, endings, scores], axis=-1), weights],
        )
        trail = Trail(chosen, values, weights, best)
        return trail, _follow(step, opened, ids, totals, parents, state, rules)

    trail = shrinking_loop(
        going_on,
        advance,
        empty_trail(start, longest, beam_width, n_best),
        _open(start, longest, beam_width, rules),
        longest,
        start.shrinking,
    )
    return read_back(trail, n_best, rules)


def _open(start: Start, longest: Tensor, beam_width: int, rules: Rules) -> _Open:
    """One open hypothesis a sentence, the empty one."""
    batch, source = ops.shape(start.source_mask)
    shape = (batch, beam_width)
    first = ops.equal(ops.arange(beam_width), 0)
    return _Open(
        previous_ids=ops.full(shape, rules.bos, dtype="int32"),
        totals=ops.where(first, 0.0, NEVER) + ops.zeros(shape),
        limits=start.limits,
        mask=start.source_mask,
        attended=ops.zeros((*shape, source if rules.beta else 0)),
        history=ops.zeros((*shape, longest if rules.blocked_ngram else 0), dtype="int32"),
        state=repeat_state(start.state, beam_width),
        context=start.context,
    )


def _output_scores(
    step: Tensor, opened: _Open, endings_BK: Tensor, stuck_BK: Tensor, rules: Rules
) -> Tensor:
    """(B, K): scores of the outputs that EOS makes at this step; -inf where it may not.

    `stuck`: nothing else is allowed, so that a hypothesis may end before it is long enough.
    """
    totals = opened.totals + endings_BK
    scores = rules.score(totals, step + 1, opened.attended, opened.mask)
    may_end = (step < opened.limits)[:, None] & (endings_BK > FORBIDDEN)
    if rules.shortest > 1:
        is_last = ops.equal(step + 1, opened.limits)[:, None]
        may_end = may_end & ((step + 1 >= rules.shortest) | is_last | stuck_BK)
    return ops.where(may_end, scores, NEVER)


def _extend(
    totals_BK: Tensor, log_probs_BKC: Tensor, ids_BKC: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The best K continuations: totals, gains, ids, and the slots that they came from."""
    _, beam_width, count = log_probs_BKC.shape
    flat_gains = ops.reshape(log_probs_BKC, (-1, beam_width * count))
    candidates = ops.reshape(totals_BK[:, :, None] + log_probs_BKC, (-1, beam_width * count))
    totals, places = ops.top_k(candidates, beam_width)
    places = ops.cast(places, "int32")
    flat_ids = ops.reshape(ids_BKC, (-1, beam_width * count))
    gains = ops.take_along_axis(flat_gains, places, axis=1)
    return totals, gains, ops.take_along_axis(flat_ids, places, axis=1), places // count


def _follow(
    step: Tensor,
    opened: _Open,
    ids: Tensor,
    totals: Tensor,
    parents: Tensor,
    state: State,
    rules: Rules,
) -> _Open:
    """The open hypotheses after the step."""
    opened = opened._replace(previous_ids=ids, totals=totals, state=regroup_all(state, parents))
    if rules.beta:
        opened = opened._replace(attended=regroup(opened.attended, parents))
    if rules.blocked_ngram:
        here = ops.equal(ops.arange(ops.shape(opened.history)[2], dtype="int32"), step)
        history = ops.where(here, ids[:, :, None], regroup(opened.history, parents))
        opened = opened._replace(history=history)
    return opened
