"""The folder that shards are prepared in, and how far that has come; it survives a kill."""

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from data_prep.shards.encoding import Encoded
from data_prep.shards.packing import PackedShard
from seq2seq.data.counts import CorpusCounts
from seq2seq.errors import RunError
from seq2seq.files import write_atomically

STATE = "state.json"


@dataclass
class State:
    """What is done; as it is on disk.

    Attributes:
        made_of: what the shards depend on, by name.
        buckets: how many there are, one for each shard.
        chunks: of the text, that are in the buckets.
        sizes: of the buckets, in bytes.
        counts: of the chunks.
        encoded: whether these are all chunks.
        packed: the shards that are written, the first ones.
    """

    made_of: dict[str, Any]
    buckets: int
    chunks: int = 0
    sizes: list[int] = field(default_factory=list)
    counts: CorpusCounts = CorpusCounts(0, 0, 0, 0, 0)
    encoded: bool = False
    packed: list[PackedShard] = field(default_factory=list)


_STATE = TypeAdapter(State)


def holds_work(folder: Path) -> bool:
    """Whether pairs were saved in a folder."""
    path = folder / STATE
    return path.exists() and _STATE.validate_json(path.read_bytes()).chunks > 0


class Work:
    """A preparation that begins, or goes on.

    Args:
        folder: of the work.
        made_of: what the shards depend on.
        buckets: how many a new one has.

    Raises:
        RunError: what was begun there was of something else.
    """

    def __init__(self, folder: Path, made_of: dict[str, Any], buckets: int) -> None:
        self.folder = folder
        path = folder / STATE
        if not path.exists():
            self.state = State(made_of, buckets, sizes=[0] * buckets)
            return
        try:
            self.state = _STATE.validate_json(path.read_bytes())
        except ValidationError as error:
            raise RunError(f"{path} is damaged; delete {folder}") from error
        before = self.state.made_of
        others = [name for name in {**before, **made_of} if before.get(name) != made_of.get(name)]
        if others:
            raise RunError(
                f"{folder} was begun with another {', '.join(others)}; restore that, or delete the "
                "folder to begin anew"
            )

    def save(self) -> None:
        """Writes the state; what it tells of has to be on disk."""
        with write_atomically(self.folder / STATE) as stream:
            stream.write(_STATE.dump_json(self.state))

    def bucket(self, number: int) -> Path:
        """The path of one."""
        return self.folder / f"bucket-{number:05d}"

    def lengths(self, number: int) -> Path:
        """The path of a shard's lengths."""
        return self.folder / f"lengths-{number:05d}"

    def remove_packed(self) -> None:
        """Removes the buckets that shards were made of."""
        for number in range(len(self.state.packed)):
            self.bucket(number).unlink(missing_ok=True)


class Buckets:
    """The buckets, open to be added to, each cut to what the state has of it.

    Raises:
        RunError: one has less.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._open = ExitStack()
        self._streams = []
        for number, size in enumerate(work.state.sizes):
            path = work.bucket(number)
            stream = self._open.enter_context(open(path, "ab"))
            if os.path.getsize(path) < size:
                raise RunError(f"{path} is damaged; delete {work.folder} to begin anew")
            stream.truncate(size)
            self._streams.append(stream)

    def close(self) -> None:
        """Ends it; what was added since `save` is not kept."""
        self._open.close()

    def add(self, encoded: Encoded) -> None:
        """The pairs of the next chunk."""
        for number, block in encoded.blocks:
            self._streams[number].write(block)
        self._work.state.chunks += 1
        self._work.state.counts += encoded.counts

    def save(self) -> None:
        """Keeps all that was added."""
        for stream in self._streams:
            stream.flush()
            os.fsync(stream.fileno())
        self._work.state.sizes = [stream.tell() for stream in self._streams]
        self._work.save()
