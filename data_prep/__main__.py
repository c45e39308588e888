"""Make, check or clean a corpus to train on: two text files, whose lines translate each other."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from data_prep import check, clean, cmudict, dates, inflection, multi30k, po, tmx, tsv
from data_prep.miniature import command as miniature
from data_prep.shards import command as shards
from seq2seq.errors import DISTRIBUTION, Seq2SeqError
from seq2seq.standard_streams import open_standard_streams


def build_parser() -> argparse.ArgumentParser:
    """The command line, one subparser per verb."""
    parser = argparse.ArgumentParser(prog="python -m data_prep", description=__doc__)
    parser.add_argument(
        "--version", action="version", version=f"{DISTRIBUTION} {version(DISTRIBUTION)}"
    )
    subparsers = parser.add_subparsers(required=True, metavar="VERB")
    for verb in (
        miniature,
        multi30k,
        tsv,
        po,
        tmx,
        cmudict,
        inflection,
        dates,
        check,
        clean,
        shards,
    ):
        verb.add_parser(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb; its result goes to standard output, all else to standard error.

    Returns:
        0 when done, 1 after the user's mistake, 130 when interrupted; wrong usage exits with 2.
    """
    open_standard_streams()
    options = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    logging.getLogger("data_prep").setLevel(logging.INFO)
    try:
        try:
            print(options.run(options), flush=True)
        except check.UnusableCorpusError as error:
            print(error.report, flush=True)  # before the error, where both go to one place
            raise
    except Seq2SeqError as error:
        print("error:", " ".join(str(error).splitlines()), file=sys.stderr)
        return 1
    except OSError as error:
        if error.filename is None:  # standard output; nothing more is tried there
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # else who read the result has gone
            place = error.filename or "standard output"
            print(f"error: {place}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print(f"interrupted; {str(interrupt) or 'nothing was written'}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
