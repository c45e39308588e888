import argparse
import importlib.util

import pytest
from fake_server import load_by_prefix, write_versions

from seq2seq.cli import serve as command
from seq2seq.config.serving import ServerConfig, check_server_settings
from seq2seq.errors import ConfigError, ServerError
from seq2seq.workflows.serve import check_serving, serve


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["serve", *map(str, arguments)])


@pytest.fixture
def calls(monkeypatch):
    """What the command gives to its workflow."""
    calls = []
    monkeypatch.setattr(command, "load_tensorflow", lambda: None)
    monkeypatch.setattr("seq2seq.workflows.serve.serve", lambda *given: calls.append(given) or True)
    return calls


def test_options_reach_their_settings(tmp_path, calls):
    write_versions(tmp_path, 1)
    options = ["--name", "deen", "--port", "0", "--grpc-port", "8500", "--poll", "0.5"]
    options += ["--max-batch", "8", "--max-delay", "1.5", "--queue", "99", "--threads", "2"]
    options += ["--timeout", "3", "--max-rows", "16", "--max-body", "1000"]
    command.run(parsed(tmp_path, *options))
    ((directory, config),) = calls
    assert directory == tmp_path
    assert (config.name, config.host, config.port) == ("deen", "127.0.0.1", 0)
    assert (config.grpc_port, config.poll, config.limits.max_body) == (8500, 0.5, 1000)
    batching = config.batching
    assert (batching.max_batch, batching.max_delay, batching.queue) == (8, 1.5, 99)
    assert (batching.threads, batching.timeout, batching.max_rows) == (2, 3, 16)


def test_without_options_only_this_machine_reaches_the_server(tmp_path, calls):
    command.run(parsed(write_versions(tmp_path, 1)))
    assert calls == [(tmp_path, ServerConfig())]
    assert calls[0][1].host == "127.0.0.1" and calls[0][1].grpc_port is None


def test_wrong_settings_are_all_named(tmp_path, calls):
    arguments = parsed(tmp_path, "--port", "99999", "--max-batch", "x", "--name", "a/b")
    with pytest.raises(ConfigError) as error:
        command.run(arguments)
    for name in ("port", "max_batch", "name"):
        assert f"{name}: " in str(error.value)
    with pytest.raises(ConfigError, match="limits.max_bodies: Unexpected"):
        check_server_settings({"limits": {"max_bodies": 1}})


@pytest.mark.parametrize(
    ("package", "extra"), [("uvicorn", "serve"), ("starlette", "serve"), ("grpc_health", "grpc")]
)
def test_a_missing_package_names_its_extra(tmp_path, monkeypatch, package, extra):
    write_versions(tmp_path, 1)
    with_grpc = check_server_settings({"grpc_port": 0})
    check_serving(tmp_path, with_grpc)  # here, all are installed
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )
    with pytest.raises(ServerError, match=rf"not installed \({package}\).*'seq2seq\[{extra}\]'"):
        check_serving(tmp_path, with_grpc)
    if extra == "grpc":
        check_serving(tmp_path, ServerConfig())  # without gRPC its packages are not missed


def test_nothing_is_loaded_when_there_is_no_model(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "load_tensorflow", lambda: pytest.fail("loaded"))
    with pytest.raises(ServerError, match="holds no model"):
        command.run(parsed(tmp_path))
    with pytest.raises(ServerError, match="holds no model"):
        serve(tmp_path, ServerConfig(), load_by_prefix)
