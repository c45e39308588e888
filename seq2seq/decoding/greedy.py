"""Greedy search: the likeliest token at every step."""

from keras import ops

from seq2seq.decoding.rules import Rules
from seq2seq.decoding.step import Hypotheses, Start, StepFunction, Tensor, longest_limit
from seq2seq.decoding.stepwise import allowed, follow
from seq2seq.decoding.top_k import top_ids


def greedy_search(step_function: StepFunction, start: Start, rules: Rules) -> Hypotheses:
    """Takes the likeliest allowed token until EOS; one output a sentence."""

    def choose(step: Tensor, logits_BKV: Tensor, ids_BTK: Tensor, limits_B: Tensor) -> Tensor:
        if rules.shortest > 1 or rules.blocked_ngram:
            logits_BKV = allowed(logits_BKV, step, ids_BTK, limits_B, rules)
        likeliest_BK = top_ids(logits_BKV, 1)[1][:, :, 0]
        # The limit is kept here rather than in `allowed`: one pass over the logits less.
        return ops.where(ops.equal(step + 1, limits_B)[:, None], rules.eos, likeliest_BK)

    none_done = ops.zeros((ops.shape(start.limits)[0], 1), dtype="bool")
    longest = longest_limit(start.limits)
    return follow(step_function, start, rules, choose, start.limits, none_done, longest)
