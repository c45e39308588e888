"""Stepwise decoding: outputs that grow a token at a time and are never reordered.

Greedy, sampled and forced outputs differ only in how the next token is chosen.

Shape suffixes: B sentences, K hypotheses, T target positions, S source positions, V vocabulary.
"""

from collections.abc import Callable
from typing import NamedTuple

from keras import ops

from seq2seq.decoding.batch_compaction import compacting_loop
from seq2seq.decoding.rules import Rules, block_repeats
from seq2seq.decoding.step import (
    LOG_ZERO,
    SUPPRESSED_BELOW,
    Hypotheses,
    SearchInputs,
    StepFunction,
    Tensor,
    repeat_state,
    write,
)


class GrowingOutputs(NamedTuple):
    """Outputs so far."""

    ids: Tensor  # (B, T, K); padding where nothing is yet
    log_probs: Tensor  # (B, T, K)
    weights: Tensor  # (B, T, K, S)
    done: Tensor  # (B, K) bool


# (step, logits (B, K, V), ids so far (B, T, K), per-sentence inputs) -> chosen ids (B, K)
Choice = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def decode_stepwise(
    step_function: StepFunction,
    inputs: SearchInputs,
    rules: Rules,
    choose: Choice,
    per_sentence_inputs: Tensor,
    done_BK: Tensor,
    longest: Tensor,
) -> Hypotheses:
    """Extends outputs by one chosen token at a time until every one has an EOS.

    Args:
        step_function: the network.
        inputs: the sentences; their greatest lengths are not read.
        rules: special ids and penalties.
        choose: the choice of the next tokens.
        per_sentence_inputs: (B, ...) input of `choose` for each sentence.
        done_BK: outputs that stay empty.
        longest: T, the most steps.

    Returns:
        K hypotheses a sentence, in the order of `done_BK`.
    """
    batch, width = ops.shape(done_BK)
    steps_BTK = (batch, longest, width)

    def advance(
        step: Tensor, output: GrowingOutputs, working: tuple
    ) -> tuple[GrowingOutputs, tuple]:
        previous_BK, per_sentence_inputs, state, context = working
        logits_BKV, state, weights_BKS = step_function(previous_BK, state, context)
        chosen_BK = choose(step, logits_BKV, output.ids, per_sentence_inputs)
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
        output = GrowingOutputs(ids, log_probs, weights, done)
        return output, (chosen_BK, per_sentence_inputs, state, context)

    output = compacting_loop(
        going_on=lambda step, output, working: ~ops.all(output.done, axis=-1),
        advance=advance,
        kept=GrowingOutputs(
            ids=ops.full(steps_BTK, rules.pad, dtype="int32"),
            log_probs=ops.zeros(steps_BTK),
            weights=ops.zeros((*steps_BTK, ops.shape(inputs.source_mask)[1])),
            done=done_BK,
        ),
        working=(
            ops.full((batch, width), rules.bos, dtype="int32"),
            per_sentence_inputs,
            repeat_state(inputs.state, width),
            inputs.context,
        ),
        longest=longest,
        compacting=inputs.compacting,
    )
    return _hypotheses(output, inputs.source_mask, rules)


def allowed(
    logits_BKV: Tensor, step: Tensor, ids_BTK: Tensor, max_lengths_B: Tensor, rules: Rules
) -> Tensor:
    """Logits with -inf for tokens that the rules forbid at this step; EOS where they forbid all.

    The greatest length of the sentence itself ends it, not that of its batch, so that no output
    depends on the batch.

    Args:
        logits_BKV: of the next token.
        step: the number of tokens so far.
        ids_BTK: of the tokens so far.
        max_lengths_B: the greatest length of each sentence.
        rules: shortest length and blocked repeats.
    """
    if rules.blocked_ngram:
        history_BKT = ops.transpose(ids_BTK, (0, 2, 1))
        logits_BKV = block_repeats(logits_BKV, history_BKT, step, rules.blocked_ngram)
    is_eos_V = ops.equal(ops.arange(ops.shape(logits_BKV)[-1], dtype="int32"), rules.eos)
    is_last_B = ops.equal(step + 1, max_lengths_B)
    forbidden_BV = is_last_B[:, None] & ~is_eos_V
    if rules.shortest > 1:
        too_short_B = (step + 1 < rules.shortest) & ~is_last_B
        forbidden_BV = forbidden_BV | (too_short_B[:, None] & is_eos_V)
    choices_BKV = ops.where(forbidden_BV[:, None, :], LOG_ZERO, logits_BKV)
    if rules.shortest > 1 and rules.blocked_ngram:  # together they can leave no choice
        stuck_BK = ops.max(choices_BKV, axis=-1) <= SUPPRESSED_BELOW
        end_BKV = stuck_BK[:, :, None] & is_eos_V
        choices_BKV = ops.where(end_BKV, 0.0, choices_BKV)
    return choices_BKV


def _hypotheses(output: GrowingOutputs, mask_BS: Tensor, rules: Rules) -> Hypotheses:
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
