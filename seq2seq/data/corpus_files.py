"""A corpus as somebody has it: two files, a table or a folder; and its splits."""

import logging
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from seq2seq.config.languages import WELL_FORMED, Languages, language_of_file
from seq2seq.data.held_out import held_out_sizes, link
from seq2seq.data.lines import check_encoding, read_lines, read_pairs
from seq2seq.errors import DataError
from seq2seq.files import (
    held,
    hidden_sibling,
    is_among,
    remove_leftovers,
    rename_durably,
    write_atomically,
)

logger = logging.getLogger(__name__)

Pair = tuple[Path, Path]

SIDES = ("src", "tgt", "trg")  # that files are named by; as tags, languages of few speakers
WRITTEN_AS = {"train": "train", "validation": "val", "test": "test"}
VALIDATION_NAMES = ("val", "validation", "valid", "dev")


@dataclass(frozen=True)
class Table:
    """A file of tab-separated columns, two of which, counted from 1, are source and target."""

    path: Path
    columns: tuple[int, int]

    def pairs(self, skipped: Counter[str] | None = None) -> Iterator[tuple[str, str]]:
        """A pair for each line, without space around it.

        Lines with too few columns are counted in `skipped`, by reason, or else in a warning.
        """
        last = max(self.columns)
        short, reason = 0, f"have fewer than {last} columns"
        for line in read_lines(self.path):
            fields = line.split("\t", last)
            if len(fields) < last:
                short += 1
                continue
            source, target = (fields[column - 1].strip() for column in self.columns)
            yield source, target
        if skipped is not None:
            skipped[reason] += short
        elif short:
            logger.warning("%s: %d lines %s", self.path, short, reason)


@dataclass(frozen=True)
class Corpus:
    """A corpus, as it is found."""

    train: Pair | Table
    validation: Pair | None
    test: Pair | None
    ends: tuple[str, str]  # of files that are written
    languages: Languages

    @property
    def files(self) -> list[Path]:
        """All files of it."""
        train = (self.train.path,) if isinstance(self.train, Table) else self.train
        return [*train, *(self.validation or ()), *(self.test or ())]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Of the text that training and what is held out are taken from."""
        return self.train.pairs() if isinstance(self.train, Table) else read_pairs(*self.train)


@dataclass(frozen=True)
class Splits:
    """The splits of a corpus: train, validation and perhaps test."""

    files: Mapping[str, Pair]
    readable: Mapping[str, Pair]  # where the same text is until written files get their names
    written: Mapping[str, int]  # pairs in each split that is written


def find_corpus(
    source: Path,
    target: Path | None,
    columns: tuple[int, int] = (1, 2),
    ends: tuple[str | None, str | None] = (None, None),
) -> Corpus:
    """The corpus of two files; without a target, of a table or of a folder of data_prep.

    Args:
        source: text in the source language, a table, or a folder.
        target: its translation.
        columns: source and target in a table.
        ends: source and target language, as names of files end in them; None: as they do.

    Raises:
        DataError: there is no such corpus, or a folder does not tell which language is which.
    """
    for path in filter(None, (source, target)):
        if not path.exists():
            raise DataError(f"{path} does not exist; give a text file, a table or a folder")
    if target is not None:
        for path in (source, target):
            if not path.is_file():
                raise DataError(f"{path} is no plain file; it is read more than once")
        found = _ends((source, target), ends)
        return Corpus((source, target), None, None, _apart(found), _languages(found, ends))
    if source.is_dir():
        return _folder(source, ends)
    if not source.is_file():
        raise DataError(f"{source} is no plain file; it is read more than once")
    named = ends[0] or "source", ends[1] or "target"
    return Corpus(Table(source, columns), None, None, _apart(named), _languages(named, ends))


def split_files(corpus: Corpus, folder: Path) -> dict[str, Pair]:
    """Where each split of a corpus is written, if it has to be."""
    first, second = corpus.ends
    return {
        split: (folder / f"{name}.{first}", folder / f"{name}.{second}")
        for split, name in WRITTEN_AS.items()
    }


def check_not_read(path: Path, read: Sequence[Path], advice: str) -> None:
    """Looks that a file to be written is none of those that are read.

    Raises:
        DataError: it is.
    """
    if is_among(path, read):
        raise DataError(f"{path} is read, and would be written over; {advice}")


@contextmanager
def hold_out(
    corpus: Corpus, folder: Path, seed: int, replace: bool, also: Sequence[Pair] = ()
) -> Iterator[Splits]:
    """The splits of a corpus, which get their names if the block ends well and else vanish.

    Where validation is given, a missing test set stays missing.

    Args:
        corpus: as found.
        folder: where splits are written, if they have to be.
        seed: another one holds out other pairs.
        replace: whether files that are there are written over.
        also: further training text, which shares no sentence with what is held out either.

    Raises:
        DataError: too little text, a file that is missing or no UTF-8, or files are there already;
            also a split that is there and would not be written anew, as its text may be in the new
            training text; or another process writes splits into the folder.
    """
    _check_there(corpus, also)
    for path in read_files(corpus, also):
        check_encoding(path)
    given = {"validation": corpus.validation, "test": corpus.test}
    files = {name: pair for name, pair in given.items() if pair}
    if corpus.validation and not isinstance(corpus.train, Table):
        files = {"train": corpus.train, **files}
        if os.path.realpath(corpus.train[0].parent) != os.path.realpath(folder):
            held_out = [
                path for path in _paths(split_files(corpus, folder)) if _stem(path) != "train"
            ]
            _check_former(held_out, read_files(corpus, also))
        yield Splits(files, files, {})
        return
    split_of = _choose(corpus, [] if corpus.validation else set(given) - set(files), seed, also)
    possible = split_files(corpus, folder)
    chosen = {"train", *split_of.values()}
    new = {split: both for split, both in possible.items() if split in chosen}
    folder.mkdir(parents=True, exist_ok=True)
    hidden = {split: (_hidden(both[0]), _hidden(both[1])) for split, both in new.items()}
    busy = f"another process writes splits into {folder}; wait, or pass another --data"
    with held(folder, taken=DataError(busy)):  # hidden files have the same names for every process
        _check_new(new, read_files(corpus, also), replace)
        _check_former(set(_paths(possible)) - set(_paths(new)), read_files(corpus, also))
        _remove_killed(_paths(possible))
        try:
            written = _write(corpus, hidden, split_of)
            yield Splits(new | files, hidden | files, written)
            for split in reversed(new):  # train appears last
                for path, name in zip(hidden[split], new[split], strict=True):
                    rename_durably(path, Path(os.path.realpath(name)))
        finally:
            for path in _paths(hidden):
                path.unlink(missing_ok=True)


def read_files(corpus: Corpus, also: Sequence[Pair]) -> list[Path]:
    """All files of a corpus and of further ones."""
    return [*corpus.files, *(path for pair in also for path in pair)]


def _folder(folder: Path, ends: tuple[str | None, str | None]) -> Corpus:
    """What data_prep wrote: DIR/{train,val,test}.{en,de}."""
    found = sorted({_end(path) for path in folder.glob("train.*") if path.is_file()})
    if not found:
        raise DataError(
            f"{folder} has no train.LANGUAGE, such as train.en; data_prep makes such files"
        )
    if lacking := set(filter(None, ends)) - set(found):
        raise DataError(
            f"{folder} has no train.{min(lacking)} (it has train.{', train.'.join(found)})"
        )
    if None in ends:
        raise DataError(
            f"{folder} has train.{', train.'.join(found)}; say which is which, e.g. "
            f"--source {found[0]} --target {found[-1]}"
        )
    named = str(ends[0]), str(ends[1])
    train = _split(folder, "train", named)
    if train is None:
        raise DataError(f"{folder}: {named[0]} and {named[1]} are the same; they must differ")
    tests = sorted({_stem(path) for path in folder.glob(f"test*.{named[0]}*")})
    held = [_split(folder, name, named) for name in VALIDATION_NAMES]
    return Corpus(
        train=train,
        validation=next(filter(None, held), None),
        test=next(filter(None, (_split(folder, name, named) for name in tests)), None),
        ends=named,
        languages=_languages(named, ends),
    )


def _split(folder: Path, name: str, ends: tuple[str, str]) -> Pair | None:
    both = []
    for end in ends:
        plain = folder / f"{name}.{end}"
        both.append(plain if plain.is_file() else plain.with_name(f"{plain.name}.gz"))
    there = both[0] != both[1] and all(path.is_file() for path in both)
    return (both[0], both[1]) if there else None


def _ends(paths: Pair, given: tuple[str | None, str | None]) -> tuple[str, str]:
    """What the names of written files end in: as given, as the files do, or source and target."""
    own = [_end(path) for path in paths]
    if own[0] == own[1] or not all(own):
        own = ["source", "target"]
    return given[0] or own[0], given[1] or own[1]


def _apart(ends: tuple[str, str]) -> tuple[str, str]:
    """What names end in, of text in one language too, such as misspelt text and right text."""
    return ends if ends[0] != ends[1] else ("source", "target")


def _end(path: Path) -> str:
    return path.name.removesuffix(".gz").rpartition(".")[2] if "." in path.name else ""


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rpartition(".")[0]


def _languages(ends: tuple[str, str], given: tuple[str | None, str | None]) -> Languages:
    """What was given, where it is a language tag; else what the names of files end in."""
    source, target = (
        tag if tag and _is_language(tag) else language_of_file(Path(f"train.{end}"))
        for tag, end in zip(given, ends, strict=True)
    )
    return Languages(source, target)


def _is_language(tag: str) -> bool:
    return bool(WELL_FORMED.fullmatch(tag)) and tag not in SIDES


def _choose(
    corpus: Corpus, missing: Collection[str], seed: int, also: Sequence[Pair]
) -> dict[int, str]:
    """The split of each pair that training does not see, by its number."""
    linked = link(corpus.pairs(), seed)
    for files in also:
        linked.add_training(read_pairs(*files))
    sizes = {split: size for split, size in held_out_sizes(len(linked)).items() if split in missing}
    return linked.choose(sizes) if sizes else {}


def _write(
    corpus: Corpus, files: Mapping[str, Pair], split_of: Mapping[int, str]
) -> dict[str, int]:
    """Writes each pair to its split; returns how many went to each."""
    written = dict.fromkeys(files, 0)
    with ExitStack() as stack:
        streams = {
            split: [stack.enter_context(write_atomically(path)) for path in both]
            for split, both in files.items()
        }
        for number, pair in enumerate(corpus.pairs()):
            split = split_of.get(number, "train")
            written[split] += 1
            for stream, text in zip(streams[split], pair, strict=True):
                stream.write(text.encode() + b"\n")
    return written


def _hidden(path: Path) -> Path:
    """Where a file is written that takes its name later."""
    return hidden_sibling(Path(os.path.realpath(path)), ".new")


def _remove_killed(paths: Sequence[Path]) -> None:
    """Removes what a killed process was writing."""
    for path in map(_hidden, paths):
        remove_leftovers(path)
        path.unlink(missing_ok=True)


def _paths(files: Mapping[str, Pair]) -> list[Path]:
    return [path for both in files.values() for path in both]


def _check_there(corpus: Corpus, also: Sequence[Pair]) -> None:
    for path in read_files(corpus, also):
        if not path.exists():
            raise DataError(f"{path} does not exist; give a text file")
        if not path.is_file():
            raise DataError(f"{path} is no plain file; it is read more than once")


def _check_new(files: Mapping[str, Pair], read: Sequence[Path], replace: bool) -> None:
    for path in _paths(files):
        check_not_read(path, read, "pass another --data")
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is there, and no file; pass another --data")
        if path.exists() and not replace:
            raise DataError(
                f"{path} is there already; give {path.parent} in place of the corpus to use it, "
                "pass another --data, or --replace to write over it"
            )


def _check_former(paths: Collection[Path], read: Sequence[Path]) -> None:
    """Looks for splits of a former call, of whose text the new training text may have some."""
    former = [path for path in sorted(paths) if path.exists() and not is_among(path, read)]
    if former:
        raise DataError(
            f"{' and '.join(map(str, former))} would stay beside new training text that may "
            "have the same sentences; remove them, or pass another --data"
        )
