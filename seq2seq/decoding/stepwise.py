"""Stepwise decoding: outputs that grow a token at a time and are never reordered.

Greedy, sampled and forced outputs differ only in how the next token is chosen.

Shape suffixes: B sentences, K hypotheses, T target positions, S source positions, V vocabulary, P
places of a prefix.
"""

from collections.abc import Callable
from typing import NamedTuple

from keras import ops

from seq2seq.decoding.batch_compaction import compacting_loop
from seq2seq.decoding.prefix import follow, is_forced, leave_no_room, place_at
from seq2seq.decoding.rules import Rules, block_repeats
from seq2seq.decoding.step import (
    LOG_ZERO,
    SUPPRESSED_BELOW,
    Hypotheses,
    Prefixes,
    SearchInputs,
    StepFunction,
    Tensor,
    log_sums_of,
    repeat_state,
    write,
)
from seq2seq.gather import gather, gather_along


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
        inputs: the sentences; their greatest lengths are read for prefixes alone.
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
    if inputs.prefixes:
        choose = _along(inputs.prefixes, choose, rules.eos)
        per_sentence_inputs = (inputs.prefixes.places, per_sentence_inputs)
        no_room_B = leave_no_room(inputs.prefixes.places, inputs.max_lengths)
        done_BK = done_BK | no_room_B[:, None]

    def advance(
        step: Tensor, output: GrowingOutputs, working: tuple
    ) -> tuple[GrowingOutputs, tuple]:
        previous_BK, per_sentence_inputs, state, context = working
        logits_BKV, state, weights_BKS = step_function(previous_BK, state, context)
        chosen_BK = choose(step, logits_BKV, output.ids, per_sentence_inputs)
        logits_BK = gather_along(logits_BKV, chosen_BK[:, :, None])[:, :, 0]
        log_probs_BK = logits_BK - log_sums_of(logits_BKV, inputs)
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
    if rules.shortest > 1:  # where repeats are blocked, or a prefix wants a new word, none is left
        stuck_BK = ops.max(choices_BKV, axis=-1) <= SUPPRESSED_BELOW
        end_BKV = stuck_BK[:, :, None] & is_eos_V
        choices_BKV = ops.where(end_BKV, 0.0, choices_BKV)
    return choices_BKV


def _along(prefixes: Prefixes, choose: Choice, eos: int) -> Choice:
    """A choice that prefixes lead; its per-sentence inputs are their places, and the choice's."""

    def led(
        step: Tensor, logits_BKV: Tensor, ids_BTK: Tensor, per_sentence_inputs: tuple
    ) -> Tensor:
        places_BP3, own_inputs = per_sentence_inputs
        steps_T = ops.arange(ops.shape(ids_BTK)[1], dtype="int32")
        path_BT = gather(
            places_BP3[:, :, 0], ops.minimum(steps_T, ops.shape(places_BP3)[1] - 1), axis=1
        )
        said_BTK = ops.equal(ids_BTK, path_BT[:, :, None]) | (steps_T >= step)[:, None]
        on_path_BK = ops.all(said_BTK, axis=1)
        place_B3 = place_at(places_BP3, step)
        led_BKV = follow(place_B3, on_path_BK, logits_BKV, logits_BKV, prefixes.ranks, eos)
        chosen_BK = choose(step, led_BKV, ids_BTK, own_inputs)
        logits_BK = gather_along(led_BKV, chosen_BK[:, :, None])[:, :, 0]
        refused_BK = is_forced(place_B3, on_path_BK) & (logits_BK <= SUPPRESSED_BELOW)
        return ops.where(refused_BK, place_B3[:, :1], chosen_BK)

    return led


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
