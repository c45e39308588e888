"""Which subwords an embedding takes for alike."""

import numpy as np


def nearest(embeddings: np.ndarray, row: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and cosine similarities (C,) of a row's nearest neighbours, itself left out.

    The nearest come first, and of equally near ones the lower ids. A row of zeros is like nothing:
    0 to all others.

    Args:
        embeddings: (V, E).
        row: whose neighbours.
        count: C; where there are fewer others, as many as there are.

    Raises:
        ValueError: no such row, or a count below 1.
    """
    if not 0 <= row < len(embeddings) or count < 1:
        raise ValueError(f"{count} neighbours of row {row} of {len(embeddings)}")
    vectors = np.asarray(embeddings, np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    unit = vectors / np.where(lengths > 0, lengths, 1.0)[:, None]
    similarities = np.clip(unit @ unit[row], -1.0, 1.0)
    others = np.delete(np.arange(len(vectors)), row)
    ids = others[np.argsort(-similarities[others], kind="stable")][:count]
    return ids, similarities[ids]
