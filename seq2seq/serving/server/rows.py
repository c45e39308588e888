"""Requests as blocks of rows: joined for one run of the model, and its outputs cut apart again."""

from collections.abc import Callable, Sequence

import numpy as np

from seq2seq.serving.server.errors import Code, RequestError
from seq2seq.serving.server.servable import Arrays

Outcome = Arrays | Exception


def cut_rows(arrays: Arrays, sizes: Sequence[int]) -> list[Arrays]:
    """Blocks of `sizes` rows, in order.

    Raises:
        RequestError: an array has another number of rows than the sizes add up to.
    """
    rows = sum(sizes)
    for name, array in arrays.items():
        if array.ndim == 0 or len(array) != rows:
            raise RequestError(
                Code.INTERNAL, f"the model's {name} has shape {list(array.shape)} for {rows} rows"
            )
    blocks, start = [], 0
    for size in sizes:
        blocks.append({name: array[start : start + size] for name, array in arrays.items()})
        start += size
    return blocks


def join_rows(blocks: Sequence[Arrays]) -> Arrays:
    """One block of all the rows, in order.

    Outputs of separate runs may differ in their other axes, which models pad to the longest row;
    the shorter are padded on with zeros, strings with b"".
    """
    if len(blocks) == 1:
        return blocks[0]
    return {name: _concatenate([block[name] for block in blocks]) for name in blocks[0]}


def run_together(
    run: Callable[[Arrays], Arrays], blocks: Sequence[Arrays], sizes: Sequence[int]
) -> list[Outcome]:
    """The outputs of each block, from one run of the model if that succeeds.

    If it fails, the halves are run apart, and their halves, until the blocks that fail stand
    alone: they get the error, all others their outputs.
    """
    try:
        return list(cut_rows(run(join_rows(blocks)), sizes))
    except Exception as error:
        if len(blocks) == 1:
            return [error]
    half = len(blocks) // 2
    return [
        *run_together(run, blocks[:half], sizes[:half]),
        *run_together(run, blocks[half:], sizes[half:]),
    ]


def _concatenate(arrays: Sequence[np.ndarray]) -> np.ndarray:
    widest = [max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays), strict=True)]
    if all(list(array.shape[1:]) == widest for array in arrays):
        return np.concatenate(arrays)
    empty: object = b"" if arrays[0].dtype == object else 0
    rows = sum(len(array) for array in arrays)
    joined = np.full((rows, *widest), empty, dtype=arrays[0].dtype)
    start = 0
    for array in arrays:
        inside = tuple(slice(size) for size in array.shape[1:])
        joined[(slice(start, start + len(array)), *inside)] = array
        start += len(array)
    return joined
