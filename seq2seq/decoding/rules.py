"""Rules of a search: special ids, length and coverage penalty, what an output may not do.

Without the penalties, Wu et al. 2016 (GNMT), https://arxiv.org/abs/1609.08144, eq. 14, a search
prefers short outputs, and outputs that skip source words.

Shape suffixes: B sentences, K hypotheses, V vocabulary, T target positions, S source positions, W
tokens of an n-gram but its last.
"""

from dataclasses import dataclass

from keras import ops

from seq2seq.decoding.step import LOG_ZERO, Tensor
from seq2seq.gather import gather

LEAST_ATTENTION = 1e-6  # keeps the logarithm finite where nothing was attended to


@dataclass(frozen=True)
class Rules:
    """Rules that are the same for every sentence."""

    bos: int
    eos: int
    pad: int = 0
    length_penalty: float = 1.0  # alpha of `length_penalty`; 0: none
    coverage_penalty: float = 0.0  # beta of `coverage_penalty`; 0: none
    shortest: int = 1  # output tokens at least, EOS counted; a sentence's own limit wins
    blocked_ngram: int = 0  # no n-gram of this size occurs twice in an output; 0: may all

    def score(self, totals: Tensor, length: Tensor, coverage: Tensor, mask_BS: Tensor) -> Tensor:
        """Scores (B, K): log-probabilities with both penalties.

        Args:
            totals: (B, K) log-probabilities of whole outputs.
            length: tokens of an output, EOS counted; a scalar or (B, K).
            coverage: (B, K, S) attention that each source position got, summed over the output.
            mask_BS: bool, False at padding.
        """
        scores = totals / length_penalty(length, self.length_penalty)
        if self.coverage_penalty:
            scores = scores + coverage_penalty(coverage, mask_BS[:, None, :], self.coverage_penalty)
        return scores


def length_penalty(length: Tensor, alpha: float) -> Tensor:
    """The divisor ((5 + length) / 6) ** alpha of a log-probability.

    `length` counts EOS; alpha 0 gives 1.
    """
    return ops.power((5.0 + ops.cast(length, "float32")) / 6.0, alpha)


def coverage_penalty(coverage: Tensor, mask: Tensor, beta: float) -> Tensor:
    """The term of a score beta * sum over source positions of log(min(coverage, 1)).

    Args:
        coverage: (..., S) attention that each source position got, summed over output tokens.
        mask: (..., S) bool, False at padding.
        beta: 0 gives 0.
    """
    logs = ops.log(ops.clip(coverage, LEAST_ATTENTION, 1.0))
    return beta * ops.sum(ops.where(mask, logs, 0.0), axis=-1)


def block_repeats(logits_BKV: Tensor, history_BKT: Tensor, step: Tensor, size: int) -> Tensor:
    """Logits with -inf where a token would repeat an n-gram of the output.

    Args:
        logits_BKV: of the next token.
        history_BKT: ids of the tokens of steps before `step`; from `step` on it is not read.
        step: the number of tokens so far.
        size: n, at least 1.
    """
    batch, width, steps = ops.shape(history_BKT)
    vocabulary = ops.shape(logits_BKV)[-1]
    places_T = ops.arange(steps, dtype="int32")
    # At the end of each n-gram that begins as the hypothesis ends.
    repeats = ops.broadcast_to((places_T < step) & (places_T >= size - 1), ops.shape(history_BKT))
    if size > 1:
        # `ops.minimum` would hide a number that a compiler needs to know.
        window = min(size - 1, steps) if isinstance(steps, int) else ops.minimum(size - 1, steps)
        back_W = ops.arange(1, window + 1, dtype="int32")
        before_TW = ops.maximum(places_T[:, None] - back_W, 0)
        earlier_BKTW = gather(history_BKT, before_TW, axis=2)
        last_BKW = gather(history_BKT, ops.maximum(step - back_W, 0), axis=2)
        repeats = repeats & ops.all(ops.equal(earlier_BKTW, last_BKW[:, :, None]), axis=-1)
    rows = ops.repeat(ops.arange(batch * width, dtype="int32"), steps)
    said_again = ops.stack([rows, ops.reshape(history_BKT, (-1,))], axis=1)
    penalties = ops.reshape(ops.where(repeats, LOG_ZERO, 0.0), (-1,))
    summed = ops.scatter(said_again, penalties, (batch * width, vocabulary))
    return logits_BKV + ops.reshape(summed, (batch, width, vocabulary))
