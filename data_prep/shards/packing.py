"""A bucket of pairs to a shard: in the order of their digests, each pair once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.shards.encoding import DIGEST, Pairs, read_blocks
from seq2seq.data.id_rows import IdRows
from seq2seq.data.shards import LENGTH, RECORD, Shard, array_record_module, id_type, joined, pack
from seq2seq.files import file_errors_of_libraries, file_sha256, flush


@dataclass(frozen=True)
class Packing:
    """A shard to be written.

    Attributes:
        bucket: blocks of pairs.
        path: of the shard.
        lengths: path of the array (pairs, 2) of its lengths, without a head.
        vocabulary_size: says how ids are stored.
    """

    bucket: Path
    path: Path
    lengths: Path
    vocabulary_size: int


@dataclass(frozen=True)
class PackedShard:
    """A shard that was written.

    Attributes:
        shard: what the manifest says of it.
        duplicates: pairs left out.
        source_subwords: of the pairs kept.
        target_subwords: likewise.
    """

    shard: Shard
    duplicates: int
    source_subwords: int
    target_subwords: int


def write_shard(packing: Packing) -> PackedShard:
    """Writes a shard, and the lengths of its pairs.

    Raises:
        OSError: the disk has no room.
    """
    kind, path = id_type(packing.vocabulary_size), packing.path
    with open(packing.bucket, "rb") as stream:
        pairs, duplicates = _each_once(list(read_blocks(stream, kind)), kind)
    count = len(pairs.sources)
    with file_errors_of_libraries(path):
        writer = array_record_module().ArrayRecordWriter(str(path), "group_size:1")
        for first in range(0, count, RECORD):
            part = pairs.take(np.arange(first, min(first + RECORD, count)))
            writer.write(pack(part.sources, part.targets, kind))
        writer.close()
    both = np.stack([pairs.sources.lengths(), pairs.targets.lengths()], axis=1)
    packing.lengths.write_bytes(both.astype(LENGTH).tobytes())
    for written in (path, packing.lengths):
        flush(written)
    shard = Shard(path.name, count, path.stat().st_size, file_sha256(path))
    return PackedShard(shard, duplicates, *both.sum(axis=0).tolist())


def _each_once(blocks: list[Pairs], kind: np.dtype) -> tuple[Pairs, int]:
    """All pairs in the order of their digests, without those that equal the one before."""
    if not blocks:
        nothing = IdRows(np.zeros(0, kind), np.zeros(1, np.int64))
        return Pairs(np.zeros((0, 2), DIGEST), nothing, nothing), 0
    digests = np.concatenate([block.digests for block in blocks])
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    first = np.ones(len(order), bool)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    sides = (joined([getattr(block, side) for block in blocks]) for side in ("sources", "targets"))
    return Pairs(digests, *sides).take(order[first]), int((~first).sum())
