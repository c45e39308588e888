"""Standard streams that whatever is printed can be printed to."""

import io
import os
import sys


def open_standard_streams() -> None:
    r"""Gives a stream that was closed (`>&-`) the null device, and every character a way out.

    Python has no stream where one was closed, and the next file that is opened would get its
    number, under which libraries print. Characters that a locale lacks, and the bytes of a file's
    name that are not UTF-8, are printed as Python writes them, such as \udce9.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
