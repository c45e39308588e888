"""What a beam search leaves behind at each step, and how outputs are read back from it.

Tokens are kept as (id, parent) a step, and read back along the parents at the end: nothing but the
network's state is reordered. Shape suffixes: B sentences, K hypotheses, N outputs, T target
positions, S source positions.
"""

from typing import NamedTuple

from keras import ops

from seq2seq.decoding.rules import Rules
from seq2seq.decoding.step import NEVER, Hypotheses, Start, Tensor, regroup_all, write


class Trail(NamedTuple):
    """What each step found, all a sentence's outputs can be read back from."""

    chosen: Tensor  # (B, T, K) id * K + parent of the hypotheses after step t
    # (B, T, K, 3): the log-probability of that id; that of EOS after the hypotheses before step t;
    # the score of the outputs that this EOS makes, -inf: none.
    values: Tensor
    weights: Tensor  # (B, T, K, S) attention of the hypotheses before step t
    best: Tensor  # (B, N) scores of the best outputs so far, best first


def empty_trail(start: Start, longest: Tensor, beam_width: int, n_best: int) -> Trail:
    """Nothing yet, for `longest` steps."""
    batch, source = ops.shape(start.source_mask)
    shape = (batch, longest, beam_width)
    return Trail(
        chosen=ops.zeros(shape, dtype="int32"),
        values=ops.full((*shape, 3), NEVER),
        weights=ops.zeros((*shape, source)),
        best=ops.full((batch, n_best), NEVER),
    )


def read_back(trail: Trail, n_best: int, rules: Rules) -> Hypotheses:
    """Follows each of the best outputs from its end to its start."""
    batch, longest, beam_width = ops.shape(trail.chosen)
    all_scores = ops.reshape(trail.values[:, :, :, 2], (batch, longest * beam_width))
    scores, places = ops.top_k(all_scores, n_best)
    found = scores > NEVER
    ends = ops.where(found, ops.cast(places, "int32") // beam_width, -1)
    ending_slots = ops.cast(places, "int32") % beam_width

    def go_back(step: Tensor, slots: Tensor, ids: Tensor, gains: Tensor, weights: Tensor) -> tuple:
        """`slots`: of the hypotheses after `step`, where `step` is before their end."""
        before_end, at_end = step < ends, ops.equal(step, ends)
        here = [ops.take(each, step, axis=1) for each in (trail.chosen, trail.values)]
        chosen, gain = regroup_all([here[0], here[1][:, :, 0]], slots)
        slots = ops.where(before_end, chosen % beam_width, ending_slots)
        attention = ops.take(trail.weights, step, axis=1)
        ending, attention = regroup_all([here[1][:, :, 1], attention], slots)
        id_here = ops.where(before_end, chosen // beam_width, rules.eos)
        gain = ops.where(before_end, gain, ops.where(at_end, ending, 0.0))
        within = before_end | at_end
        written = write(
            [ids, gains, weights],
            step,
            [
                ops.where(within, id_here, rules.pad),
                gain,
                ops.where(within[:, :, None], attention, 0.0),
            ],
        )
        return step - 1, slots, *written

    shape = (batch, longest, n_best)
    source = ops.shape(trail.weights)[3]
    last = ops.max(ops.concatenate([ops.reshape(ends, (-1,)), ops.full((1,), -1, dtype="int32")]))
    ids = ops.full(shape, rules.pad, dtype="int32")
    begin = (last, ending_slots, ids, ops.zeros(shape), ops.zeros((*shape, source)))
    _, _, ids, gains, weights = ops.while_loop(lambda step, *_: step >= 0, go_back, begin)
    return Hypotheses(
        ids=ops.transpose(ids, (0, 2, 1)),
        lengths=ends + 1,
        log_probabilities=ops.sum(gains, axis=1),
        scores=scores,
        token_log_probabilities=ops.transpose(gains, (0, 2, 1)),
        weights=ops.transpose(weights, (0, 2, 1, 3)),
    )
