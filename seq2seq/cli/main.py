"""The `seq2seq` command: runs one verb and turns mistakes into one line and an exit code."""

import argparse
import logging
import os
import sys

from seq2seq.cli import (
    augment,
    completion,
    evaluate,
    export,
    info,
    init,
    score,
    serve,
    settings,
    show,
    train,
    translate,
    verify,
)
from seq2seq.errors import RestartNeeded, Seq2SeqError, installed_version
from seq2seq.standard_streams import open_standard_streams

VERBS = (
    *(
        init,
        train,
        augment,
        translate,
        evaluate,
        score,
        export,
        verify,
        serve,
        show,
        info,
        settings,
    ),
    completion,
)


class _Parser(argparse.ArgumentParser):
    """Takes what may be left out also behind options.

    Python before 3.12.7 has RUN take the place of INPUT too, as absent, if an option stands between
    them (https://github.com/python/cpython/issues/59317).
    """

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def, override]
        """See `argparse.ArgumentParser`."""
        namespace, left = super().parse_known_args(args, namespace)
        if any(each.startswith("-") and each != "-" for each in left):
            return namespace, left
        for action in self._get_positional_actions():
            if left and action.nargs == "?" and getattr(namespace, action.dest) is action.default:
                setattr(namespace, action.dest, self._get_value(action, left.pop(0)))
        return namespace, left


def build_parser() -> argparse.ArgumentParser:
    """The command line, one subparser per verb."""
    parser = _Parser(
        prog="seq2seq", description="LSTM translators: train, translate, evaluate, look inside."
    )
    parser.add_argument("--version", action="version", version=" ".join(installed_version()))
    parser.set_defaults(whole_parser=parser)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        verb.add_parser(verbs)
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Exits with 0: done; 1: the user's mistake; 2: wrong usage; 75: start anew; 130: Ctrl-C."""
    open_standard_streams()
    parsed = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("seq2seq").setLevel(logging.INFO)
    try:
        parsed.run_verb(parsed)
        sys.stdout.flush()
    except RestartNeeded as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        os._exit(os.EX_TEMPFAIL)  # threads of TensorFlow may wait for the other workers for ever
    except Seq2SeqError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output went away, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # no permission, no space left, a folder for a file
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
