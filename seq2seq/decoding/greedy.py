"""Greedy search: the likeliest token at every step."""

from keras import ops

from seq2seq.decoding.rules import Rules
from seq2seq.decoding.step import Hypotheses, SearchInputs, StepFunction, Tensor, longest_of
from seq2seq.decoding.stepwise import allowed, decode_stepwise
from seq2seq.decoding.top_k import top_ids


def greedy_search(step_function: StepFunction, inputs: SearchInputs, rules: Rules) -> Hypotheses:
    """One output a sentence: the likeliest allowed token at every step until EOS.

    Args:
        step_function: the network.
        inputs: the sentences.
        rules: special ids, penalties, and what an output may not do.
    """

    def choose(step: Tensor, logits_BKV: Tensor, ids_BTK: Tensor, max_lengths_B: Tensor) -> Tensor:
        if rules.shortest > 1 or rules.blocked_ngram:
            logits_BKV = allowed(logits_BKV, step, ids_BTK, max_lengths_B, rules)
        likeliest_BK = top_ids(logits_BKV, 1)[1][:, :, 0]
        # The greatest length is kept here rather than in `allowed`: one pass over the logits less.
        return ops.where(ops.equal(step + 1, max_lengths_B)[:, None], rules.eos, likeliest_BK)

    none_done = ops.zeros((ops.shape(inputs.max_lengths)[0], 1), dtype="bool")
    longest = longest_of(inputs.max_lengths)
    return decode_stepwise(
        step_function, inputs, rules, choose, inputs.max_lengths, none_done, longest
    )
