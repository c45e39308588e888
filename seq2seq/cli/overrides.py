"""Options in place of settings: `--set` for those of a file, and one for each of decoding."""

import argparse
from typing import Any

SETTING = "setting_"  # before a setting's name, among the arguments


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


def add_setting(group: Any, option: str, name: str, **how: Any) -> None:
    """Declares an option that stands for a decoding setting.

    Args:
        group: of the parser.
        option: as it is written.
        name: the setting's.
        how: as argparse has it.
    """
    group.add_argument(option, dest=SETTING + name, **how)


def add_sampling(group: Any, seed: str) -> None:
    """Declares the options of drawn outputs.

    Args:
        group: of the parser.
        seed: what is said of it.
    """
    text = "draw outputs instead of searching"
    add_setting(group, "--sample", "sampling", action="store_true", default=None, help=text)
    for option, name, kind, metavar, text in (
        ("--temperature", "temperature", float, "T", "of --sample; low: sharp"),
        ("--top-k", "top_k", int, "K", "of --sample: only the likeliest K"),
        ("--top-p", "top_p", float, "P", "of --sample: those that reach P"),
        ("--seed", "seed", int, "N", seed),
    ):
        add_setting(group, option, name, type=kind, metavar=metavar, help=text)


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The decoding settings that were given, by name."""
    return {
        name.removeprefix(SETTING): value
        for name, value in vars(arguments).items()
        if name.startswith(SETTING) and value is not None
    }
