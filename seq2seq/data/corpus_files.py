"""A corpus as somebody has it: two files, a table or a folder; and its splits."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from seq2seq.config.languages import Languages, language_of_file
from seq2seq.data.held_out import held_out_sizes, link
from seq2seq.data.lines import read_lines, read_pairs
from seq2seq.errors import DataError
from seq2seq.files import write_atomically

logger = logging.getLogger(__name__)

Pair = tuple[Path, Path]

VALIDATION_NAMES = ("val", "validation", "valid", "dev")
WRITTEN_AS = {"train": "train", "validation": "val", "test": "test"}


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

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Of the text that training and what is held out are taken from."""
        return self.train.pairs() if isinstance(self.train, Table) else read_pairs(*self.train)


@dataclass(frozen=True)
class Splits:
    """The files of a corpus, and how many pairs went into each split that was written."""

    files: dict[str, Pair]  # train, validation and perhaps test
    written: dict[str, int]


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
        return Corpus((source, target), None, None, _apart(found), _languages(found))
    if source.is_dir():
        return _folder(source, ends)
    if not source.is_file():
        raise DataError(f"{source} is no plain file; it is read more than once")
    named = ends[0] or "source", ends[1] or "target"
    return Corpus(Table(source, columns), None, None, _apart(named), _languages(named))


def hold_out(
    corpus: Corpus, folder: Path, seed: int, replace: bool, also: Sequence[Pair] = ()
) -> Splits:
    """The splits of a corpus; those that are missing are taken from its training text.

    Where validation is given, a missing test set stays missing.

    Args:
        corpus: as found.
        folder: where splits are written, if they have to be.
        seed: another one holds out other pairs.
        replace: whether files that are there are written over.
        also: further training text, which shares no sentence with what is held out either.

    Raises:
        DataError: too little text, or files are there already.
    """
    given = {"validation": corpus.validation, "test": corpus.test}
    files = {name: pair for name, pair in given.items() if pair}
    if corpus.validation and not isinstance(corpus.train, Table):
        return Splits({"train": corpus.train, **files}, {})
    linked = link(corpus.pairs(), seed)
    for files_of_it in also:
        linked.add_training(read_pairs(*files_of_it))
    missing = [] if corpus.validation else [name for name in given if name not in files]
    sizes = {name: held_out_sizes(len(linked))[name] for name in missing}
    split_of = linked.choose(sizes) if sizes else {}
    paths = {
        split: tuple(folder / f"{WRITTEN_AS[split]}.{end}" for end in corpus.ends)
        for split in ("train", *sizes)
    }
    _check_new([path for both in paths.values() for path in both], corpus, replace)
    written = dict.fromkeys(paths, 0)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        streams = {
            split: [stack.enter_context(write_atomically(path)) for path in reversed(both)]
            for split, both in reversed(paths.items())  # train appears last
        }
        for number, pair in enumerate(corpus.pairs()):
            split = split_of.get(number, "train")
            written[split] += 1
            for stream, text in zip(streams[split], reversed(pair), strict=True):
                stream.write(text.encode() + b"\n")
    return Splits({split: (both[0], both[1]) for split, both in paths.items()} | files, written)


def _folder(folder: Path, ends: tuple[str | None, str | None]) -> Corpus:
    """What data_prep wrote: DIR/{train,val,test}.{en,de}."""
    found = sorted({_end(path) for path in folder.glob("train.*") if path.is_file()})
    if None in ends or not set(ends) <= set(found):
        raise DataError(
            f"{folder} has train.{', train.'.join(found) or '*'}; say which is which, e.g. "
            f"--source {found[0] if found else 'en'} --target {found[-1] if found else 'de'}"
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
        languages=_languages(named),
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


def _languages(ends: tuple[str, str]) -> Languages:
    source, target = (language_of_file(Path(f"train.{end}")) for end in ends)
    return Languages(source, target)


def _check_new(paths: list[Path], corpus: Corpus, replace: bool) -> None:
    read = [corpus.train.path] if isinstance(corpus.train, Table) else list(corpus.train)
    for path in paths:
        if any(path.resolve() == each.resolve() for each in read):
            raise DataError(f"{path} is read, and would be written over; pass another --data")
        if path.exists() and not replace:
            raise DataError(
                f"{path} is there already; give {path.parent} in place of the corpus to use it, "
                "pass another --data, or --replace to write over it"
            )
