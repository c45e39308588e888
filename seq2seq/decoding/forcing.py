"""Forced decoding: what the network gives to outputs that are there already."""

from keras import ops

from seq2seq.decoding.rules import Rules
from seq2seq.decoding.step import Hypotheses, Start, StepFunction, Tensor
from seq2seq.decoding.stepwise import follow


def force(
    step_function: StepFunction, start: Start, rules: Rules, target_ids: Tensor
) -> Hypotheses:
    """Scores given outputs by the steps, the probabilities and the penalties of a search.

    Args:
        step_function: the network.
        start: where it starts; its limits are not read.
        rules: special ids and penalties; what they forbid is not.
        target_ids: (B, K, T) each ending in EOS, padding after it.

    Returns:
        The K outputs of each sentence in the order given.
    """

    def choose(step: Tensor, logits_BKV: Tensor, ids_BTK: Tensor, target_BKT: Tensor) -> Tensor:
        return ops.take(target_BKT, step, axis=2)

    empty = ops.all(ops.equal(target_ids, rules.pad), axis=-1)
    longest = ops.shape(target_ids)[2]
    return follow(step_function, start, rules, choose, target_ids, empty, longest)
