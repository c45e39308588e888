"""What a search sees of a network, what it starts from, and what it returns.

Shapes: B sentences, K hypotheses a sentence, N outputs a sentence, V vocabulary, T target
positions, S source positions.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from keras import ops

Tensor = Any  # a tensor of whichever backend Keras runs on
State = list[Tensor]  # whatever a step carries to the next; every tensor (B, K, ...)
Context = list[Tensor]  # what all hypotheses of a sentence share; every tensor (B, ...)

NEVER = -float("inf")
FORBIDDEN = -1e8  # a logit below this is no choice at all


class StepFunction(Protocol):
    """Logits of the token after `previous_ids`, and the state that follows.

    `previous_ids` (B, K), a state and a context to logits (B, K, V), the new state, and attention
    weights (B, K, S). B shrinks while a search runs, as sentences that are done leave it: what
    belongs to a sentence comes in through state and context alone. Tokens that are no output
    (padding, BOS) get logits below `FORBIDDEN`.
    """

    def __call__(
        self, previous_ids: Tensor, state: State, context: Context
    ) -> tuple[Tensor, State, Tensor]:
        """See the class."""
        ...


@dataclass(frozen=True)
class Start:
    """Where a search starts."""

    state: State  # before the first step, every tensor (B, 1, ...)
    context: Context  # every tensor (B, ...)
    limits: Tensor  # (B,) int32, most output tokens of each sentence, EOS counted
    # (B, S) bool, True at real source positions. S is the weights' width; if it is 0, attention is
    # not kept, and that must be known while tracing.
    source_mask: Tensor


@dataclass(frozen=True)
class Hypotheses:
    """The outputs of a search."""

    ids: Tensor  # (B, N, T) int32, each ending in EOS; padding after it
    lengths: Tensor  # (B, N) int32, EOS counted; 0 where fewer than N outputs exist
    log_probabilities: Tensor  # (B, N) of the whole output, in nats
    scores: Tensor  # (B, N) with length and coverage penalty: what a search orders by
    token_log_probabilities: Tensor  # (B, N, T) nats; 0 after the end
    weights: Tensor  # (B, N, T, S) attention weights of each output token; 0 after the end


def longest_limit(limits_B: Tensor) -> Tensor:
    """T: the largest of the limits; 1 for a batch of none."""
    return ops.max(ops.concatenate([limits_B, ops.ones((1,), dtype="int32")]))


def repeat_state(state: State, beam_width: int) -> State:
    """State tensors (B, 1, ...) as (B, K, ...)."""
    return [ops.repeat(each, beam_width, axis=1) for each in state]


def write(buffer: Tensor, step: Tensor, values: Tensor) -> Tensor:
    """The buffer (B, T, ...) with `values` (B, ...) at `step`; the shape stays, as loops need."""
    steps = ops.arange(ops.shape(buffer)[1], dtype="int32")
    here = ops.reshape(ops.equal(steps, step), (1, -1, *[1] * (len(buffer.shape) - 2)))
    return ops.where(here, values[:, None], buffer)


def regroup(values: Tensor, places_BN: Tensor) -> Tensor:
    """Of values (B, K, ...), each sentence's rows at `places`: (B, N, ...)."""
    batch, width, *rest = ops.shape(values)  # all sizes spelled out: some may be 0
    flat = ops.reshape(values, (batch * width, *rest))
    firsts = ops.arange(batch, dtype="int32")[:, None] * width
    taken = ops.take(flat, ops.reshape(firsts + places_BN, (-1,)), axis=0)
    return ops.reshape(taken, (batch, places_BN.shape[1], *rest))
