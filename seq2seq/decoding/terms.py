"""Terms: sequences of tokens that the outputs of a sentence have to contain, each somewhere.

A beam of hypotheses that compete by their log-probability alone would drop those that have said a
term, since the network did not want it. So hypotheses compete with those that have met as much as
they, and places in the beam are dealt out among such banks: the best of each, then the second of
each, and so on (Post and Vilar 2018, https://aclanthology.org/N18-1119, section 4, whose banks have
fixed sizes and pass on what they do not fill). What a hypothesis lacks is always among its
continuations, so that the fullest bank gains a token a step until all is met.

A term that was begun and not ended is not lost with the first other token if a shorter beginning of
it still stands (Knuth, Morris and Pratt 1977).

Shape suffixes: B sentences, K hypotheses, N continuations of a sentence, C of a hypothesis, P
terms, L tokens of the longest, X banks, V vocabulary.
"""

from keras import ops

from seq2seq.decoding.forced_tokens import FREE
from seq2seq.decoding.step import LOG_ZERO, SUPPRESSED_BELOW, Tensor, Terms, write
from seq2seq.gather import gather, gather_along


def prepared(ids_BPL: Tensor) -> Terms:
    """Terms as a search takes them; the moves are Knuth, Morris and Pratt's automaton.

    After a token that continues the term, one more is said; after another, as many as that token
    leaves of the longest beginning that stands behind the first token, which falls back likewise.

    >>> from seq2seq.decoding.forced_tokens import term_ids
    >>> prepared(term_ids([[[7, 7, 8]]])).moves[0, 0].numpy().tolist()  # 7, 7, 7: two still stand
    [[1, 1, 0], [2, 2, 0], [2, 2, 3]]
    """
    batch, count, longest = ops.shape(ids_BPL)
    ids_BPL = ops.cast(ids_BPL, "int32")
    states_L = ops.reshape(ops.arange(longest, dtype="int32"), (1, -1, 1, 1))

    def add_state(state: Tensor, fallback_BP: Tensor, moves_BLPL: Tensor) -> tuple:
        token_BP1 = gather(ids_BPL, state, axis=2)[..., None]
        here = ops.cast(ops.equal(states_L, fallback_BP[:, None, :, None]), "int32")
        fallen_BPL = ops.sum(moves_BLPL * here, axis=1)
        row_BPL = ops.where(ops.equal(ids_BPL, token_BP1), state + 1, fallen_BPL)
        row_BPL = ops.where((ids_BPL >= 0) & (token_BP1 >= 0), row_BPL, 0)
        fallback_BP = gather(fallen_BPL, state, axis=2)
        return state + 1, fallback_BP, write([moves_BLPL], state, [row_BPL])[0]

    start = (
        ops.convert_to_tensor(0, "int32"),
        ops.zeros_like(ids_BPL[:, :, 0]),
        ops.zeros((batch, longest, count, longest), dtype="int32"),
    )
    moves_BLPL = ops.while_loop(lambda state, *_: state < longest, add_state, start)[2]
    return Terms(ids_BPL, ops.transpose(moves_BLPL, (0, 2, 1, 3)))


def lengths_of(ids_BPL: Tensor) -> Tensor:
    """(B, P) tokens of each term; 0 where there is none."""
    return ops.sum(ops.cast(ids_BPL >= 0, "int32"), axis=-1)


def are_met(terms: Terms, said_BKP: Tensor) -> Tensor:
    """(B, K) whether hypotheses contain all terms."""
    return ops.all(said_BKP >= lengths_of(terms.ids)[:, None], axis=-1)


def say(terms: Terms, said_BNP: Tensor, ids_BN: Tensor) -> Tensor:
    """Tokens (B, N, P) of each term that were said last, after one more.

    Args:
        terms: of the sentences.
        said_BNP: before it; a term that was said whole stays so.
        ids_BN: the token.
    """
    lengths_B1P = lengths_of(terms.ids)[:, None]
    states_BPN1 = ops.transpose(ops.minimum(said_BNP, lengths_B1P - 1), (0, 2, 1))[..., None]
    moves_BPNL = ops.take_along_axis(terms.moves, ops.maximum(states_BPN1, 0), axis=2)
    same_BNPL = ops.cast(ops.equal(terms.ids[:, None], ids_BN[:, :, None, None]), "int32")
    first_BNPL = same_BNPL * ops.cast(ops.equal(ops.cumsum(same_BNPL, axis=-1), 1), "int32")
    moved_BNP = ops.sum(ops.transpose(moves_BPNL, (0, 2, 1, 3)) * first_BNPL, axis=-1)
    return ops.where(said_BNP >= lengths_B1P, said_BNP, moved_BNP)


def add_wanted(
    terms: Terms, said_BKP: Tensor, choices_BKV: Tensor, logits_BKC: Tensor, ids_BKC: Tensor
) -> tuple[Tensor, Tensor]:
    """Continuations with what each term wants next beside them, logits and ids (B, K, C + P).

    Args:
        terms: of the sentences.
        said_BKP: see `say`.
        choices_BKV: logits of every token, low where it is no choice.
        logits_BKC: of the best continuations; -inf for what is none.
        ids_BKC: their tokens.
    """
    ids_BKP = _wanted(terms, said_BKP)
    logits_BKP = gather_along(choices_BKV, ops.maximum(ids_BKP, 0))
    among_BKP = ops.any(
        ops.equal(ids_BKP[..., None], ids_BKC[:, :, None]) & (logits_BKC > LOG_ZERO)[:, :, None],
        axis=-1,
    )
    places_P = ops.arange(ops.shape(ids_BKP)[2], dtype="int32")
    earlier_PP = places_P[:, None] > places_P
    again_BKP = ops.any(ops.equal(ids_BKP[..., None], ids_BKP[:, :, None]) & earlier_PP, axis=-1)
    is_new_BKP = (ids_BKP >= 0) & ~among_BKP & ~again_BKP & (logits_BKP > SUPPRESSED_BELOW)
    logits_BKP = ops.where(is_new_BKP, logits_BKP, LOG_ZERO)
    return (
        ops.concatenate([logits_BKC, logits_BKP], axis=-1),
        ops.concatenate([ids_BKC, ops.maximum(ids_BKP, 0)], axis=-1),
    )


def _wanted(terms: Terms, said_BKP: Tensor) -> Tensor:
    """(B, K, P) the next token of each term, FREE of one that was said whole."""
    numbers_L = ops.arange(ops.shape(terms.ids)[2], dtype="int32")
    is_next_BKPL = ops.equal(said_BKP[..., None], numbers_L)
    return ops.max(ops.where(is_next_BKPL, terms.ids[:, None], FREE), axis=-1)


def deal_out(terms: Terms, said_BNP: Tensor, totals_BN: Tensor, beam_width: int) -> Tensor:
    """Places (B, K) of the continuations that stay: the best of each bank, then the second, ...

    Args:
        terms: of the sentences.
        said_BNP: of each continuation, after it.
        totals_BN: its log-probability; -inf: it is none.
        beam_width: K.
    """
    lengths_B1P = lengths_of(terms.ids)[:, None]
    whole_BNP = said_BNP >= lengths_B1P
    met_BN = ops.sum(ops.where(whole_BNP, lengths_B1P, 0), axis=-1)
    begun_BN = ops.max(ops.where(whole_BNP, 0, said_BNP), axis=-1)
    banks_BN = met_BN + begun_BN
    banks_B1 = ops.max(banks_BN, axis=-1, keepdims=True) + 1
    ranks_BN = _ranks_in_banks(banks_BN, totals_BN)
    turns_BN = ranks_BN * banks_B1 + (banks_B1 - 1 - banks_BN)  # the fuller bank first
    turns_BN = ops.where(totals_BN > LOG_ZERO, ops.cast(turns_BN, "float32"), float("inf"))
    return ops.cast(ops.top_k(-turns_BN, beam_width)[1], "int32")


def _ranks_in_banks(banks_BN: Tensor, totals_BN: Tensor) -> Tensor:
    """(B, N) how many of the same bank are better, or as good and stand before."""
    order_BN = ops.argsort(-totals_BN, axis=-1)
    sorted_BN = gather_along(banks_BN, order_BN)
    numbers = ops.arange(ops.max(sorted_BN) + 1, dtype="int32")
    counted_BNX = ops.cumsum(ops.cast(ops.equal(sorted_BN[..., None], numbers), "int32"), axis=1)
    ranks_BN = gather_along(counted_BNX, sorted_BN[..., None])[..., 0] - 1
    return gather_along(ranks_BN, ops.argsort(order_BN, axis=-1))
