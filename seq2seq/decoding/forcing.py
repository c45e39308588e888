"""Forced decoding: the score that the network gives to existing outputs."""

from keras import ops

from seq2seq.decoding.rules import Rules
from seq2seq.decoding.step import Hypotheses, SearchInputs, StepFunction, Tensor
from seq2seq.decoding.stepwise import decode_stepwise
from seq2seq.gather import gather


def force(
    step_function: StepFunction, inputs: SearchInputs, rules: Rules, target_ids: Tensor
) -> Hypotheses:
    """Scores of given outputs, by the steps, probabilities and penalties of a search.

    Args:
        step_function: the network.
        inputs: the sentences; their greatest lengths are not read.
        rules: special ids and penalties; outputs that they forbid are scored too.
        target_ids: (B, K, T) each ending in EOS, padding after it.

    Returns:
        The K outputs of each sentence, in the order given.
    """

    def choose(step: Tensor, logits_BKV: Tensor, ids_BTK: Tensor, target_BKT: Tensor) -> Tensor:
        return gather(target_BKT, step, axis=2)

    empty = ops.all(ops.equal(target_ids, rules.pad), axis=-1)
    longest = ops.shape(target_ids)[2]
    return decode_stepwise(step_function, inputs, rules, choose, target_ids, empty, longest)
