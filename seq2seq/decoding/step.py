"""What a search sees of a network, what it is told, and what it returns.

Shapes: B sentences, K hypotheses a sentence, V vocabulary, T target positions, S source positions.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from keras import ops

Tensor = Any  # a tensor of whichever backend Keras runs on
State = list[Tensor]  # whatever a step carries to the next; every tensor (B, K, ...)


class StepFunction(Protocol):
    """Log-probabilities of the token after `previous_ids`, and the state that follows.

    `previous_ids` (B, K) and a state to log-probabilities (B, K, V), the new state, and attention
    weights (B, K, S). What is the same for all K hypotheses of a sentence belongs to the function,
    not to the state.
    """

    def __call__(self, previous_ids: Tensor, state: State) -> tuple[Tensor, State, Tensor]:
        """See the class."""
        ...


@dataclass(frozen=True)
class Tokens:
    """The ids that a search treats specially."""

    bos: int
    eos: int
    never: tuple[int, ...]  # not real output: padding, BOS, the unknown token


@dataclass(frozen=True)
class Hypotheses:
    """The outputs of a search, best first."""

    ids: Tensor  # (B, K, T) int32, each ending in EOS; padding after it
    lengths: Tensor  # (B, K) int32, EOS counted; 0 where fewer than K outputs exist
    log_probabilities: Tensor  # (B, K) of the whole output, in nats
    scores: Tensor  # (B, K) log-probability over the length penalty: what the order goes by
    weights: Tensor  # (B, K, T, S) attention weights of each output token


def allowed(log_probs_BKV: Tensor, tokens: Tokens, last_B: Tensor) -> Tensor:
    """Log-probabilities with -inf for special tokens, and where `last_B` for all but EOS.

    A sentence's own limit ends it, not its batch's, so that no output depends on the batch.
    """
    vocabulary = ops.arange(log_probs_BKV.shape[-1], dtype="int32")
    is_eos = ops.equal(vocabulary, tokens.eos)
    special = is_eos & False
    for token in tokens.never:
        special = special | ops.equal(vocabulary, token)
    forbidden_BV = special | (last_B[:, None] & ~is_eos)
    return ops.where(forbidden_BV[:, None, :], -float("inf"), log_probs_BKV)


def write(buffer: Tensor, step: Tensor, values: Tensor) -> Tensor:
    """The buffer (T, ...) with `values` (...) at `step`; the shape stays, as loops need."""
    steps = ops.arange(ops.shape(buffer)[0], dtype="int32")
    here = ops.reshape(ops.equal(steps, step), (-1, *[1] * (len(buffer.shape) - 1)))
    return ops.where(here, values[None], buffer)
