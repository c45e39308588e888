"""Outputs that grow a token at a time and are never reordered: greedy, sampled, and given ones.

Shape suffixes: B sentences, K hypotheses, T target positions, S source positions, V vocabulary.
"""

from collections.abc import Callable
from typing import NamedTuple

from keras import ops

from seq2seq.decoding.batch_compaction import shrinking_loop
from seq2seq.decoding.rules import Rules, block_repeats
from seq2seq.decoding.step import (
    FORBIDDEN,
    NEVER,
    Hypotheses,
    Start,
    StepFunction,
    Tensor,
    repeat_state,
    write,
)


class Output(NamedTuple):
    """What was written so far."""

    ids: Tensor  # (B, T, K); padding where nothing is yet
    log_probs: Tensor  # (B, T, K)
    weights: Tensor  # (B, T, K, S)
    done: Tensor  # (B, K) bool


# (step, logits (B, K, V), ids so far (B, T, K), guide) -> chosen ids (B, K)
Choice = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def follow(
    step_function: StepFunction,
    start: Start,
    rules: Rules,
    choose: Choice,
    guide: Tensor,
    done_BK: Tensor,
    longest: Tensor,
) -> Hypotheses:
    """Steps until every output has an EOS.

    Args:
        step_function: the network.
        start: where it starts.
        rules: special ids and penalties.
        choose: says each next token.
        guide: (B, ...) what `choose` goes by in each sentence.
        done_BK: hypotheses that stay empty.
        longest: steps at most.

    Returns:
        K hypotheses a sentence, in the order of `done_BK`.
    """
    batch, width = ops.shape(done_BK)
    steps_BTK = (batch, longest, width)

    def advance(step: Tensor, output: Output, working: tuple) -> tuple[Output, tuple]:
        previous_BK, guide, state, context = working
        logits_BKV, state, weights_BKS = step_function(previous_BK, state, context)
        chosen_BK = choose(step, logits_BKV, output.ids, guide)
        logits_BK = ops.take_along_axis(logits_BKV, chosen_BK[:, :, None], axis=-1)[:, :, 0]
        log_probs_BK = logits_BK - ops.logsumexp(logits_BKV, axis=-1)
        done = output.done
        ids, log_probs, weights = write(
            [output.ids, output.log_probs, output.weights],
            step,
            [
                ops.where(done, rules.pad, chosen_BK),
                ops.where(done, 0.0, log_probs_BK),
                ops.where(done[:, :, None], 0.0, weights_BKS),
            ],
        )
        done = done | ops.equal(chosen_BK, rules.eos)
        output = Output(ids, log_probs, weights, done)
        return output, (chosen_BK, guide, state, context)

    output = shrinking_loop(
        going_on=lambda step, output, working: ~ops.all(output.done, axis=-1),
        advance=advance,
        kept=Output(
            ids=ops.full(steps_BTK, rules.pad, dtype="int32"),
            log_probs=ops.zeros(steps_BTK),
            weights=ops.zeros((*steps_BTK, ops.shape(start.source_mask)[1])),
            done=done_BK,
        ),
        working=(
            ops.full((batch, width), rules.bos, dtype="int32"),
            guide,
            repeat_state(start.state, width),
            start.context,
        ),
        longest=longest,
        shrinking=start.shrinking,
    )
    return _hypotheses(output, start.source_mask, rules)


def allowed(
    logits_BKV: Tensor, step: Tensor, ids_BTK: Tensor, limits_B: Tensor, rules: Rules
) -> Tensor:
    """Logits with -inf for what the rules forbid at this step; EOS where they forbid all.

    A sentence's own limit ends it, not its batch's, so that no output depends on the batch.
    """
    if rules.blocked_ngram:
        history_BKT = ops.transpose(ids_BTK, (0, 2, 1))
        logits_BKV = block_repeats(logits_BKV, history_BKT, step, rules.blocked_ngram)
    is_eos_V = ops.equal(ops.arange(ops.shape(logits_BKV)[-1], dtype="int32"), rules.eos)
    is_last_B = ops.equal(step + 1, limits_B)
    forbidden_BV = is_last_B[:, None] & ~is_eos_V
    if rules.shortest > 1:
        too_short_B = (step + 1 < rules.shortest) & ~is_last_B
        forbidden_BV = forbidden_BV | (too_short_B[:, None] & is_eos_V)
    choices_BKV = ops.where(forbidden_BV[:, None, :], NEVER, logits_BKV)
    if rules.shortest > 1 and rules.blocked_ngram:  # together they can leave no choice
        stuck_BK = ops.max(choices_BKV, axis=-1) <= FORBIDDEN
        end_BKV = stuck_BK[:, :, None] & is_eos_V
        choices_BKV = ops.where(end_BKV, 0.0, choices_BKV)
    return choices_BKV


def _hypotheses(output: Output, mask_BS: Tensor, rules: Rules) -> Hypotheses:
    lengths = ops.sum(ops.cast(ops.not_equal(output.ids, rules.pad), "int32"), axis=1)
    totals = ops.sum(output.log_probs, axis=1)
    return Hypotheses(
        ids=ops.transpose(output.ids, (0, 2, 1)),
        lengths=lengths,
        log_probabilities=totals,
        scores=rules.score(totals, lengths, ops.sum(output.weights, axis=1), mask_BS),
        token_log_probabilities=ops.transpose(output.log_probs, (0, 2, 1)),
        weights=ops.transpose(output.weights, (0, 2, 1, 3)),
    )
