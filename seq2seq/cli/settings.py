"""Print every setting of a settings file: default, allowed values, meaning; or a whole example."""

import argparse
import shutil
import textwrap
from importlib.resources import files
from typing import Any

from seq2seq.config.reference import Section, Setting, markdown, reference
from seq2seq.errors import ConfigError

INDENT = " " * 4


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("settings", help=__doc__, description=__doc__)
    parser.add_argument(
        "section", metavar="SECTION", nargs="?", help="data, subwords, model, training or decoding"
    )
    whole = parser.add_mutually_exclusive_group()
    whole.add_argument("--markdown", action="store_true", help="print the page of the docs")
    whole.add_argument(
        "--example",
        metavar="NAME",
        nargs="?",
        const="",
        help="print a settings file that comes with seq2seq; without NAME, their names",
    )
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints a section, or all; or an example."""
    if arguments.section and (arguments.markdown or arguments.example is not None):
        raise ConfigError("--markdown and --example print whole files; leave SECTION out")
    if arguments.markdown:
        print(markdown(), end="")
        return
    if arguments.example is not None:
        print(_example(arguments.example), end="")
        return
    width = min(100, shutil.get_terminal_size((100, 24)).columns)
    print("\n\n".join(_section(each, width) for each in reference(arguments.section)))


def _example(name: str) -> str:
    """A file of configs/, which an installed package has inside of it; or all their names."""
    examples = {
        each.name.removesuffix(".yaml"): each for each in (files("seq2seq") / "configs").iterdir()
    }
    if not name:
        return "".join(f"{each}\n" for each in sorted(examples))
    if name not in examples:
        raise ConfigError(f"no example {name!r}; there are {', '.join(sorted(examples))}")
    return examples[name].read_text(encoding="utf-8")


def _section(section: Section, width: int) -> str:
    heading = textwrap.fill(section.meaning, width, initial_indent=f"{section.name}: ")
    return "\n".join([heading, *(_setting(each, width) for each in section.settings)])


def _setting(setting: Setting, width: int) -> str:
    line = f"  {setting.section}.{setting.name}: {setting.default}"
    allowed = f"{setting.allowed}; {setting.unit}" if setting.unit else setting.allowed
    return "\n".join(
        [
            line,
            *(
                textwrap.fill(text, width, initial_indent=INDENT, subsequent_indent=INDENT)
                for text in (setting.meaning, f"({allowed})")
            ),
        ]
    )
