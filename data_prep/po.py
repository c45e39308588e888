"""Split gettext catalogues, the .po files of a translated program, into train, val and test.

Messages that are not translated, obsolete or marked fuzzy are left out. Of a message with plural
forms, the singular goes with the first form and the plural with each other. A message of several
lines becomes one.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import polib

from data_prep.arguments import check_languages, language, verb_parser
from data_prep.pair_splits import PairFile, add_split_arguments, check_plain, one_line, write_splits
from seq2seq.config.languages import primary
from seq2seq.errors import DataError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `po`."""
    parser = verb_parser(subparsers, "po", __doc__)
    add = parser.add_argument
    add("files", type=Path, nargs="+", metavar="FILE", help="of one language")
    add("--source", type=language, default="en", metavar="TAG", help="of messages; default en")
    add("--target", type=language, metavar="TAG", help="default: what the first file says")
    add_split_arguments(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> str:
    """Writes the splits and says what was written.

    Raises:
        DataError: a file cannot be read or is of another language, or no language is given.
    """
    check_plain(options.files)
    options.target = options.target or _language_of(options.files[0])
    for path in options.files:
        _check_language(path, options.target)
    name = ", ".join(map(str, options.files))
    file = PairFile(name, "messages", lambda skipped: pairs(options.files, skipped))
    return write_splits(file, check_languages(options), options, "give more files")


def pairs(paths: Sequence[Path], skipped: Counter[str]) -> Iterator[tuple[str, str]]:
    """Message and translation of each entry that has one.

    Args:
        paths: the catalogues.
        skipped: counts the other entries by reason.

    Raises:
        DataError: a file cannot be read or is no catalogue.
    """
    for path in paths:
        for entry in _read(path):
            if entry.obsolete:
                skipped["are obsolete"] += 1
            elif entry.fuzzy:
                skipped["are marked fuzzy"] += 1
            elif not entry.translated():
                skipped["are not translated"] += 1
            else:
                yield from _pairs_of(entry)


def _check_language(path: Path, target: str) -> None:
    said = _said(path)
    if said and primary(said) != primary(target.replace("_", "-")):
        raise DataError(
            f"{path} says that its language is {said}, not {target}; give catalogues of one "
            "language, or mend its head"
        )


def _said(path: Path) -> str:
    """The language that a catalogue's head says, such as pt-BR, or sr of `sr@latin`; "" if none."""
    said = _read(path).metadata.get("Language", "")
    return re.split("[@.]", said)[0].strip().replace("_", "-")


def _language_of(path: Path) -> str:
    try:
        return language(_said(path))
    except argparse.ArgumentTypeError as error:
        raise DataError(f"{path} does not say its language; pass --target TAG") from error


def _pairs_of(entry: polib.POEntry) -> Iterator[tuple[str, str]]:
    if not entry.msgid_plural:
        yield one_line(entry.msgid), one_line(entry.msgstr)
        return
    forms = entry.msgstr_plural or {0: entry.msgstr}  # a catalogue may have but one
    first, *others = (one_line(forms[form]) for form in sorted(forms))
    if others:
        yield one_line(entry.msgid), first
    for other in others or [first]:  # a language without plural has one form for all
        yield one_line(entry.msgid_plural), other


def _read(path: Path) -> polib.POFile:
    if not path.is_file():  # polib would take its name for a catalogue's text
        raise DataError(f"{path} is no file; check the path")
    try:
        return polib.pofile(str(path))
    except (OSError, ValueError, LookupError) as error:  # syntax, bytes, unknown encoding
        raise DataError(f"{path} is no gettext catalogue: {error}") from error
