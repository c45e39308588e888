"""Prefixes: what the outputs of a sentence have to begin with, whatever the network would say.

A forced token costs what the network gives it, so that the score of an output does not depend on
how it was found. A prefix goes before every rule: rules are for what the search chooses.

Shape suffixes: B sentences, K hypotheses, P places of a prefix, V vocabulary; a place has three
numbers, see `Prefixes`.
"""

from keras import ops

from seq2seq.decoding.forced_tokens import FREE
from seq2seq.decoding.step import LOG_ZERO, Tensor
from seq2seq.gather import gather


def place_at(places_BP3: Tensor, step: Tensor) -> Tensor:
    """(B, 3) the place at a step. After the last, no hypothesis is on the path any more."""
    return gather(places_BP3, ops.minimum(step, ops.shape(places_BP3)[1] - 1), axis=1)


def is_forced(place_B3: Tensor, on_path_BK: Tensor) -> Tensor:
    """(B, K) whether the next token is the prefix's, and not the search's choice."""
    return (place_B3[:, 0] >= 0)[:, None] & on_path_BK


def follow(
    place_B3: Tensor,
    on_path_BK: Tensor,
    logits_BKV: Tensor,
    choices_BKV: Tensor,
    ranks_V: Tensor,
    eos: int,
) -> Tensor:
    """Logits of the next token, with -inf for what prefixes do not allow.

    Args:
        place_B3: see `place_at`.
        on_path_BK: whether a hypothesis has said what its prefix says, and no completion.
        logits_BKV: of the next token.
        choices_BKV: the same with -inf for what rules forbid.
        ranks_V: see `Prefixes`.
        eos: the id of EOS.
    """
    ids_V = ops.arange(ops.shape(logits_BKV)[-1], dtype="int32")
    id_B1, first_B1, end_B1 = (place_B3[:, each : each + 1] for each in range(3))
    wanted_BV = ops.equal(ids_V, id_B1) | ((ranks_V >= first_B1) & (ranks_V < end_B1))
    forced_BKV = ops.where(wanted_BV[:, None], logits_BKV, LOG_ZERO)
    open_BV = wanted_BV | ops.equal(id_B1, FREE) | ops.equal(ids_V, eos)
    is_open_BKV = open_BV[:, None] | ~on_path_BK[:, :, None]
    free_BKV = ops.where(is_open_BKV, choices_BKV, LOG_ZERO)
    return ops.where(is_forced(place_B3, on_path_BK)[:, :, None], forced_BKV, free_BKV)


def leave_no_room(places_BP3: Tensor, max_lengths_B: Tensor) -> Tensor:
    """(B,) bool: prefixes after which the greatest length has no place for EOS."""
    return ops.sum(ops.cast(places_BP3[:, :, 0] >= 0, "int32"), axis=1) >= max_lengths_B
