"""How much of each source word is left in what attention reads, and how much of it it looks at.

Of a memory whose vectors are nearly the same at all positions, attention gets nearly the same
wherever it looks, though a probe may find the words in what differs.

A network whose encoder blurs its words when training begins learns a language model of the target
first, and may stay with it. A linear probe sees that before a step is taken (Alain and Bengio 2016,
https://arxiv.org/abs/1610.01644, probe trained networks so).

Attention that begins at one position alone is hardly better: softmax passes next to no gradient to
positions without weight, so what it looks at it cannot learn to leave.

Shape suffixes: B sentences, S source positions, M memory units, E embedding units, N positions.
"""

from collections.abc import Sequence

import numpy as np
from keras import ops

from seq2seq.inspection.trace import trace
from seq2seq.models.embeddings import scaled
from seq2seq.models.translator import Translator

PENALTY = 0.01  # of the ridge, in mean squares of a memory unit over the positions


def words_recovered(translator: Translator, source_ids_BS: np.ndarray, training: bool) -> float:
    """Share of the variance of embedded words that a ridge regression finds in the memory.

    The regression goes from the memory at a position (M,) to the embedded word there (E,), is made
    of the first four fifths of the sentences, and judged on the others: the coefficient of
    determination R², 1 if every word is there, 0 or less if none is.

    Args:
        translator: fresh or trained.
        source_ids_BS: sentences as the encoder reads them, 0 at padding; some hundred, so that
            there are many more positions than memory units.
        training: with training's dropout.

    Raises:
        ValueError: fewer positions than memory units to make the regression of.
    """
    memory_BSM = ops.convert_to_numpy(translator.encoder(source_ids_BS, training=training)[0])
    embedding = translator.layers.source_embedding
    words_BSE = ops.convert_to_numpy(scaled(embedding, ops.convert_to_tensor(source_ids_BS)))
    real_BS, first = source_ids_BS != 0, len(source_ids_BS) * 4 // 5
    seen, held_out = (
        (memory_BSM[part][real_BS[part]], words_BSE[part][real_BS[part]])
        for part in (slice(first), slice(first, None))
    )
    if len(seen[0]) <= memory_BSM.shape[-1] or not len(held_out[0]):
        raise ValueError(
            f"{len(seen[0])} positions for {memory_BSM.shape[-1]} memory units: give more sentences"
        )
    return _r_squared(*_standardized(seen, held_out))


def positions_apart(translator: Translator, source_ids_BS: np.ndarray) -> float:
    """Share of what attention reads that differs between the positions of a sentence.

    The mean squared distance of the memory's vectors from their mean over a sentence, over their
    mean squared length: 0 where they are all the same, 1 where their mean is 0.

    Args:
        translator: fresh or trained.
        source_ids_BS: sentences as the encoder reads them, 0 at padding.
    """
    memory_BSM = ops.convert_to_numpy(translator.encoder(source_ids_BS)[0]).astype("float64")
    shares = []
    for memory_SM, ids_S in zip(memory_BSM, source_ids_BS, strict=True):
        real_SM = memory_SM[ids_S != 0]
        shares.append(np.sum((real_SM - real_SM.mean(0)) ** 2) / np.sum(real_SM**2))
    return float(np.mean(shares))


def positions_attended(
    translator: Translator, source_ids: Sequence[int], target_in: Sequence[int]
) -> float:
    """Share of a sentence's positions among which attention spreads its weight.

    The exponential of the weights' entropy, on average over target positions, over the number of
    source positions S: 1 where all get the same weight, 1/S where one gets all of it.

    Args:
        translator: fresh or trained; with attention.
        source_ids: (S,) as the encoder reads them, no padding.
        target_in: (T,) as the decoder reads them.
    """
    weights_TS = trace(translator, source_ids, target_in).attention.astype("float64")
    entropies_T = -np.sum(weights_TS * np.log(np.maximum(weights_TS, 1e-30)), axis=-1)
    return float(np.mean(np.exp(entropies_T))) / weights_TS.shape[-1]


def _standardized(
    seen: tuple[np.ndarray, np.ndarray], held_out: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Both sides in float64, less the means of what was seen, memory in its mean deviation."""
    (memory, words), (other_memory, other_words) = seen, held_out
    level, centre = memory.mean(0, "float64"), words.mean(0, "float64")
    scale = max(float(np.sqrt(np.mean((memory - level) ** 2))), 1e-12)
    return (
        (memory - level) / scale,
        words - centre,
        (other_memory - level) / scale,
        other_words - centre,
    )


def _r_squared(
    memory_NM: np.ndarray, words_NE: np.ndarray, other_memory: np.ndarray, other_words: np.ndarray
) -> float:
    """Of a ridge regression made of the first two, judged on the others."""
    positions, units = memory_NM.shape
    products = memory_NM.T @ memory_NM + PENALTY * positions * np.eye(units)
    weights_ME = np.linalg.solve(products, memory_NM.T @ words_NE)
    missed = np.sum((other_words - other_memory @ weights_ME) ** 2)
    return float(1 - missed / np.sum(other_words**2))
