"""The interface between a search and a network: step function, inputs, hypotheses.

Shapes: B sentences, K hypotheses a sentence, N outputs a sentence, V vocabulary, T target
positions, S source positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from keras import ops

from seq2seq.gather import gather

Tensor = Any  # a tensor of whichever backend Keras runs on
State = list[Tensor]  # whatever a step carries to the next; every tensor (B, K, ...)
Context = list[Tensor]  # what all hypotheses of a sentence share; every tensor (B, ...)

LOG_ZERO = -float("inf")  # log-probability of what cannot be
SUPPRESSED_BELOW = -1e8  # a token with a logit below this is no choice at all


class StepFunction(Protocol):
    """Logits of the token after `previous_ids`, and the state that follows.

    It maps `previous_ids` (B, K), a state and a context to logits (B, K, V), the new state, and
    attention weights (B, K, S). B shrinks while a search runs, as sentences that are done leave the
    batch, so that a step may know of its sentences only what state and context hold. Tokens that an
    output may not have (padding, BOS) get logits below `SUPPRESSED_BELOW`.
    """

    def __call__(
        self, previous_ids: Tensor, state: State, context: Context
    ) -> tuple[Tensor, State, Tensor]:
        """See the class."""
        ...


@dataclass(frozen=True)
class Prefixes:
    """What the outputs of each sentence begin with.

    A place of a prefix names a token, and a range of tokens in the order of their text that
    complete the prefix in one: if one of these is chosen, the rest of the prefix is done with. In
    place of an id, `forced_tokens.FREE` allows every token, and `NEW_WORD` those of the range, and
    EOS.
    """

    places: Tensor  # (B, P, 3) int32: id, first and end of the range; the last place has no id
    ranks: Tensor  # (V,) int32: places of tokens in the order of their text; -1: in no range


class Terms(NamedTuple):
    """Sequences of tokens that each sentence's outputs contain; see `terms.prepared`."""

    ids: Tensor  # (B, P, L) int32: the tokens of each term; FREE after its end
    # (B, P, L, L) int32: of a term of which s tokens were said last, how many are after the first
    # of its tokens that equals its j-th one
    moves: Tensor


@dataclass(frozen=True)
class SearchInputs:
    """The sentences to search outputs for, as a network encoded them."""

    state: State  # before the first step, every tensor (B, 1, ...)
    context: Context  # every tensor (B, ...)
    max_lengths: Tensor  # (B,) int32, most output tokens of each sentence, EOS counted
    # (B, S) bool, True at real source positions. S is the weights' width; if it is 0, attention is
    # not kept, and that must be known while tracing.
    source_mask: Tensor
    compacting: bool = True  # sentences that are done leave the batch: see `compacting_loop`
    normalized: bool = False  # whether the step's logits are log-probabilities already
    terms: Terms | None = None  # of beam search; a sentence without room for them has no output
    prefixes: Prefixes | None = None  # a sentence whose prefix leaves no room for EOS has no output


@dataclass(frozen=True)
class Hypotheses:
    """The outputs of a search."""

    ids: Tensor  # (B, N, T) int32, each ending in EOS; padding after it
    lengths: Tensor  # (B, N) int32, EOS counted; 0 where fewer than N outputs exist
    log_probabilities: Tensor  # (B, N) of the whole output, in nats
    scores: Tensor  # (B, N) with length and coverage penalty: what a search orders by
    token_log_probabilities: Tensor  # (B, N, T) nats; 0 after the end
    weights: Tensor  # (B, N, T, S) attention weights of each output token; 0 after the end


def longest_of(max_lengths_B: Tensor) -> Tensor:
    """T, the largest of the lengths; 1 for a batch of none."""
    return ops.max(ops.concatenate([max_lengths_B, ops.ones((1,), dtype="int32")]))


def log_sums_of(logits_BKV: Tensor, inputs: SearchInputs) -> Tensor:
    """What logits (B, K, V) are to be lessened by, (B, K), to be log-probabilities."""
    if inputs.normalized:
        return ops.zeros_like(logits_BKV[:, :, 0])
    return ops.logsumexp(logits_BKV, axis=-1)


def repeat_state(state: State, beam_width: int) -> State:
    """State tensors (B, 1, ...), repeated to (B, K, ...)."""
    return [ops.tile(each, (1, beam_width, *[1] * (len(each.shape) - 2))) for each in state]


def write(buffers: Sequence[Tensor], step: Tensor, values: Sequence[Tensor]) -> list[Tensor]:
    """Buffers with values written at one step; their shapes stay, as loops need.

    Args:
        buffers: tensors (B, T, ...).
        step: the place in T.
        values: a tensor (B, ...) for each buffer.
    """
    steps = ops.arange(ops.shape(buffers[0])[1], dtype="int32")
    here_T = ops.equal(steps, step)
    written = []
    for buffer, value in zip(buffers, values, strict=True):
        if 0 not in buffer.shape[2:]:  # attention that is not kept
            here = ops.reshape(here_T, (1, -1, *[1] * (len(buffer.shape) - 2)))
            buffer = ops.where(here, value[:, None], buffer)
        written.append(buffer)
    return written


def to_be_found(size: Tensor) -> Tensor:
    """A size for `reshape`: -1 where it is not known while tracing, which spares its arithmetic.

    For tensors none of whose other sizes is 0.
    """
    return size if isinstance(size, int) else -1


def regroup(values: Tensor, places_BN: Tensor) -> Tensor:
    """Rows (B, N, ...) of each sentence, taken at `places` from values (B, K, ...)."""
    return regroup_all([values], places_BN)[0]


def regroup_all(values: Sequence[Tensor], places_BN: Tensor) -> list[Tensor]:
    """`regroup` of several tensors with the same B and K."""
    batch, width = ops.shape(values[0])[:2]
    firsts = ops.arange(batch, dtype="int32")[:, None] * width
    rows = ops.reshape(firsts + places_BN, (-1,))
    regrouped = []
    for each in values:
        rest = each.shape[2:]
        if None in rest:
            rest = ops.shape(each)[2:]
        before, after = batch * width, batch
        if 0 not in each.shape[2:]:
            before, after = to_be_found(before), to_be_found(after)
        taken = gather(ops.reshape(each, (before, *rest)), rows)
        regrouped.append(ops.reshape(taken, (after, places_BN.shape[1], *rest)))
    return regrouped
