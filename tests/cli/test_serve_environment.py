"""Options of `seq2seq serve` from environment variables, and its log as lines of JSON."""

import argparse
import json
import logging
import sys

import pytest
from fake_server import write_versions

from seq2seq.cli import serve as command
from seq2seq.config.serving import ServerConfig
from seq2seq.errors import ConfigError, ServerError


@pytest.fixture
def config_of(tmp_path, monkeypatch):
    """The settings of a command line under variables."""
    seen = []
    monkeypatch.setattr("seq2seq.workflows.serve.check_serving", lambda *given: None)
    monkeypatch.setattr("seq2seq.workflows.serve.serve", lambda *given: seen.append(given) or True)
    monkeypatch.setattr(command, "load_tensorflow", lambda **_: None)
    write_versions(tmp_path, 1)

    def find(*options, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        command.run(parsed(tmp_path, *options))
        return seen[-1][1]

    return find


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["serve", *map(str, arguments)])


def test_every_option_has_a_variable():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers()
    command.add_parser(verbs)
    words = verbs.choices["serve"].format_usage().replace("[", " ").replace("]", " ").split()
    options = {word for word in words if word.startswith("--")}
    variables = {command.variable_of(each) for each in parsed("x").options}
    assert variables == {"SEQ2SEQ_SERVE_" + each[2:].replace("-", "_").upper() for each in options}
    assert {"SEQ2SEQ_SERVE_PORT", "SEQ2SEQ_SERVE_NO_ACCESS_LOG"} < variables


def test_variables_set_what_the_command_line_does_not(config_of):
    config = config_of(
        *("--port", "1", "--allow-host", "a"),
        SEQ2SEQ_SERVE_PORT="2",
        SEQ2SEQ_SERVE_GRPC_PORT="3",
        SEQ2SEQ_SERVE_HOST="0.0.0.0",
        SEQ2SEQ_SERVE_ALLOW_HOST="b",
        SEQ2SEQ_SERVE_ALLOW_ORIGIN="https://a https://b",
        SEQ2SEQ_SERVE_NO_ACCESS_LOG="true",
        SEQ2SEQ_SERVE_MAX_BATCH="5",
        SEQ2SEQ_SERVE_NAME=" ",
    )
    assert (config.port, config.grpc_port, config.host) == (1, 3, "0.0.0.0")
    assert config.allow_host == ("a",)
    assert config.allow_origin == ("https://a", "https://b")
    assert (config.access_log, config.batching.max_batch) == (False, 5)
    assert config.name == ServerConfig().name  # an empty variable is none


def test_models_that_take_more_are_named_by_a_variable(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("seq2seq.workflows.serve.check_serving", lambda *_: None)
    monkeypatch.setattr("seq2seq.workflows.serve.is_run", lambda _: True)
    keep = "seq2seq.workflows.serve.keep_onnx_models"
    monkeypatch.setattr(keep, lambda *asked: given.append(asked[3]))
    monkeypatch.setenv("SEQ2SEQ_SERVE_ALSO", "prefixes terms")
    command.run(parsed(tmp_path, "--engine", "onnx"))
    command.run(parsed(tmp_path, "--engine", "onnx", "--also", "scores"))
    assert given == [["prefixes", "terms"], ["scores"]]


@pytest.mark.parametrize(
    ("name", "value", "error", "complaint"),
    [
        ("ALSO", "prefixes word", ServerError, "ALSO is 'prefixes word'; give prefixes or terms"),
        ("PORT", "tcp://10.0.0.1:8501", ConfigError, "SEQ2SEQ_SERVE_PORT: .*port: .*tcp"),
        ("MAX_BATCH", "0", ConfigError, "SEQ2SEQ_SERVE_MAX_BATCH: .*max_batch: "),
        ("LOG_FORMAT", "xml", ConfigError, "SEQ2SEQ_SERVE_LOG_FORMAT: .*'text' or 'json'"),
        ("BEAM", "many", ServerError, "SEQ2SEQ_SERVE_BEAM is 'many'"),
        ("NO_ACCESS_LOG", "maybe", ServerError, "NO_ACCESS_LOG is 'maybe'; give 1 or 0"),
    ],
)
def test_a_wrong_value_names_its_variable(config_of, name, value, error, complaint):
    with pytest.raises(error, match=complaint):
        config_of(**{f"SEQ2SEQ_SERVE_{name}": value})


def test_what_is_off_stays_on(config_of):
    assert config_of(SEQ2SEQ_SERVE_NO_ACCESS_LOG="0").access_log
    assert not config_of("--no-access-log", SEQ2SEQ_SERVE_NO_ACCESS_LOG="0").access_log


@pytest.mark.parametrize(
    ("value", "page"), [("True", False), ("YES", False), (" 1 ", False), ("No", True), ("", True)]
)
def test_yes_and_no_are_read_in_any_case(config_of, value, page):
    assert config_of(SEQ2SEQ_SERVE_NO_PAGE=value).page == page


def test_a_variable_with_spaces_around_is_read_without(config_of):
    assert config_of(SEQ2SEQ_SERVE_HOST=" 0.0.0.0\n").host == "0.0.0.0"


def test_decoding_of_a_run_is_by_variables_too(config_of, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("seq2seq.workflows.serve.is_run", lambda _: True)
    monkeypatch.setattr("seq2seq.workflows.serve.serve", lambda *each: given.append(each) or True)
    monkeypatch.setenv("SEQ2SEQ_SERVE_BEAM", "3")
    for shortlist in ("yes", "no"):
        monkeypatch.setenv("SEQ2SEQ_SERVE_SHORTLIST", shortlist)
        command.run(parsed(tmp_path))
    assert [settings for _, _, settings, _ in given] == [
        {"beam_width": 3, "shortlist": True},
        {"beam_width": 3},
    ]


def test_a_line_of_json_holds_a_message_or_fields():
    record = logging.LogRecord("seq2seq", logging.WARNING, "", 0, "a \n %s", ("b",), None)
    line = json.loads(command.JsonLines().format(record))
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "warning", "message": "a \n b"}
    record.fields = {"status": 200}
    line = command.JsonLines().format(record)
    assert "\n" not in line and json.loads(line)["status"] == 200
    try:
        raise ValueError("too\nlong")
    except ValueError:
        record.exc_info = sys.exc_info()
    line = command.JsonLines().format(record)
    assert "\n" not in line and "ValueError: too\nlong" in json.loads(line)["exception"]


def test_json_is_for_every_handler_of_the_log(config_of, monkeypatch):
    handler = logging.StreamHandler()
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    config_of("--log-format", "json")
    assert isinstance(handler.formatter, command.JsonLines)
