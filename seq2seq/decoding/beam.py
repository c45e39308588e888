"""Beam search with length normalisation, inside one loop that compiles.

At every step each live hypothesis is continued by every token. Continuations by EOS compete for the
N places among the outputs, all others for the K places of the next live beam. The search of a
sentence ends when no live hypothesis can overtake the worst of the N best outputs: a
log-probability only falls, and at best is divided by the penalty of the longest output allowed.

Shape suffixes: B sentences, K hypotheses, N outputs, C candidates, T target positions, S source
positions, P places of a prefix.
"""

from typing import NamedTuple

from keras import ops

from seq2seq.decoding.backpointers import Backpointers, backtrack, empty_backpointers
from seq2seq.decoding.batch_compaction import compacting_loop
from seq2seq.decoding.prefix import follow, is_forced, leave_no_room, place_at
from seq2seq.decoding.rules import Rules, block_repeats, length_penalty
from seq2seq.decoding.step import (
    LOG_ZERO,
    SUPPRESSED_BELOW,
    Context,
    Hypotheses,
    SearchInputs,
    State,
    StepFunction,
    Tensor,
    Terms,
    log_sums_of,
    longest_of,
    regroup,
    regroup_all,
    repeat_state,
    write,
)
from seq2seq.decoding.terms import add_wanted, are_met, deal_out, say
from seq2seq.decoding.top_k import best_continuations


class LiveBeam(NamedTuple):
    """The hypotheses that are still being extended."""

    previous_ids: Tensor  # (B, K)
    totals: Tensor  # (B, K) log-probabilities; -inf: no hypothesis
    max_lengths: Tensor  # (B,)
    mask: Tensor  # (B, S)
    prefixes: Tensor  # (B, P, 3) see `Prefixes`; without prefixes no columns, as the next
    on_path: Tensor  # (B, K) bool, see `follow`
    terms: Terms  # without terms no P, as the next
    said: Tensor  # (B, K, P) tokens of each term, see `say`
    coverage: Tensor  # (B, K, S) attention so far; no columns without coverage penalty
    history: Tensor  # (B, K, T) ids so far; no columns unless repeats are blocked
    state: State
    context: Context


def beam_search(
    step_function: StepFunction,
    inputs: SearchInputs,
    rules: Rules,
    beam_width: int,
    n_best: int = 1,
) -> Hypotheses:
    """The best outputs that a beam finds, best first.

    Args:
        step_function: the network.
        inputs: the sentences.
        rules: special ids, penalties, and what an output may not do.
        beam_width: K, live hypotheses a sentence.
        n_best: N, outputs a sentence.
    """
    longest = longest_of(inputs.max_lengths)

    def going_on(step: Tensor, backpointers: Backpointers, live: LiveBeam) -> Tensor:
        longest_divisor = length_penalty(live.max_lengths, rules.length_penalty)
        best_possible = ops.max(live.totals, axis=-1) / longest_divisor
        return (step < live.max_lengths) & (best_possible > backpointers.best[:, -1])

    def advance(
        step: Tensor, backpointers: Backpointers, live: LiveBeam
    ) -> tuple[Backpointers, LiveBeam]:
        logits, state, weights = step_function(live.previous_ids, live.state, live.context)
        log_sums = log_sums_of(logits, inputs)
        eos_log_probs = logits[:, :, rules.eos] - log_sums
        if rules.coverage_penalty:
            live = live._replace(coverage=live.coverage + weights)
        choices = logits
        if rules.blocked_ngram:
            choices = block_repeats(logits, live.history, step, rules.blocked_ngram)
        if inputs.prefixes:
            place, ranks = place_at(live.prefixes, step), inputs.prefixes.ranks
            choices = follow(place, live.on_path, logits, choices, ranks, rules.eos)
            forced = is_forced(place, live.on_path)
            eos_log_probs = ops.where(forced, LOG_ZERO, eos_log_probs)
        logits, ids = best_continuations(choices, rules.eos, beam_width)
        if inputs.terms:
            logits, ids = add_wanted(live.terms, live.said, choices, logits, ids)
            eos_log_probs = ops.where(are_met(live.terms, live.said), eos_log_probs, LOG_ZERO)
        stuck = ops.all(ops.equal(logits, LOG_ZERO), axis=-1)
        scores = _output_scores(step, live, eos_log_probs, stuck, rules)
        log_probs = logits - log_sums[:, :, None]
        totals, token_log_probs, ids, parents = _extend(live, log_probs, ids)
        best = ops.top_k(ops.concatenate([backpointers.best, scores], axis=1), n_best)[0]
        chosen, values, weights = write(
            [backpointers.chosen, backpointers.values, backpointers.weights],
            step,
            [
                ids * beam_width + parents,
                ops.stack([token_log_probs, eos_log_probs, scores], axis=-1),
                weights,
            ],
        )
        backpointers = Backpointers(chosen, values, weights, best)
        return backpointers, _next_beam(step, live, ids, totals, parents, state, rules)

    backpointers = compacting_loop(
        going_on,
        advance,
        empty_backpointers(inputs, longest, beam_width, n_best),
        _first_beam(inputs, longest, beam_width, rules),
        longest,
        inputs.compacting,
    )
    return backtrack(backpointers, n_best, rules)


def _first_beam(inputs: SearchInputs, longest: Tensor, beam_width: int, rules: Rules) -> LiveBeam:
    """The beam before the first step: one live hypothesis a sentence, the empty one."""
    batch, source = ops.shape(inputs.source_mask)
    shape = (batch, beam_width)
    first = ops.equal(ops.arange(beam_width), 0)
    max_lengths = inputs.max_lengths
    prefixes = ops.zeros((batch, 0, 3), dtype="int32")
    if inputs.prefixes:
        prefixes = inputs.prefixes.places
        max_lengths = ops.where(leave_no_room(prefixes, max_lengths), 0, max_lengths)
    terms = inputs.terms or Terms(
        ops.zeros((batch, 0, 1), dtype="int32"), ops.zeros((batch, 0, 1, 1), dtype="int32")
    )
    return LiveBeam(
        previous_ids=ops.full(shape, rules.bos, dtype="int32"),
        totals=ops.where(first, 0.0, LOG_ZERO) + ops.zeros(shape),
        max_lengths=max_lengths,
        mask=inputs.source_mask,
        prefixes=prefixes,
        on_path=ops.ones((batch, beam_width if inputs.prefixes else 0), dtype="bool"),
        terms=terms,
        said=ops.zeros((*shape, ops.shape(terms.ids)[1]), dtype="int32"),
        coverage=ops.zeros((*shape, source if rules.coverage_penalty else 0)),
        history=ops.zeros((*shape, longest if rules.blocked_ngram else 0), dtype="int32"),
        state=repeat_state(inputs.state, beam_width),
        context=inputs.context,
    )


def _output_scores(
    step: Tensor, live: LiveBeam, eos_log_probs_BK: Tensor, stuck_BK: Tensor, rules: Rules
) -> Tensor:
    """Scores (B, K) of the outputs that EOS makes at this step; -inf where it may not end.

    A hypothesis that is `stuck`, since nothing but EOS is allowed, may end before it is long
    enough.
    """
    totals = live.totals + eos_log_probs_BK
    scores = rules.score(totals, step + 1, live.coverage, live.mask)
    may_end = (step < live.max_lengths)[:, None] & (eos_log_probs_BK > SUPPRESSED_BELOW)
    if rules.shortest > 1:
        is_last = ops.equal(step + 1, live.max_lengths)[:, None]
        may_end = may_end & ((step + 1 >= rules.shortest) | is_last | stuck_BK)
    return ops.where(may_end, scores, LOG_ZERO)


def _extend(
    live: LiveBeam, log_probs_BKC: Tensor, ids_BKC: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The best K continuations by another token than EOS.

    Returns:
        totals, the new token's log-probabilities, ids, and parents, each (B, K).
    """
    _, beam_width, count = ops.shape(log_probs_BKC)
    candidates = ops.reshape(live.totals[:, :, None] + log_probs_BKC, (-1, beam_width * count))
    flat = [ops.reshape(each, (-1, beam_width * count)) for each in (log_probs_BKC, ids_BKC)]
    if live.said.shape[2] == 0:
        totals, places = ops.top_k(candidates, beam_width)
        places = ops.cast(places, "int32")
    else:
        said = say(live.terms, ops.repeat(live.said, count, axis=1), flat[1])
        places = deal_out(live.terms, said, candidates, beam_width)
        totals = regroup(candidates, places)
    token_log_probs, ids = regroup_all(flat, places)
    return totals, token_log_probs, ids, places // count


def _next_beam(
    step: Tensor,
    live: LiveBeam,
    ids: Tensor,
    totals: Tensor,
    parents: Tensor,
    state: State,
    rules: Rules,
) -> LiveBeam:
    """The live hypotheses after the step."""
    live = live._replace(previous_ids=ids, totals=totals, state=regroup_all(state, parents))
    if live.said.shape[2] != 0:
        live = live._replace(said=say(live.terms, regroup(live.said, parents), ids))
    if live.on_path.shape[1]:
        said = ops.equal(ids, place_at(live.prefixes, step)[:, :1])
        live = live._replace(on_path=regroup(live.on_path, parents) & said)
    if rules.coverage_penalty:
        live = live._replace(coverage=regroup(live.coverage, parents))
    if rules.blocked_ngram:
        here = ops.equal(ops.arange(ops.shape(live.history)[2], dtype="int32"), step)
        history = ops.where(here, ids[:, :, None], regroup(live.history, parents))
        live = live._replace(history=history)
    return live
