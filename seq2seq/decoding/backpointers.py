"""Backpointers of a beam search: the hypothesis that each token continued, and the way back.

Each step records the id and the parent of every hypothesis, and the outputs are read back along the
parents at the end, so that nothing but the network's state is reordered while the search runs.

Shape suffixes: B sentences, K hypotheses, N outputs, T target positions, S source positions.
"""

from typing import NamedTuple

from keras import ops

from seq2seq.decoding.rules import Rules
from seq2seq.decoding.step import LOG_ZERO, Hypotheses, SearchInputs, Tensor, regroup_all, write
from seq2seq.gather import gather


class Backpointers(NamedTuple):
    """The record of every step, from which the outputs of a sentence can be read back."""

    chosen: Tensor  # (B, T, K) id * K + parent of the hypotheses after step t
    # (B, T, K, 3): the log-probability of that id; that of EOS after the hypotheses before step t;
    # the score of the outputs that this EOS makes, -inf: none.
    values: Tensor
    weights: Tensor  # (B, T, K, S) attention of the hypotheses before step t
    best: Tensor  # (B, N) scores of the best outputs so far, best first


def empty_backpointers(
    inputs: SearchInputs, longest: Tensor, beam_width: int, n_best: int
) -> Backpointers:
    """The record before the first step.

    Args:
        inputs: of the search; its mask gives B and S.
        longest: T, the most steps that there can be.
        beam_width: K.
        n_best: N.
    """
    batch, source = ops.shape(inputs.source_mask)
    shape = (batch, longest, beam_width)
    return Backpointers(
        chosen=ops.zeros(shape, dtype="int32"),
        values=ops.full((*shape, 3), LOG_ZERO),
        weights=ops.zeros((*shape, source)),
        best=ops.full((batch, n_best), LOG_ZERO),
    )


def backtrack(backpointers: Backpointers, n_best: int, rules: Rules) -> Hypotheses:
    """The best outputs, each followed from its end to its beginning.

    Args:
        backpointers: of a search that has ended.
        n_best: N, outputs a sentence.
        rules: the special ids.

    Returns:
        N outputs a sentence, best first.
    """
    batch, longest, beam_width = ops.shape(backpointers.chosen)
    all_scores = ops.reshape(backpointers.values[:, :, :, 2], (batch, longest * beam_width))
    scores, places = ops.top_k(all_scores, n_best)
    ends = ops.where(scores > LOG_ZERO, ops.cast(places, "int32") // beam_width, -1)
    ending_slots = ops.cast(places, "int32") % beam_width

    def one_step_back(
        step: Tensor, slots: Tensor, ids: Tensor, log_probs: Tensor, weights: Tensor
    ) -> tuple:
        """`slots` of the hypotheses after `step`, where `step` is before their end."""
        before_end, at_end = step < ends, ops.equal(step, ends)
        here = [gather(each, step, axis=1) for each in (backpointers.chosen, backpointers.values)]
        chosen, log_prob = regroup_all([here[0], here[1][:, :, 0]], slots)
        slots = ops.where(before_end, chosen % beam_width, ending_slots)
        attention = gather(backpointers.weights, step, axis=1)
        eos_log_prob, attention = regroup_all([here[1][:, :, 1], attention], slots)
        id_here = ops.where(before_end, chosen // beam_width, rules.eos)
        log_prob = ops.where(before_end, log_prob, ops.where(at_end, eos_log_prob, 0.0))
        within = before_end | at_end
        written = write(
            [ids, log_probs, weights],
            step,
            [
                ops.where(within, id_here, rules.pad),
                log_prob,
                ops.where(within[:, :, None], attention, 0.0),
            ],
        )
        return step - 1, slots, *written

    shape = (batch, longest, n_best)
    source = ops.shape(backpointers.weights)[3]
    last = ops.max(ops.concatenate([ops.reshape(ends, (-1,)), ops.full((1,), -1, dtype="int32")]))
    ids = ops.full(shape, rules.pad, dtype="int32")
    end = (last, ending_slots, ids, ops.zeros(shape), ops.zeros((*shape, source)))
    found = ops.while_loop(lambda step, *_: step >= 0, one_step_back, end)
    _, _, ids, log_probs, weights = found
    return Hypotheses(
        ids=ops.transpose(ids, (0, 2, 1)),
        lengths=ends + 1,
        log_probabilities=ops.sum(log_probs, axis=1),
        scores=scores,
        token_log_probabilities=ops.transpose(log_probs, (0, 2, 1)),
        weights=ops.transpose(weights, (0, 2, 1, 3)),
    )
