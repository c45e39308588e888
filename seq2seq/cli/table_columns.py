"""Columns of a table, as a command line names them."""

import argparse
import re


def columns(text: str) -> tuple[int, int]:
    """Two different columns, counted from 1: "1,2".

    Raises:
        argparse.ArgumentTypeError: it is anything else.
    """
    match = re.fullmatch(r"([0-9]{1,9}),([0-9]{1,9})", text)
    source, target = (int(match[1]), int(match[2])) if match else (0, 0)
    if min(source, target) < 1 or source == target:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not two different columns counted from 1, such as 1,2"
        )
    return source, target
