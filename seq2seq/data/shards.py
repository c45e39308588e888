"""Training text that was prepared once: pairs of ids, shuffled and packed in array_record files.

A folder of shards holds

    manifest.json                         hashes, counts, and the settings that shaped it
    subwords.model                        the vocabulary
    lengths.npy                           (pairs, 2) uint16, subwords of both sides
    pairs-00000-of-00008.array_record     records of 256 pairs, the last one of a shard shorter

so that any pairs are read without those before them, and batches are planned without reading any.
"""

import hashlib
import importlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from seq2seq.config.corpora import MANIFEST
from seq2seq.config.loading import as_settings
from seq2seq.config.sections import RunConfig
from seq2seq.data.counts import CorpusCounts
from seq2seq.data.id_rows import IdRows
from seq2seq.data.subwords import Subwords
from seq2seq.errors import DataError, install_extra
from seq2seq.files import file_sha256

FORMAT = 1
SUBWORDS, LENGTHS = "subwords.model", "lengths.npy"
RECORD = 256  # pairs of a record
LENGTH = np.dtype("<u2")  # of a side; data.longest is at most 1000
AGAIN = "prepare it again with `python -m data_prep shards`"


@dataclass(frozen=True)
class TextFile:
    """A file that shards were made of."""

    path: str
    sha256: str
    size: int  # bytes
    modified: int  # nanoseconds

    @classmethod
    def of(cls, path: Path) -> "TextFile":
        """A file as it is now."""
        found = path.stat()
        return cls(str(path), file_sha256(path), found.st_size, found.st_mtime_ns)

    def is_in(self, path: Path) -> bool:
        """Whether a file has the same contents; read only if its time is another."""
        found = path.stat()
        if found.st_size != self.size:
            return False
        return found.st_mtime_ns == self.modified or file_sha256(path) == self.sha256


@dataclass(frozen=True)
class Shard:
    """A file of records."""

    name: str
    pairs: int
    size: int  # bytes
    sha256: str

    @property
    def records(self) -> int:
        """How many it has."""
        return -(-self.pairs // RECORD)


@dataclass(frozen=True)
class Manifest:
    """What a folder of shards holds, and what it was made of.

    Attributes:
        format: of the folder.
        settings: those that shaped the shards, by name.
        seed: of the order.
        vocabulary: SHA-256 of the SentencePiece model.
        vocabulary_size: subwords.
        texts: source and target of each corpus.
        counts: of all pairs of the text.
        lengths: SHA-256 of lengths.npy.
        shards: in order.
    """

    format: int
    settings: dict[str, Any]
    seed: int
    vocabulary: str
    vocabulary_size: int
    texts: list[TextFile]
    counts: CorpusCounts
    lengths: str
    shards: list[Shard]

    @property
    def id_type(self) -> np.dtype:
        """Of ids in records."""
        return id_type(self.vocabulary_size)

    def to_json(self) -> bytes:
        """The contents of manifest.json."""
        return _MANIFEST.dump_json(self, indent=2) + b"\n"


_MANIFEST = TypeAdapter(Manifest)


def shaping_settings(config: RunConfig) -> dict[str, Any]:
    """The settings that shards depend on, by name."""
    data, subwords = config.data, as_settings(config)["subwords"]
    shaping = {name: subwords[name] for name in subwords if not name.startswith("sampling")}
    targets = [data.language_of(each) for each in data.corpora] if data.language_tags else []
    return {
        "data.longest": data.longest,
        "data.language_tags": targets,
        **{f"subwords.{name}": value for name, value in shaping.items()},
    }


def id_type(vocabulary_size: int) -> np.dtype:
    """The smallest type of numbers that holds every id."""
    return np.dtype("<u2" if vocabulary_size <= 1 << 16 else "<u4")


def pack(sources: IdRows, targets: IdRows, kind: np.dtype) -> bytes:
    """A record: the number of pairs, source lengths, target lengths, source ids, target ids."""
    parts = [
        np.array([len(sources)]),
        sources.lengths(),
        targets.lengths(),
        sources.flat,
        targets.flat,
    ]
    return np.concatenate(parts).astype(kind).tobytes()


def unpack(record: bytes, kind: np.dtype) -> tuple[IdRows, IdRows]:
    """Sources and targets of a record.

    Raises:
        ValueError: it is none.
    """
    values = np.frombuffer(record, kind)
    count = int(values[0]) if len(values) else 0
    lengths, ids = values[1 : 1 + 2 * count], values[1 + 2 * count :]
    splits = np.zeros(2 * count + 1, np.int64)
    np.cumsum(lengths, out=splits[1 : 1 + len(lengths)])
    if not count or len(lengths) < 2 * count or splits[-1] != len(ids):
        raise ValueError(f"{len(record)} bytes are no record of pairs")
    middle = splits[count]
    return (
        IdRows(ids[:middle], splits[: count + 1]),
        IdRows(ids[middle:], splits[count:] - middle),
    )


def joined(parts: Sequence[IdRows]) -> IdRows:
    """All rows, one part after the other."""
    splits = np.concatenate([[0], *(part.lengths() for part in parts)]).cumsum().astype(np.int64)
    return IdRows(np.concatenate([part.flat for part in parts]), splits)


def array_record_module() -> Any:
    """The module that reads and writes array_record files.

    Raises:
        DataError: it is not installed.
    """
    try:
        return importlib.import_module("array_record.python.array_record_module")
    except ImportError:
        raise DataError(
            f"shards need the package array-record; install it with: {install_extra('scale')}"
        ) from None


class Shards:
    """A folder of shards, opened for reading.

    Raises:
        DataError: it is none, or a file is missing or was changed. The contents of shards are
            looked at when they are read, and by `verify`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest, self.sha256 = _read_manifest(folder)
        for shard in self.manifest.shards:
            path = folder / shard.name
            if not path.is_file() or path.stat().st_size != shard.size:
                raise self._changed(shard.name)
        self._compare(SUBWORDS, self.manifest.vocabulary)
        self._compare(LENGTHS, self.manifest.lengths)
        self._lengths = np.load(folder / LENGTHS, mmap_mode="r")
        self._module = array_record_module()
        self._readers: dict[int, Any] = {}
        counts = [shard.records for shard in self.manifest.shards]
        self._first_records = np.cumsum([0, *counts])
        self._first_pairs = np.cumsum([0, *(shard.pairs for shard in self.manifest.shards)])

    @property
    def records(self) -> int:
        """Records of all shards."""
        return int(self._first_records[-1])

    def subwords(self) -> Subwords:
        """The vocabulary."""
        return Subwords.load(self.folder / SUBWORDS)

    def verify(self) -> None:
        """Reads all shards and compares their hashes.

        Raises:
            DataError: one was changed.
        """
        for shard in self.manifest.shards:
            self._compare(shard.name, shard.sha256)

    def check_texts(self, paths: Mapping[str, Path]) -> None:
        """Looks that text files, where they are there, are those that the shards were made of.

        Args:
            paths: of source and target of each corpus, by setting; none: nothing to look at.

        Raises:
            DataError: one is not.
        """
        texts = self.manifest.texts
        if paths and len(paths) != len(texts):
            raise DataError(
                f"{self.folder} was prepared of {len(texts)} files, and the settings name "
                f"{len(paths)}; name the same, or {AGAIN}"
            )
        for (name, path), text in zip(paths.items(), texts, strict=False):
            if path.is_file() and not text.is_in(path):
                raise DataError(
                    f"{path} (data.{name}) is not the text that {self.folder} was prepared of; "
                    f"restore it, or {AGAIN}"
                )

    def lengths(self, records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Subwords of the sources and of the targets (n,) in records, without reading these."""
        found = np.concatenate([self._lengths_of(record) for record in records.tolist()])
        return found[:, 0].astype(np.int64), found[:, 1].astype(np.int64)

    def read(self, records: np.ndarray) -> tuple[IdRows, IdRows]:
        """Sources and targets in records, in this order.

        Raises:
            DataError: a shard is damaged.
        """
        shards = np.searchsorted(self._first_records, records, "right") - 1
        found: dict[int, tuple[IdRows, IdRows]] = {}
        for shard in np.unique(shards).tolist():
            wanted = records[shards == shard]
            for record, pairs in zip(wanted.tolist(), self._read(shard, wanted), strict=True):
                found[record] = pairs
        sources, targets = zip(*(found[record] for record in records.tolist()), strict=True)
        return joined(sources), joined(targets)

    def pairs(self, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The first pairs of ids, at most so many: an even sample of all, as they are shuffled."""
        records = (np.array([record]) for record in range(self.records))
        found = (_rows_of(*self.read(record)) for record in records)
        return itertools.islice(itertools.chain.from_iterable(found), most)

    def _read(self, shard: int, records: np.ndarray) -> list[tuple[IdRows, IdRows]]:
        name, kind = self.manifest.shards[shard].name, self.manifest.id_type
        try:
            reader = self._readers.get(shard)
            if reader is None:
                reader = self._module.ArrayRecordReader(str(self.folder / name))
                self._readers[shard] = reader
            places = (records - self._first_records[shard]).tolist()
            found = [unpack(record, kind) for record in reader.read(places)]
        except (RuntimeError, ValueError, IndexError) as error:
            raise self._changed(name) from error
        for record, pair in zip(records.tolist(), found, strict=True):
            lengths = np.stack([side.lengths() for side in pair], axis=1)
            if not np.array_equal(lengths, self._lengths_of(record)):
                raise self._changed(name)
        return found

    def _lengths_of(self, record: int) -> np.ndarray:
        shard = int(np.searchsorted(self._first_records, record, "right")) - 1
        first = self._first_pairs[shard] + RECORD * (record - self._first_records[shard])
        return self._lengths[first : min(first + RECORD, self._first_pairs[shard + 1])]

    def _compare(self, name: str, digest: str) -> None:
        path = self.folder / name
        if not path.is_file() or file_sha256(path) != digest:
            raise self._changed(name)

    def _changed(self, name: str) -> DataError:
        path = self.folder / name
        what = "is damaged or was changed" if path.is_file() else "is missing"
        return DataError(f"{path} {what}; restore it, or {AGAIN}")


def _rows_of(sources: IdRows, targets: IdRows) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return ((sources[row], targets[row]) for row in range(len(sources)))


def _read_manifest(folder: Path) -> tuple[Manifest, str]:
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
        manifest = _MANIFEST.validate_json(content)
    except FileNotFoundError:
        raise DataError(
            f"{folder} holds no shards: {path} is missing; {AGAIN} CONFIG --output {folder}"
        ) from None
    except (OSError, ValidationError) as error:
        raise DataError(f"{path} is no list of shards; restore it, or {AGAIN}") from error
    if manifest.format != FORMAT:
        raise DataError(
            f"{path} has format {manifest.format}, and this version reads {FORMAT}; {AGAIN}"
        )
    return manifest, hashlib.sha256(content).hexdigest()
