"""Options of `seq2seq serve` from environment variables: SEQ2SEQ_SERVE_GRPC_PORT for --grpc-port.

What stands on the command line goes before; an empty variable is none.
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from seq2seq.errors import ServerError

PREFIX = "SEQ2SEQ_SERVE_"
SEVERAL = ("allow_host", "allow_origin")  # options that may be repeated
YES, NO = ("1", "true", "yes"), ("0", "false", "no")


def variable_of(option: argparse.Action) -> str:
    """The variable of an option."""
    return PREFIX + option.option_strings[0].removeprefix("--").replace("-", "_").upper()


def fill_from_environment(
    arguments: argparse.Namespace,
    options: Sequence[argparse.Action],
    environment: Mapping[str, str],
) -> dict[str, str]:
    """Sets the options that the command line left out; returns their variables by their `dest`.

    Args:
        arguments: as parsed; changed.
        options: of the command.
        environment: variables by name; of an option that may be repeated, the values are separated
            by spaces.

    Raises:
        ServerError: a value is of another kind than the option's.
    """
    variables = {}
    for option in options:
        variable = variable_of(option)
        value = environment.get(variable, "").strip()
        if value and getattr(arguments, option.dest) is None:
            setattr(arguments, option.dest, _read(option, variable, value))
            variables[option.dest] = variable
    return variables


def _read(option: argparse.Action, variable: str, value: str) -> Any:
    if option.nargs == 0:
        if value.lower() not in (*YES, *NO):
            raise ServerError(f"{variable} is {value!r}; give {' or '.join((YES[0], NO[0]))}")
        return option.const if value.lower() in YES else None
    if option.dest in SEVERAL:
        return value.split()
    if option.type is None:
        return value
    try:
        return option.type(value)  # type: ignore[operator]
    except ValueError:
        raise ServerError(f"{variable} is {value!r}, which is no value of the option") from None
