"""What a search is told: special ids, penalties, and what an output may not do.

Shape suffixes: B sentences, K hypotheses, V vocabulary, T target positions, S source positions.
"""

from dataclasses import dataclass

from keras import ops

from seq2seq.decoding.penalties import coverage_penalty, length_penalty
from seq2seq.decoding.step import NEVER, Tensor


@dataclass(frozen=True)
class Rules:
    """The same for every sentence."""

    bos: int
    eos: int
    pad: int = 0
    alpha: float = 1.0  # of the length penalty
    beta: float = 0.0  # of the coverage penalty
    shortest: int = 1  # output tokens at least, EOS counted; a sentence's own limit wins
    blocked_ngram: int = 0  # no n-gram of this size occurs twice in an output; 0: may all

    def score(self, totals: Tensor, length: Tensor, attended: Tensor, mask_BS: Tensor) -> Tensor:
        """Log-probabilities (B, K) with both penalties.

        `attended` (B, K, S): the attention that each source position got from the whole output.
        """
        scores = totals / length_penalty(length, self.alpha)
        if self.beta:
            scores = scores + coverage_penalty(attended, mask_BS[:, None, :], self.beta)
        return scores


def block_repeats(logits_BKV: Tensor, history_BKT: Tensor, step: Tensor, size: int) -> Tensor:
    """Logits with -inf where a token would end an n-gram of `size` that was said before.

    `history` holds the tokens of steps before `step`; what is in it from `step` on is not read.
    """
    batch, width, steps = ops.shape(history_BKT)
    vocabulary = ops.shape(logits_BKV)[-1]
    places = ops.arange(steps, dtype="int32")
    repeats = ops.broadcast_to(
        (places < step) & (places >= size - 1), ops.shape(history_BKT)
    )  # at the end of each n-gram that begins as the hypothesis ends
    for back in range(1, size):
        said = ops.take(history_BKT, ops.maximum(step - back, 0), axis=2)
        # Shifted by hand: not every runtime that a search is exported to has a roll.
        shifted = ops.pad(history_BKT, [[0, 0], [0, 0], [back, 0]])[:, :, :steps]
        repeats = repeats & ops.equal(shifted, said[:, :, None])
    rows = ops.repeat(ops.arange(batch * width, dtype="int32"), steps)
    said_again = ops.stack([rows, ops.reshape(history_BKT, (-1,))], axis=1)
    penalties = ops.reshape(ops.where(repeats, NEVER, 0.0), (-1,))
    summed = ops.scatter(said_again, penalties, (batch * width, vocabulary))
    return logits_BKV + ops.reshape(summed, (batch, width, vocabulary))
