"""What outputs are made to contain, as numbers: see `step.Prefixes` and `step.Terms`."""

from collections.abc import Sequence

import numpy as np

FREE, NEW_WORD = -1, -2  # in a prefix or a term, in place of an id


def term_ids(terms: Sequence[Sequence[Sequence[int]]]) -> np.ndarray:
    """`Terms.ids` for the terms of each sentence.

    >>> term_ids([[[7, 7, 8]], []]).tolist()
    [[[7, 7, 8]], [[-1, -1, -1]]]
    """
    count = max([1, *map(len, terms)])
    longest = max([1, *(len(term) for some in terms for term in some)])
    ids = np.full((len(terms), count, longest), FREE, np.int32)
    for sentence, some in enumerate(terms):
        for place, term in enumerate(some):
            ids[sentence, place, : len(term)] = term
    return ids
