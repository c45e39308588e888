"""Blocks of rows: requests are cut into them for runs of the model, which take several together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from seq2seq.config.serving import BatchingConfig
from seq2seq.serving.saved_model.tensors import Arrays
from seq2seq.serving.server.errors import Code, RequestError

DEFERRAL = 1.0  # seconds, of a request's second `run_bytes`; of its third twice that, and so on
Outcome = Arrays | Exception


class Lane(Enum):
    """Whose runs a block waits for; each lane has workers of its own."""

    SHORT = 0  # requests of a single run
    LARGE = 1  # requests of several runs
    LONG = 2  # rows that are larger than a run


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive rows of a request, for one run of the model."""

    inputs: Arrays
    rows: int
    size: int  # bytes of the inputs
    lane: Lane
    deferral: float  # seconds after its arrival within which others still go first

    @property
    def places(self) -> int:
        """Places it takes in the queue: a request without rows takes one too."""
        return max(1, self.rows)


def cut_request(inputs: Arrays, rows: int, config: BatchingConfig) -> list[Block]:
    """A request's rows in blocks of at most a run each, in order.

    Args:
        inputs: arrays with the rows first.
        rows: their number.
        config: how much a run takes.
    """
    sizes = _row_sizes(inputs, rows)
    blocks: list[Block] = []
    start = before = 0
    while start < rows or not blocks:
        end, size = start, 0
        while end < rows and end - start < config.max_batch:
            if end > start and size + sizes[end] > config.run_bytes:
                break
            size += sizes[end]
            end += 1
        block = {name: array[start:end] for name, array in inputs.items()}
        lane = Lane.LONG if size > config.run_bytes else Lane.SHORT
        deferral = DEFERRAL * (before // config.run_bytes)
        blocks.append(Block(block, end - start, size, lane, deferral))
        start, before = end, before + size
    if len(blocks) == 1:
        return blocks
    return [replace(each, lane=Lane.LARGE) if each.lane is Lane.SHORT else each for each in blocks]


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
    blocks: list[Arrays] = []
    start = 0
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

    Args:
        run: the model.
        blocks: inputs.
        sizes: rows of each block.
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


def _row_sizes(inputs: Arrays, rows: int) -> list[int]:
    """Bytes of each row in all inputs."""
    sizes = np.zeros(rows, np.int64)
    for array in inputs.values() if rows else ():
        if array.dtype == object:
            lengths = np.fromiter(map(len, array.flat), np.int64, array.size)
            sizes += lengths.reshape(rows, -1).sum(axis=1)
        else:
            sizes += array.nbytes // rows
    return sizes.tolist()


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
        place = (slice(start, start + len(array)), *inside)
        joined[place] = array
        start += len(array)
    return joined
