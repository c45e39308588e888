"""Print a script that lets a shell complete this command's verbs, options and files."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHELLS = ("bash", "zsh", "fish")
FILES = re.compile(r"RUN|DIR|FILE|INPUT|CONFIG")  # in what stands for a file in the help


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser("completion", help=__doc__, description=__doc__)
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run_verb=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints the script; docs/commands.md says where it goes."""
    import shtab

    for action in _actions(arguments.whole_parser):
        if action.type is Path or FILES.search(str(action.metavar)):
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # where shtab looks for it
    print(shtab.complete(arguments.whole_parser, arguments.shell))


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Of a parser and its verbs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _actions(verb)
        else:
            yield action
