"""Greedy search: the likeliest token at every step.

Shape suffixes: B sentences, T target positions, S source positions, V vocabulary.
"""

from keras import ops

from seq2seq.decoding.penalties import length_penalty
from seq2seq.decoding.step import Hypotheses, State, StepFunction, Tensor, Tokens, allowed, write


def greedy_search(
    step_function: StepFunction,
    state: State,
    limits_B: Tensor,
    source_length: Tensor,
    tokens: Tokens,
    alpha: float,
) -> Hypotheses:
    """Takes the likeliest token until EOS.

    Args:
        step_function: the network; called with one hypothesis a sentence.
        state: before the first step, every tensor (B, 1, ...).
        limits_B: most output tokens of each sentence, EOS counted.
        source_length: S, the width of the attention weights.
        tokens: special ids.
        alpha: of the length penalty, which here only scales the reported score.

    Returns:
        One hypothesis a sentence (K = 1).
    """
    batch, longest = ops.shape(limits_B)[0], ops.max(limits_B)
    start = (
        ops.cast(0, "int32"),
        ops.full((batch,), tokens.bos, dtype="int32"),
        ops.zeros((batch,), dtype="bool"),
        ops.zeros((batch,)),
        ops.zeros((longest, batch), dtype="int32"),
        ops.zeros((longest, batch, source_length)),
        *state,
    )

    def unfinished(step: Tensor, _: Tensor, done_B: Tensor, *__: Tensor) -> Tensor:
        return (step < longest) & ~ops.all(done_B)

    def advance(
        step: Tensor,
        previous_B: Tensor,
        done_B: Tensor,
        totals_B: Tensor,
        ids_TB: Tensor,
        weights_TBS: Tensor,
        *state: Tensor,
    ) -> tuple:
        log_probs_B1V, new_state, weights_B1S = step_function(previous_B[:, None], list(state))
        log_probs_BV = allowed(log_probs_B1V, tokens, ops.equal(step + 1, limits_B))[:, 0]
        best_B = ops.cast(ops.argmax(log_probs_BV, axis=-1), "int32")
        gained_B = ops.max(log_probs_BV, axis=-1)
        ids_TB = write(ids_TB, step, ops.where(done_B, 0, best_B))
        weights_B1S = ops.where(done_B[:, None, None], 0.0, weights_B1S)
        weights_TBS = write(weights_TBS, step, weights_B1S[:, 0])
        totals_B = totals_B + ops.where(done_B, 0.0, gained_B)
        done_B = done_B | ops.equal(best_B, tokens.eos)
        return (step + 1, best_B, done_B, totals_B, ids_TB, weights_TBS, *new_state)

    _, _, _, totals_B, ids_TB, weights_TBS, *_ = ops.while_loop(unfinished, advance, start)
    ids_BT = ops.transpose(ids_TB)
    lengths_B = ops.sum(ops.cast(ops.not_equal(ids_BT, 0), "int32"), axis=-1)
    scores_B = totals_B / length_penalty(lengths_B, alpha)
    weights_BTS = ops.transpose(weights_TBS, (1, 0, 2))
    return Hypotheses(
        ids=ids_BT[:, None],
        lengths=lengths_B[:, None],
        log_probabilities=totals_B[:, None],
        scores=scores_B[:, None],
        weights=weights_BTS[:, None],
    )
