"""The option `--set`, of every verb that reads a settings file."""

import argparse


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Declares it; the list of what was given is `arguments.overrides`."""
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="SECTION.FIELD=VALUE",
        help="a setting in place of the file's; may be repeated",
    )
