"""Checks of command-line values; a value that fails is wrong usage and exits with 2."""

import argparse
import re
from pathlib import Path


def verb_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", verb: str, text: str
) -> argparse.ArgumentParser:
    """The parser of a verb.

    Args:
        subparsers: of the command.
        verb: its name.
        text: what it does; the first line is shown among the other verbs.
    """
    return subparsers.add_parser(
        verb,
        help=text.splitlines()[0],
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Adds --output and --replace, which verbs that write a corpus have."""
    add = parser.add_argument
    add("--output", type=Path, required=True, metavar="DIR", help="folder to write")
    add("--replace", action="store_true", help="write over files in it that have other contents")


def positive(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text) if re.fullmatch(r"[0-9]{1,12}", text) else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number


def language(text: str) -> str:
    """A language that ends a file name, such as "en" or "pt-BR"."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot end a file name; use letters, digits, - and _, such as en or pt-BR"
        )
    return text


def check_languages(options: argparse.Namespace) -> tuple[str, str]:
    """Source and target language, which must differ as they name files in one folder."""
    if options.source == options.target:
        options.parser.error(f"--source and --target are both {options.source!r}; they must differ")
    return options.source, options.target
