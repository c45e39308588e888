"""The mistakes a user can make; `seq2seq.cli` prints them as one line and exits with 1."""

from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "seq2seq-keras"  # what pip and importlib.metadata call this package
RUNTIME = "seq2seq-runtime"  # the same without TensorFlow; see deploy/runtime_distribution.py


class Seq2SeqError(Exception):
    """A mistake of the user's: the message says what, where, which value and what to do."""


class ConfigError(Seq2SeqError):
    """A settings file or an override that cannot be used."""


class DataError(Seq2SeqError):
    """A text file or corpus that cannot be used."""


class RunError(Seq2SeqError):
    """A run folder that is missing, altered, or cannot do what was asked."""


class ServerError(Seq2SeqError):
    """A server that cannot be started or reached, or that refused a request."""


class ExportError(Seq2SeqError):
    """An exported model that cannot be written, or that a model server could not serve."""


class RestartNeeded(Seq2SeqError):
    """Training on several workers that ended early; all are started again. The exit code is 75."""


def installed_version() -> tuple[str, str]:
    """The name of the distribution that is installed, and its version."""
    try:
        return DISTRIBUTION, version(DISTRIBUTION)
    except PackageNotFoundError:
        return RUNTIME, version(RUNTIME)


def install_extra(extra: str) -> str:
    """The command that adds an extra's packages, whether this came from an index or a checkout.

    pip takes the installed distribution for the name, so that the command is right for both. The
    runtime has no extras, and the whole distribution, whose files are the same, stands beside it.
    """
    command = f"pip install '{DISTRIBUTION}[{extra}]'"
    if installed_version()[0] == RUNTIME:
        return f"{command}, in an environment without {RUNTIME}"
    return command
