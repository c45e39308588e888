import argparse
import importlib.util
import logging
import socket
from pathlib import Path

import pytest
from fake_server import load_by_prefix, write_bare_run, write_versions

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
    """What the command gives to its workflow, whatever listens at the default ports here."""
    calls = []
    monkeypatch.setattr("seq2seq.workflows.serve._check_port", lambda host, port: None)
    monkeypatch.setattr(command, "load_tensorflow", lambda **_: None)
    monkeypatch.setattr("seq2seq.workflows.serve.serve", lambda *given: calls.append(given) or True)
    return calls


def test_options_reach_their_settings(tmp_path, calls):
    write_versions(tmp_path, 1)
    options = ["--name", "deen", "--port", "0", "--grpc-port", "8500", "--poll", "0.5"]
    options += ["--max-batch", "8", "--max-delay", "1.5", "--queue", "99", "--threads", "2"]
    options += ["--timeout", "3", "--max-rows", "16", "--max-body", "1000"]
    options += ["--run-bytes", "512", "--max-values", "77"]
    options += ["--allow-host", "mt.example", "--allow-host", "mt", "--allow-origin", "https://a"]
    command.run(parsed(tmp_path, *options))
    ((models, config, settings, _),) = calls
    assert (models, settings) == ({"deen": tmp_path}, {})
    assert (config.name, config.host, config.port) == ("deen", "127.0.0.1", 0)
    assert (config.grpc_port, config.poll, config.limits.max_body) == (8500, 0.5, 1000)
    assert (config.allow_host, config.allow_origin) == (("mt.example", "mt"), ("https://a",))
    assert (config.batching.run_bytes, config.limits.max_values) == (512, 77)
    batching = config.batching
    assert (batching.max_batch, batching.max_delay, batching.queue) == (8, 1.5, 99)
    assert (batching.threads, batching.timeout, batching.max_rows) == (2, 3, 16)


def test_who_may_ask_and_what_is_told_reach_their_settings(tmp_path, calls, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    (tmp_path / "tokens").write_text("secret\n")
    options = ["--client-rate", "30", "--client-under-way", "4", "--host", "localhost"]
    options += ["--token-file", tmp_path / "tokens", "--log-format", "json"]
    command.run(parsed(write_versions(tmp_path / "m", 1), *options, "--no-page", "--no-access-log"))
    ((_, config, _, _),) = calls
    assert (config.limits.client_rate, config.limits.client_under_way) == (30, 4)
    assert (config.host, config.token_file) == ("localhost", tmp_path / "tokens")
    assert (config.log_format, config.page, config.access_log) == ("json", False, False)


@pytest.fixture
def run_folder(tmp_path):
    return write_bare_run(tmp_path / "run")


def test_onnx_models_of_runs_are_kept_and_served_in_their_place(run_folder, calls, monkeypatch):
    kept, asked = {"seq2seq": run_folder.parent / "kept"}, []
    write_versions(kept["seq2seq"], 1)
    keep = "seq2seq.workflows.serve.keep_onnx_models"
    monkeypatch.setattr(keep, lambda *given: asked.append(given[:4]) or kept)
    command.run(parsed(run_folder, "--engine", "onnx", "--beam", "3"))
    options = ["--weights", "int8", "--also", "terms", "--also", "scores"]
    command.run(parsed(run_folder, "--engine", "onnx", *options))
    assert asked == [
        ({"seq2seq": run_folder}, {"beam_width": 3}, "float32", ()),
        ({"seq2seq": run_folder}, {}, "int8", ["terms", "scores"]),
    ]
    assert calls == [(kept, ServerConfig(), {}, None)] * 2  # searched as it was exported


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--export", "out", "--engine", "onnx"], "--export writes a SavedModel; leave it out"),
        (["--weights", "int8"], "--weights goes with --engine onnx"),
        (["--also", "terms", "--engine", "tensorflow"], "--also goes with --engine onnx"),
    ],
)
def test_options_that_do_not_go_together_are_refused(run_folder, calls, options, message):
    with pytest.raises(ServerError, match=message):
        command.run(parsed(run_folder, *options))
    assert calls == []


def test_runs_at_the_same_time_share_the_processors(tmp_path, calls, monkeypatch):
    shares = []
    monkeypatch.setattr(command, "load_tensorflow", lambda threads=None: shares.append(threads))
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(12))
    write_versions(tmp_path, 1)
    for options in ((), ("--threads", "3")):
        command.run(parsed(tmp_path, *options))
    assert shares == [None, 4]


@pytest.mark.parametrize("ended", [True, False])
def test_what_does_not_end_is_left_behind(tmp_path, calls, monkeypatch, ended):
    """A run that hangs would keep the process from ending."""
    left = []
    monkeypatch.setattr("os._exit", left.append)
    monkeypatch.setattr("seq2seq.workflows.serve.serve", lambda *given: ended)
    command.run(parsed(write_versions(tmp_path, 1)))
    assert left == ([] if ended else [0])


def test_without_options_only_this_machine_reaches_the_server(tmp_path, calls):
    command.run(parsed(write_versions(tmp_path, 1)))
    assert calls == [({"seq2seq": tmp_path}, ServerConfig(), {}, None)]
    assert calls[0][1].host == "127.0.0.1" and calls[0][1].grpc_port is None


def test_decoding_options_are_for_a_run_and_refused_by_name_for_a_model(tmp_path, calls):
    options = ["--beam", "2", "--n-best", "1", "--length-penalty", "0", "--export", "ende"]
    run, model = write_bare_run(tmp_path / "run"), write_versions(tmp_path / "model", 1)
    command.run(parsed(run, *options))
    settings = {"beam_width": 2, "n_best": 1, "length_penalty": 0.0}
    assert calls == [({"seq2seq": run}, ServerConfig(), settings, Path("ende"))]
    with pytest.raises(ServerError, match="--beam, --n-best, --length-penalty, --export, or"):
        command.run(parsed(model, *options))
    with pytest.raises(ServerError, match="leave out --beam, or"):
        command.run(parsed(model / "1", "--beam", "1"))
    assert len(calls) == 1


def test_a_port_that_is_taken_is_named_before_anything_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "load_tensorflow", lambda **_: pytest.fail("loaded"))
    write_bare_run(tmp_path)  # whose export takes a while
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for options in (("--port", port), ("--port", 0, "--grpc-port", port)):
            with pytest.raises(ServerError, match=f"cannot listen at 127.0.0.1 port {port}: Addr"):
                command.run(parsed(tmp_path, *options))
    check_serving({"seq2seq": tmp_path}, check_server_settings({"port": port}))  # free again


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
    with_grpc = check_server_settings({"port": 0, "grpc_port": 0})
    check_serving({"seq2seq": tmp_path}, with_grpc)  # here, all are installed
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )
    with pytest.raises(
        ServerError, match=rf"not installed \({package}\).*'seq2seq-keras\[{extra}\]'"
    ):
        check_serving({"seq2seq": tmp_path}, with_grpc)
    if extra == "grpc":
        check_serving(
            {"seq2seq": tmp_path}, ServerConfig(port=0)
        )  # without gRPC its packages are not missed


def test_nothing_is_loaded_when_there_is_neither_a_run_nor_a_model(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "load_tensorflow", lambda **_: pytest.fail("loaded"))
    neither = "holds no model: expected saved_model.pb or .* a run folder would have a manifest"
    for options in ((), ("--beam", "2")):
        with pytest.raises(ServerError, match=neither):
            command.run(parsed(tmp_path, *options))
    with pytest.raises(ServerError, match="nowhere is no folder; give a run folder or an exported"):
        command.run(parsed(tmp_path / "nowhere"))
    with pytest.raises(ServerError, match=neither):
        serve({"seq2seq": tmp_path}, ServerConfig(), loader=load_by_prefix)


def test_several_models_have_names_of_their_own(tmp_path, calls):
    first, second = (write_versions(tmp_path / each, 1) for each in ("a", "b"))
    command.run(parsed(f"ende={first}", f"en_fr={second}"))
    assert calls == [({"ende": first, "en_fr": second}, ServerConfig(), {}, None)]
    odd = write_versions(tmp_path / "lr=1", 1)  # a folder's name, not a model's
    command.run(parsed(odd, "--name", "x"))
    assert calls[1][0] == {"x": odd}
    with pytest.raises(ServerError, match="b has no name; of several .* such as ende="):
        command.run(parsed(f"ende={first}", second))
    with pytest.raises(ServerError, match="two models are called ende"):
        command.run(parsed(f"ende={first}", f"ende={second}"))
    write_bare_run(tmp_path)
    with pytest.raises(ServerError, match="--export is for a single run"):
        command.run(parsed(f"a={tmp_path}", f"b={tmp_path}", "--export", "out"))
    assert len(calls) == 2


def test_who_listens_beyond_this_machine_without_a_token_is_told(tmp_path, monkeypatch, caplog):
    base = write_versions(tmp_path / "model", 1)
    monkeypatch.setattr("seq2seq.workflows.serve._serve_models", lambda sources, config: True)
    tokens = tmp_path / "tokens"
    tokens.write_text("secret\n")
    for host, token_file, told in (
        *(("0.0.0.0", None, True), ("::", None, True), ("0.0.0.0", str(tokens), False)),
        *(("127.0.0.1", None, False), ("localhost", None, False)),
    ):
        caplog.clear()
        settings = {"host": host, "port": 0, "token_file": token_file}
        serve({"seq2seq": base}, check_server_settings(settings), loader=load_by_prefix)
        assert caplog.text.count("--token-file would ask for a token") == told
    with pytest.raises(ServerError, match="nowhere cannot be read"):
        settings = {"port": 0, "token_file": str(tmp_path / "nowhere")}
        check_serving({"seq2seq": base}, check_server_settings(settings))
