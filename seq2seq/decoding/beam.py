"""Beam search with length normalisation, inside one loop that compiles.

Every open hypothesis's continuation by EOS competes for the N places among the outputs, every other
continuation for the K open places. A sentence's search ends when no open hypothesis can reach the
worst of the N best outputs any more: a log-probability only falls, and at best is divided by the
penalty of the longest output allowed.

Tokens are kept as (id, parent) a step, and read back along the parents at the end: nothing but the
network's state is reordered. Shape suffixes: B sentences, K hypotheses, N outputs, C candidates, V
vocabulary, T target positions, S source positions.
"""

from typing import NamedTuple

from keras import ops

from seq2seq.decoding.candidates import best_continuations
from seq2seq.decoding.penalties import length_penalty
from seq2seq.decoding.rules import Rules, block_repeats
from seq2seq.decoding.shrinking import shrinking_loop
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
    repeat_state,
    write,
)


class _Trail(NamedTuple):
    """What each step found, all a sentence's outputs can be read back from."""

    chosen: Tensor  # (B, T, K) id * K + parent of the hypotheses after step t
    gains: Tensor  # (B, T, K) log-probability of that id
    endings: Tensor  # (B, T, K) log-probability of EOS after the hypotheses before step t
    scores: Tensor  # (B, T, K) of the outputs that this EOS makes; -inf: none
    weights: Tensor  # (B, T, K, S) attention of the hypotheses before step t
    best: Tensor  # (B, N) scores of the best outputs so far, best first


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

    def going_on(step: Tensor, trail: _Trail, opened: _Open) -> Tensor:
        most = ops.max(opened.totals, axis=-1) / length_penalty(opened.limits, rules.alpha)
        return (step < opened.limits) & (most > trail.best[:, -1])

    def advance(step: Tensor, trail: _Trail, opened: _Open) -> tuple[_Trail, _Open]:
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
        trail = _Trail(
            write(trail.chosen, step, ids * beam_width + parents),
            write(trail.gains, step, gains),
            write(trail.endings, step, endings),
            write(trail.scores, step, scores),
            write(trail.weights, step, weights),
            best,
        )
        return trail, _follow(step, opened, ids, totals, parents, state, rules)

    trail = shrinking_loop(
        going_on,
        advance,
        _empty_trail(start, longest, beam_width, n_best),
        _open(start, longest, beam_width, rules),
        longest,
    )
    return _read_back(trail, n_best, rules)


def _empty_trail(start: Start, longest: Tensor, beam_width: int, n_best: int) -> _Trail:
    batch, source = ops.shape(start.source_mask)
    shape = (batch, longest, beam_width)
    return _Trail(
        chosen=ops.zeros(shape, dtype="int32"),
        gains=ops.zeros(shape),
        endings=ops.zeros(shape),
        scores=ops.full(shape, NEVER),
        weights=ops.zeros((*shape, source)),
        best=ops.full((batch, n_best), NEVER),
    )


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
    opened = opened._replace(
        previous_ids=ids, totals=totals, state=[regroup(each, parents) for each in state]
    )
    if rules.beta:
        opened = opened._replace(attended=regroup(opened.attended, parents))
    if rules.blocked_ngram:
        here = ops.equal(ops.arange(ops.shape(opened.history)[2], dtype="int32"), step)
        history = ops.where(here, ids[:, :, None], regroup(opened.history, parents))
        opened = opened._replace(history=history)
    return opened


def _read_back(trail: _Trail, n_best: int, rules: Rules) -> Hypotheses:
    """Follows each of the best outputs from its end to its start."""
    batch, longest, beam_width = ops.shape(trail.chosen)
    scores, places = ops.top_k(ops.reshape(trail.scores, (batch, longest * beam_width)), n_best)
    found = scores > NEVER
    ends = ops.where(found, ops.cast(places, "int32") // beam_width, -1)
    ending_slots = ops.cast(places, "int32") % beam_width

    def go_back(step: Tensor, slots: Tensor, ids: Tensor, gains: Tensor, weights: Tensor) -> tuple:
        """`slots`: of the hypotheses after `step`, where `step` is before their end."""
        before_end, at_end = step < ends, ops.equal(step, ends)
        chosen = regroup(ops.take(trail.chosen, step, axis=1), slots)
        gain = regroup(ops.take(trail.gains, step, axis=1), slots)
        slots = ops.where(before_end, chosen % beam_width, ending_slots)
        ending = regroup(ops.take(trail.endings, step, axis=1), slots)
        attention = regroup(ops.take(trail.weights, step, axis=1), slots)
        id_here = ops.where(before_end, chosen // beam_width, rules.eos)
        within = before_end | at_end
        return (
            step - 1,
            slots,
            write(ids, step, ops.where(within, id_here, rules.pad)),
            write(gains, step, ops.where(before_end, gain, ops.where(at_end, ending, 0.0))),
            write(weights, step, ops.where(within[:, :, None], attention, 0.0)),
        )

    shape = (batch, longest, n_best)
    source = ops.shape(trail.weights)[3]
    last = ops.max(ops.concatenate([ops.reshape(ends, (-1,)), ops.full((1,), -1, dtype="int32")]))
    ids = ops.full(shape, rules.pad, dtype="int32")
    begin = (last, ending_slots, ids, ops.zeros(shape), ops.zeros((*shape, source)))
    _, _, ids, gains, weights = ops.while_loop(lambda step, *_: step >= 0, go_back, begin)
    return Hypotheses(
        ids=ops.transpose(ids, (0, 2, 1)),
        lengths=ends + 1,
        log_probabilities=ops.sum(gains, axis=1),
        scores=scores,
        token_log_probabilities=ops.transpose(gains, (0, 2, 1)),
        weights=ops.transpose(weights, (0, 2, 1, 3)),
    )
