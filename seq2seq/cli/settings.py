"""Print every setting of a settings file: default, what is allowed, unit and meaning."""

import argparse
import shutil
import textwrap
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
    parser.add_argument("--markdown", action="store_true", help="print the page of the docs")
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints a section, or all."""
    if arguments.markdown:
        if arguments.section:
            raise ConfigError("--markdown prints the whole page; leave SECTION out")
        print(markdown(), end="")
        return
    width = min(100, shutil.get_terminal_size((100, 24)).columns)
    print("\n\n".join(_section(each, width) for each in reference(arguments.section)))


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
