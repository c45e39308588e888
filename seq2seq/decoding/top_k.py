"""The largest few logits of a vocabulary.

Shape suffixes: B sentences, K hypotheses, C candidates, V vocabulary, W a block's width.
"""

from keras import ops

from seq2seq.decoding.step import LOG_ZERO, SUPPRESSED_BELOW, Tensor, regroup, to_be_found
from seq2seq.gather import gather

BLOCK = 64  # ids; the maximum of each block says which few blocks hold the best


def best_continuations(logits_BKV: Tensor, eos: int, beam_width: int) -> tuple[Tensor, Tensor]:
    """Candidates that hold the best choices other than EOS.

    Args:
        logits_BKV: of the next token.
        eos: the id of EOS.
        beam_width: the number of choices wanted.

    Returns:
        Logits and ids (B, K, C), -inf and EOS for what is no choice: the output layer may have
        more places than the vocabulary has ids. Equal logits stay in the order of their ids.
    """
    logits_BKC, ids_BKC = top_ids(logits_BKV, beam_width + 1)  # EOS may be among them
    choice = ops.not_equal(ids_BKC, eos) & (logits_BKC > SUPPRESSED_BELOW)
    return ops.where(choice, logits_BKC, LOG_ZERO), ops.where(choice, ids_BKC, eos)


def top_ids(logits_BKV: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest logits and their ids; of equal ones the lower ids, in order.

    Done in two stages: `top_k` and `argmax` over a whole vocabulary take ten times as long as a
    maximum.
    """
    vocabulary = logits_BKV.shape[-1]
    if vocabulary is not None and vocabulary <= BLOCK * count:
        logits_BKC, ids_BKC = ops.top_k(logits_BKV, min(count, vocabulary))
        return logits_BKC, ops.cast(ids_BKC, "int32")
    if vocabulary is None or vocabulary % BLOCK:
        short = -ops.shape(logits_BKV)[-1] % (BLOCK * count)
        logits_BKV = ops.pad(logits_BKV, [[0, 0], [0, 0], [0, short]], constant_values=LOG_ZERO)
    batch, width, vocabulary = ops.shape(logits_BKV)
    blocks = vocabulary // BLOCK
    logits_NW = ops.reshape(logits_BKV, (batch * width * blocks, BLOCK))
    largest_BKb = ops.reshape(ops.max(logits_NW, axis=-1), (batch, width, blocks))
    # In the order of the vocabulary again, so that equal logits stay in that order.
    chosen_BKC = ops.sort(ops.cast(ops.top_k(largest_BKb, count)[1], "int32"), axis=-1)
    firsts = ops.reshape(ops.arange(batch * width, dtype="int32") * blocks, (batch, width, 1))
    some_BKCW = gather(logits_NW, firsts + chosen_BKC)
    some = ops.reshape(some_BKCW, (batch, width, count * BLOCK))
    logits_BKC, places = ops.top_k(some, count)
    places = ops.cast(places, "int32")
    rows = [ops.reshape(each, (-1, count)) for each in (chosen_BKC, places // BLOCK)]
    blocks_BKC = ops.reshape(regroup(*rows), (to_be_found(batch), width, count))
    return logits_BKC, blocks_BKC * BLOCK + places % BLOCK
