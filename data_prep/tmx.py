"""Split translation memories, .tmx files of any size, into train, val and test.

A unit gives a pair for each of its segments in the source language with each in the target
language; `en` stands for en-US and en-GB too, but not for a variety that is the other language.
Codes of a segment's markup are left out, its text is kept. A segment of several lines becomes one.
"""

import argparse
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

from data_prep.arguments import check_languages, language, verb_parser
from data_prep.pair_splits import PairFile, add_split_arguments, check_plain, one_line, write_splits
from seq2seq.errors import DataError

CODES = {"bpt", "ept", "it", "ph", "ut"}  # elements that hold codes, no text (TMX 1.4b, 3.2)
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
NAMED_AT_MOST = 12  # languages, in a message


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb `tmx`."""
    parser = verb_parser(subparsers, "tmx", __doc__)
    add = parser.add_argument
    add("files", type=Path, nargs="+", metavar="FILE", help="plain or .gz")
    for side in ("source", "target"):
        add(f"--{side}", type=language, required=True, metavar="TAG", help=f"{side} language")
    add_split_arguments(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> str:
    """Writes the splits and says what was written.

    Raises:
        DataError: a file cannot be read, or has nothing in one of the languages.
    """
    languages = check_languages(options)
    check_plain(options.files)
    name = ", ".join(map(str, options.files))
    file = PairFile(name, "units", lambda skipped: pairs(options.files, languages, skipped))
    return write_splits(file, languages, options, "give more files")


def pairs(
    paths: Sequence[Path], languages: tuple[str, str], skipped: Counter[str]
) -> Iterator[tuple[str, str]]:
    """Source and target segments of each unit that has both.

    Args:
        paths: translation memories.
        languages: source and target.
        skipped: counts the other units by reason.

    Raises:
        DataError: a file cannot be read or is no XML, or no unit has both languages.
    """
    found: Counter[str] = Counter()
    paired = False
    for path in paths:
        for unit in _units(path):
            segments = _segments(unit)
            found.update(sorted({tag for tag, _ in segments}))
            source, target = (
                _of(segments, wanted, other) for wanted, other in (languages, reversed(languages))
            )
            if source and target:
                paired = True
                yield from product(source, target)
            else:
                skipped[f"have no segment in {languages[bool(source)]}"] += 1
    if not paired:
        named = ", ".join(tag for tag, _ in found.most_common(NAMED_AT_MOST)) or "no language"
        raise DataError(
            f"{', '.join(map(str, paths))}: no unit in both {languages[0]} and {languages[1]}; "
            f"there is {named}"
        )


def _units(path: Path) -> Iterator[ElementTree.Element]:
    """Each translation unit; memory holds one at a time."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as stream:
            parents: list[ElementTree.Element] = []
            for event, element in ElementTree.iterparse(stream, ("start", "end")):
                if event == "start":
                    parents.append(element)
                    continue
                parents.pop()
                if _name(element) == "tu":
                    yield element
                    for parent in parents[-1:]:
                        parent.clear()
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise DataError(f"{path} is no translation memory: {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _segments(unit: ElementTree.Element) -> list[tuple[str, str]]:
    """Language and text of each variant."""
    return [
        (variant.get(LANGUAGE) or variant.get("lang") or "", _text(segment))
        for variant in unit.findall(".//{*}tuv")
        for segment in variant.findall("{*}seg")
    ]


def _text(segment: ElementTree.Element) -> str:
    for element in list(segment.iter()):
        if _name(element) in CODES:
            after = element.tail
            element.clear()
            element.tail = after
    return one_line("".join(segment.itertext()))


def _name(element: ElementTree.Element) -> str:
    """The tag without its namespace."""
    return element.tag.rpartition("}")[2]


def _of(segments: Sequence[tuple[str, str]], wanted: str, other: str) -> list[str]:
    """Texts in a language or a variety of it, unless that variety is the other side's."""
    apart = _is_of(other, wanted)
    return [
        text for tag, text in segments if _is_of(tag, wanted) and not (apart and _is_of(tag, other))
    ]


def _is_of(tag: str, language: str) -> bool:
    """Whether a tag stands for a language or a variety of it.

    >>> _is_of("EN_us", "en"), _is_of("en", "en-US"), _is_of("eng", "en")
    (True, False, False)
    """
    parts, wanted = (each.lower().replace("_", "-").split("-") for each in (tag, language))
    return parts[: len(wanted)] == wanted
