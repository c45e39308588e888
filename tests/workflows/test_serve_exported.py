"""`seq2seq serve` by ONNX Runtime: a process in which TensorFlow cannot be imported answers."""

import json
import shutil
import urllib.error
import urllib.request

import pytest
from blocked_imports import WITHOUT_TENSORFLOW
from command_line import fails
from exported_model import RULES, exported_onnx
from loaded import loaded
from server_process import server_process

from seq2seq.config.serving import BatchingConfig, ServerConfig
from seq2seq.workflows import serve as serving
from seq2seq.workflows.onnx_engine import kept_model
from seq2seq.workflows.serve import keep_onnx_models, needs_tensorflow

TEXT = "Today she reads the book. The dog sleeps."
SENTENCES = ["Today she reads the book.", "The dog sleeps."]


@pytest.fixture(scope="module")
def model(request):
    return exported_onnx(request)


@pytest.fixture(scope="module")
def server(model):
    with server_process(*WITHOUT_TENSORFLOW, "serve", model, "--port", 0) as server:
        server.address = server.url
        yield server
        assert server.stop() == 0


@pytest.fixture(scope="module")
def expected(trained_run):
    return loaded(trained_run, **RULES).translate(SENTENCES)


def post(server, path, body):
    """Status and content."""
    request = urllib.request.Request(
        f"{server.address}{path}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_tensorflow_serving_s_clients_are_answered(server, expected):
    status, answer = post(server, "/v1/models/seq2seq:predict", {"instances": SENTENCES})
    assert (status, json.loads(answer)) == (200, {"predictions": expected})


def test_libretranslate_s_clients_are_answered(server, expected):
    asked = {"q": TEXT, "source": "auto", "target": "de", "alternatives": 1}
    status, answer = post(server, "/translate", asked)
    answer = json.loads(answer)
    assert (status, answer["translatedText"]) == (200, " ".join(expected))
    assert answer["detectedLanguage"]["language"] == "en" and len(answer["alternatives"]) == 1
    tagged = {"q": f"<p>{TEXT}</p>", "source": "en", "target": "de", "format": "html"}
    _, answer = post(server, "/translate", tagged)
    assert json.loads(answer)["translatedText"] == f"<p>{' '.join(expected)}</p>"


def test_streams_come_by_sentences(server, expected):
    status, answer = post(server, "/v2/models/seq2seq/generate_stream", {"text_input": TEXT})
    parts = [json.loads(line[6:])["text_output"] for line in answer.splitlines() if line]
    assert (status, parts) == (200, [f"{expected[0]} ", expected[1]])


def test_the_page_translates_and_says_what_it_cannot(server, expected):
    asked = {"model": "seq2seq", "texts": SENTENCES, "prefixes": ["", ""]}
    status, answer = post(server, "/page/api/translate", asked)
    found = [each["outputs"][0]["text"] for each in json.loads(answer)["sentences"]]
    assert (status, found) == (200, expected)
    status, answer = post(server, "/page/api/translate", asked | {"prefixes": ["Er", ""]})
    assert status == 501 and "cannot begin a translation as told" in answer
    status, answer = post(server, "/page/api/tree", asked | {"text": TEXT, "tokens": []})
    assert status == 501 and "cannot be looked into; serve its run" in answer


def test_a_run_needs_tensorflow_once(trained_run, model, tmp_path, expected):
    """The control is the run's own engine, which cannot be loaded."""
    shutil.copytree(trained_run, run := tmp_path / "run")
    kept = kept_model(run, {"beam_width": 2, "n_best": 2}, "int8")
    shutil.copytree(model, kept)
    serve = (*WITHOUT_TENSORFLOW, "serve", run, "--port", 0)
    options = ("--engine", "onnx", "--weights", "int8", "--beam", 2)
    with server_process(*serve, *options) as server:
        server.address = server.url
        _, answer = post(server, "/v1/models/seq2seq:predict", {"instances": SENTENCES})
        assert json.loads(answer) == {"predictions": expected}
        assert server.stop() == 0
    with server_process(*serve) as server, pytest.raises(AssertionError, match="No module named"):
        server.until("serving")


def test_what_is_kept_of_runs_is_what_their_options_say(trained_run, model, tmp_path, monkeypatch):
    shutil.copytree(trained_run, run := tmp_path / "run")
    jobs, loaded_before = [], []

    def export(job):
        jobs.append((job.settings, job.weights, job.further, len(loaded_before)))
        shutil.copytree(model, job.directory)

    monkeypatch.setattr("seq2seq.workflows.export_portable.export_portable", export)
    for _ in range(2):
        further = ["terms", "prefixes", "terms"]
        kept = keep_onnx_models({"a": run}, {}, "int8", further, lambda: loaded_before.append(1))
        assert not needs_tensorflow(kept, ServerConfig())
    assert jobs == [({"n_best": 4}, "int8", ["prefixes", "terms"], 1)]
    assert needs_tensorflow({"a": run}, ServerConfig())
    assert needs_tensorflow(kept, ServerConfig(grpc_port=0))
    monkeypatch.setattr(serving, "keep_model", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert keep_onnx_models({"a": run}, {"beam_width": 1}, "int8", [], list) is None


def test_versions_may_be_of_either_format(model, tmp_path):
    """A base folder of versions, of which the largest is an ONNX model."""
    shutil.copytree(model, tmp_path / "ende" / "2")
    assert not needs_tensorflow({"a": tmp_path / "ende"}, ServerConfig())
    (tmp_path / "ende" / "1").mkdir()
    (tmp_path / "ende" / "1" / "saved_model.pb").write_bytes(b"")
    assert needs_tensorflow({"a": tmp_path / "ende"}, ServerConfig())
    found = serving.load_exported_model(tmp_path / "ende" / "2")
    assert found.languages.target == "de"


def test_runs_at_once_share_the_processors(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(8))
    found = [
        serving.threads_of_a_run(ServerConfig(batching=BatchingConfig(threads=runs)))
        for runs in (1, 2, 3, 99)
    ]
    assert found == [None, 4, 2, 1]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--beam", "3"], "is an exported model, which searches as `seq2seq export` was told; "),
        (["--engine", "onnx"], "leave out --engine, or export it again"),
    ],
)
def test_what_a_directory_takes_no_options_for(model, options, message):
    assert message in fails("serve", model, "--port", 0, *options)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--weights", "int8"], "--weights goes with --engine onnx"),
        (["--also", "terms"], "--also goes with --engine onnx"),
        (["--engine", "onnx", "--export", "ende"], "leave it out with --engine onnx"),
        (["--engine", "onnx", "--beam", "0"], "decoding.beam_width: "),
    ],
)
def test_options_that_do_not_go_together(trained_run, options, message):
    assert message in fails("serve", trained_run, "--port", 0, *options)
