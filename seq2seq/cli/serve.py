"""Serve runs and exported models with TensorFlow Serving's REST paths, and gRPC if asked for."""

import argparse
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from seq2seq.config.serving import (
    BatchingConfig,
    RequestLimits,
    ServerConfig,
    check_server_settings,
)
from seq2seq.errors import ConfigError, ServerError
from seq2seq.translation.quiet import load_tensorflow

OPTIONS = {  # option: its section, its setting, and its help
    "--name": (None, "name", "in paths, /v1/models/NAME, of a single model without a name"),
    "--host": (None, "host", "address to listen at; others than the default reach the network"),
    "--port": (None, "port", "0 takes a free one and says which"),
    "--grpc-port": (None, "grpc_port", "port for gRPC; 0 takes a free one; none if absent"),
    "--allow-host": (None, "allow_host", "further name by which clients call it; * for any name"),
    "--allow-origin": (None, "allow_origin", "origin of web pages that may ask it; * for any"),
    "--token-file": (None, "token_file", "file of tokens, one a line; requests need one of them"),
    "--log-format": (None, "log_format", "text or json, of all that is logged"),
    "--client-rate": ("limits", "client_rate", "requests a minute of one client; 0: any number"),
    "--client-under-way": (
        *("limits", "client_under_way"),
        "requests of one client at once; 0: any number",
    ),
    "--poll": (None, "poll", "seconds between looks for new versions; 0: never"),
    "--max-batch": ("batching", "max_batch", "rows of several requests that share a run"),
    "--run-bytes": ("batching", "run_bytes", "bytes of text a run; longer texts run beside them"),
    "--max-delay": ("batching", "max_delay", "milliseconds a request waits for others to join"),
    "--queue": ("batching", "queue", "rows that may wait; beyond them requests get 503 at once"),
    "--threads": ("batching", "threads", "runs at the same time, which share the processors"),
    "--timeout": ("batching", "timeout", "seconds until a request gets 504"),
    "--max-rows": ("batching", "max_rows", "rows a request may have"),
    "--max-values": ("limits", "max_values", "strings, numbers and lists a request may have"),
    "--max-body": ("limits", "max_body", "bytes a request's body may have"),
}
DECODING: dict[str, tuple[str, dict[str, Any]]] = {  # option: its setting, and how it is read
    "--beam": ("beam_width", {"type": int, "metavar": "K", "help": "hypotheses kept; 1 is greedy"}),
    "--n-best": (
        "n_best",
        {"type": int, "metavar": "N", "help": "outputs of translate_nbest; K if absent"},
    ),
    "--length-penalty": (
        "length_penalty",
        {"type": float, "metavar": "ALPHA", "help": "0: none"},
    ),
    "--shortlist": (
        "shortlist",
        {"action": "store_const", "const": True, "help": "score likely subwords only: faster"},
    ),
}
VARIABLE_PREFIX = "SEQ2SEQ_SERVE_"  # --grpc-port is SEQ2SEQ_SERVE_GRPC_PORT
SEVERAL = ("allow_host", "allow_origin", "also")  # options that may be repeated
YES, NO = ("1", "true", "yes"), ("0", "false", "no")
FLAGS = ((None, "access_log"), (None, "page"))  # section and setting of what --no-... turns off
METAVARS = {"name": "NAME", "host": "NAME", "token_file": "FILE", "log_format": "FORMAT"}
NAMED = re.compile(r"([A-Za-z0-9_]+)=(.+)", re.DOTALL)
SECTIONS = {None: ServerConfig(), "batching": BatchingConfig(), "limits": RequestLimits()}


def add_parser(subparsers: Any) -> None:
    """Declares the verb."""
    parser = subparsers.add_parser(
        "serve",
        help=__doc__,
        description=f"{__doc__} Every option can be given as an environment variable too: "
        "SEQ2SEQ_SERVE_GRPC_PORT for --grpc-port.",
    )
    options: list[argparse.Action] = []

    def add(option: str, group: Any = parser, **how: Any) -> None:
        options.append(group.add_argument(option, **how))

    parser.add_argument(
        "models",
        metavar="[NAME=]RUN|DIR",
        nargs="+",
        help="a trained run folder, served from memory; or an exported model: its base folder, "
        "watched for new versions, or one version; several have names",
    )
    for option, (section, setting, explanation) in OPTIONS.items():
        default = getattr(SECTIONS[section], setting)
        several = isinstance(default, tuple)
        if several:
            explanation += "; may be repeated"
        elif default is not None:
            explanation += f" (default: {default})"
        add(
            option,
            action="append" if several else "store",
            metavar=METAVARS.get(setting, "NAME" if several else "N"),
            help=explanation,
        )
    add(
        "--no-access-log",
        dest="access_log",
        action="store_const",
        const=False,
        help="log no line for each request",
    )
    add(
        "--no-page",
        dest="page",
        action="store_const",
        const=False,
        help="leave out the page at /, on which people translate and look inside",
    )
    group = parser.add_argument_group("of a RUN alone")
    add(
        "--export",
        type=Path,
        group=group,
        metavar="DIR",
        help="export the RUN first, as the next version of the model DIR, and serve that",
    )
    for option, (setting, how) in DECODING.items():
        add(option, group=group, dest=setting, **how)
    add(
        "--engine",
        group=group,
        choices=("tensorflow", "onnx"),
        help="onnx: by ONNX Runtime, which starts sooner and takes less memory; needs TensorFlow "
        "once, to export the run for its weights and settings into RUN/onnx",
    )
    add(
        "--weights",
        group=group,
        choices=("float32", "float16", "int8"),
        help="of --engine onnx: how they are stored; int8 is fastest, slightly rounded",
    )
    add(
        "--also",
        group=group,
        action="append",
        choices=("prefixes", "terms", "scores"),
        help="of --engine onnx: what else it answers, by a model each: translate_prefix, "
        "translate_terms, score; may be repeated",
    )
    parser.set_defaults(run_verb=run, options=options)


def run(arguments: argparse.Namespace) -> None:
    """Checks what it can before an engine is loaded, and serves until a signal."""
    variables = fill_from_environment(arguments, arguments.options, os.environ)
    config = _config(arguments, variables)
    if config.log_format == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonLines())
    models = named_models(arguments.models, config.name)
    given = {
        option: (setting, value)
        for option, (setting, _) in DECODING.items()
        if (value := getattr(arguments, setting)) is not None
    }
    settings = dict(given.values())
    from seq2seq.serving.server.guards.log_thread import LogThread
    from seq2seq.workflows.serve import (
        check_serving,
        keep_onnx_models,
        needs_tensorflow,
        serve,
        threads_of_a_run,
    )

    check_serving(models, config)
    others = [name for name in ("export", "engine", "weights", "also") if getattr(arguments, name)]
    _check_options(arguments, models, [*given, *(f"--{name}" for name in others)])
    if arguments.engine == "onnx":
        stored = arguments.weights or "float32", arguments.also or ()
        kept = keep_onnx_models(models, settings, *stored, load_tensorflow)
        if kept is None:
            return
        models, settings = kept, {}
    if needs_tensorflow(models, config):
        load_tensorflow(threads=threads_of_a_run(config))
        # A filter and not a level, which Keras sets back.
        logging.getLogger("absl").addFilter(lambda told: "custom gradients" not in str(told.msg))
    with LogThread() as log:
        ended = serve(models, config, settings, arguments.export)
    if not (ended and log.drained):
        os._exit(0)


def _check_options(
    arguments: argparse.Namespace, models: Mapping[str, Path], of_run: Sequence[str]
) -> None:
    """Looks for options that do not go together.

    Args:
        arguments: of the command line and of environment variables.
        models: folders by name.
        of_run: options that were given, and that are for runs alone.

    Raises:
        ServerError: naming them.
    """
    from seq2seq.workflows.serve import is_run

    for path in models.values():
        if of_run and not is_run(path):
            raise ServerError(
                f"{path} is an exported model, which searches as `seq2seq export` was told; "
                f"leave out {', '.join(of_run)}, or export it again with them"
            )
    if arguments.export and len(models) > 1:
        raise ServerError("--export is for a single run; export the others by `seq2seq export`")
    if arguments.export and arguments.engine == "onnx":
        raise ServerError("--export writes a SavedModel; leave it out with --engine onnx")
    for name in ("weights", "also"):
        if getattr(arguments, name) and arguments.engine != "onnx":
            raise ServerError(f"--{name} goes with --engine onnx")


def named_models(given: Sequence[str], default: str) -> dict[str, Path]:
    """The folders of NAME=FOLDER, by name; a single folder may have none.

    Args:
        given: as on the command line.
        default: the name of a single folder without one.

    Raises:
        ServerError: one of several has no name, or the name of another.
    """
    models: dict[str, Path] = {}
    for each in given:
        named = NAMED.fullmatch(each)
        if not named and len(given) > 1:
            raise ServerError(
                f"{each} has no name; of several models each needs one of letters, digits and _, "
                f"such as ende={each}"
            )
        name, path = named.groups() if named else (default, each)
        if name in models:
            raise ServerError(f"two models are called {name}; give each a name of its own")
        models[name] = Path(path)
    return models


def variable_of(option: argparse.Action) -> str:
    """The variable of an option."""
    return VARIABLE_PREFIX + option.option_strings[0].removeprefix("--").replace("-", "_").upper()


def fill_from_environment(
    arguments: argparse.Namespace,
    options: Sequence[argparse.Action],
    environment: Mapping[str, str],
) -> dict[str, str]:
    """Sets the options that the command line left out; returns their variables by their `dest`.

    An empty variable is none.

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
    values = value.split() if option.dest in SEVERAL else [value]
    if option.choices and not set(values) <= set(option.choices):
        raise ServerError(f"{variable} is {value!r}; give {' or '.join(option.choices)}")
    if option.dest in SEVERAL:
        return values
    if option.type is None:
        return value
    try:
        return option.type(value)  # type: ignore[operator]
    except ValueError:
        raise ServerError(f"{variable} is {value!r}, which is no value of the option") from None


def _config(arguments: argparse.Namespace, variables: Mapping[str, str]) -> ServerConfig:
    """The settings.

    Args:
        arguments: of the command line and of environment variables.
        variables: by the `dest` of what they gave.

    Raises:
        ConfigError: naming every mistake, or the variable that has one.
    """
    given = vars(arguments)
    for setting, variable in variables.items():
        try:
            check_server_settings(_settings({setting: given[setting]}))
        except ConfigError as error:
            raise ConfigError(f"{variable}: {error}") from None
    return check_server_settings(_settings(given))


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for section, setting in (*((each[0], each[1]) for each in OPTIONS.values()), *FLAGS):
        value = given.get(setting)
        if value is not None:
            place = settings if section is None else settings.setdefault(section, {})
            place[setting] = value
    return settings


class JsonLines(logging.Formatter):
    """A log record as a line of JSON: time, level, and its fields or its message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        time = datetime.fromtimestamp(record.created, timezone.utc)
        written: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **getattr(record, "fields", {"message": record.getMessage()}),
        }
        if record.exc_info:
            written["exception"] = self.formatException(record.exc_info)
        return json.dumps(written)
