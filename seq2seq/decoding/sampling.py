"""Sampling: tokens drawn from the network's distribution, narrowed or not.

Shape suffixes: B sentences, K samples, V vocabulary, T target positions.
"""

from keras import ops

from seq2seq.decoding.rules import Rules
from seq2seq.decoding.step import (
    Hypotheses,
    SearchInputs,
    StepFunction,
    Tensor,
    longest_of,
    regroup,
)
from seq2seq.decoding.stepwise import allowed, decode_stepwise
from seq2seq.gather import gather, gather_along


def sample(
    step_function: StepFunction,
    inputs: SearchInputs,
    rules: Rules,
    uniforms: Tensor,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> Hypotheses:
    """K independent outputs a sentence, best score first.

    Args:
        step_function: the network.
        inputs: the sentences.
        rules: special ids, penalties, and what an output may not do.
        uniforms: (B, K, T) numbers in [0, 1), one for each token drawn: all the randomness there
            is, so that a sentence's samples depend on nothing else in its batch.
        temperature: logits are divided by it: below 1 sharper, above 1 flatter.
        top_k: only the likeliest k are drawn from (Fan et al. 2018,
            https://arxiv.org/abs/1805.04833, section 5.2); 0: all.
        top_p: only the fewest likeliest that together reach this probability (Holtzman et al. 2020,
            https://arxiv.org/abs/1904.09751, section 3.1).
    """

    def choose(
        step: Tensor, logits_BKV: Tensor, ids_BTK: Tensor, per_sentence_inputs: tuple
    ) -> Tensor:
        max_lengths_B, uniforms_BKT = per_sentence_inputs
        logits_BKV = allowed(logits_BKV, step, ids_BTK, max_lengths_B, rules)
        uniforms_BK = gather(uniforms_BKT, step, axis=2)
        return draw(logits_BKV, uniforms_BK, temperature, top_k, top_p)

    width = uniforms.shape[1]
    none_done = ops.zeros((ops.shape(inputs.max_lengths)[0], width), dtype="bool")
    longest = longest_of(inputs.max_lengths)
    random_inputs = (inputs.max_lengths, uniforms)
    found = decode_stepwise(step_function, inputs, rules, choose, random_inputs, none_done, longest)
    order = ops.cast(ops.top_k(found.scores, width)[1], "int32")
    return Hypotheses(**{name: regroup(each, order) for name, each in vars(found).items()})


def draw(
    logits_BKV: Tensor, uniforms_BK: Tensor, temperature: float, top_k: int, top_p: float
) -> Tensor:
    """Ids (B, K) drawn by inverting the cumulative probabilities.

    Of the whole vocabulary in the order of ids, because sorting it would take ten times as long as
    all the rest; of the likeliest, if they alone are drawn from, in their order.

    Args:
        logits_BKV: of the next token.
        uniforms_BK: numbers in [0, 1).
        temperature: as in `sample`, and so are the others.
        top_k: 0: all.
        top_p: 1: all.
    """
    logits_BKV = logits_BKV / temperature
    if not top_k and top_p >= 1:
        return _places(ops.softmax(logits_BKV), uniforms_BK)
    vocabulary = ops.shape(logits_BKV)[-1]
    kept = ops.minimum(top_k, vocabulary) if top_k else vocabulary
    logits_BKC, ids_BKC = ops.top_k(logits_BKV, kept)
    probabilities = ops.softmax(logits_BKC)
    before = ops.cumsum(probabilities, axis=-1) - probabilities
    inside = ops.cast(before < top_p, "float32")  # the first is always inside
    places_BK = _places(probabilities * inside, uniforms_BK)
    return ops.cast(gather_along(ids_BKC, places_BK[:, :, None])[:, :, 0], "int32")


def _places(shares_BKC: Tensor, uniforms_BK: Tensor) -> Tensor:
    """Places (B, K) int32 that uniform numbers fall to, where each has its share of all."""
    ends = ops.cumsum(shares_BKC, axis=-1)
    aims = uniforms_BK[:, :, None] * ends[:, :, -1:]
    places = ops.sum(ops.cast(ends <= aims, "int32"), axis=-1)
    # Rounding may put an aim on the very end: the last place with a share is meant.
    numbers = ops.arange(ops.shape(shares_BKC)[-1], dtype="int32")
    last = ops.max(ops.where(shares_BKC > 0, numbers, 0), axis=-1)
    return ops.minimum(places, last)
