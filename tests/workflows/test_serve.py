"""What `seq2seq serve RUN` exports is gone when it ends, whenever that is.

Here nothing is really exported; the whole command runs in test_one_text_by_every_way.py.
"""

import json
import os
import signal
import sys
import urllib.request
from pathlib import Path

import pytest
from server_process import server_process

import seq2seq
from seq2seq.config.serving import ServerConfig
from seq2seq.workflows.serve import serve

HELPERS = str(Path(__file__).parents[1] / "helpers")
SCRIPT = """
import json, logging, sys, types
from pathlib import Path
sys.path.insert(0, {tests!r})
from fake_server import load_by_prefix, write_versions
from seq2seq.config.serving import check_server_settings
from seq2seq.errors import ExportError
from seq2seq.workflows.serve import serve

class ExportJob:
    def __init__(self, run, model, settings):
        self.run, self.model, self.settings = run, model, settings

def export(job):
    write_versions(job.model, 1)
    print("exporting", job.run, json.dumps(job.settings), file=sys.stderr, flush=True)
    if {fails}:
        raise ExportError("no export")
    sys.stdin.readline()

stand_in = types.ModuleType("seq2seq.workflows.export")
stand_in.ExportJob, stand_in.export = ExportJob, export
sys.modules[stand_in.__name__] = stand_in
logging.basicConfig(level=logging.INFO, format="%(message)s")
config = check_server_settings({{"port": 0}})
try:
    finished = serve(Path({run!r}), config, {{"beam_width": 2}}, load_by_prefix)
except ExportError as error:
    sys.exit(str(error))
assert finished
"""


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    return folder


@pytest.fixture
def temporary(tmp_path):
    """Where the server's temporary folders are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def exporting(run, temporary, fails=False):
    """A server of a run whose export waits for a line on standard input."""
    script = SCRIPT.format(tests=HELPERS, run=str(run), fails=fails)
    environment = os.environ | {"TMPDIR": str(temporary)}
    return server_process(sys.executable, "-W", "error", "-c", script, environment=environment)


def until_exporting(server, temporary):
    """Returns when there is something to be cleaned away; gives the settings."""
    settings = server.until(r"^exporting \S+/run (\{.*\})$")[1]
    assert [each.name[:14] for each in temporary.iterdir()] == ["seq2seq-serve-"]
    return json.loads(settings)


def ask(url, *texts):
    """Translations by REST."""
    body = json.dumps({"instances": texts}).encode()
    with urllib.request.urlopen(f"{url}/v1/models/seq2seq:predict", body) as response:
        return json.load(response)["predictions"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_exported_goes_when_the_serving_ends(run, temporary, number):
    with exporting(run, temporary) as server:
        assert until_exporting(server, temporary) == {"beam_width": 2}
        server.process.stdin.write("\n")
        server.process.stdin.flush()
        assert ask(server.url, "dog") == ["1:DOG"]
        assert list(temporary.iterdir())
        assert server.stop(number) == 0
        assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_exported_goes_when_a_signal_comes_before(run, temporary, number):
    with exporting(run, temporary) as server:
        until_exporting(server, temporary)
        assert server.stop(number) == 0
        assert "stopped before the model was ready" in server.said
        assert list(temporary.iterdir()) == []


def test_what_was_exported_goes_when_the_export_fails(run, temporary):
    with exporting(run, temporary, fails=True) as server:
        until_exporting(server, temporary)
        server.process.wait(60)
        assert server.process.returncode == 1
        assert server.process.stderr.read() == "no export\n"
        assert list(temporary.iterdir()) == []


def test_the_handlers_of_signals_are_put_back(run, monkeypatch):
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(seq2seq.errors.RunError, match="manifest.json is damaged"):
        serve(run, ServerConfig(port=0))
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before


def test_settings_for_an_exported_model_are_a_mistake_of_the_code(tmp_path):
    (tmp_path / "1").mkdir()
    with pytest.raises(ValueError, match="takes no settings: {'beam_width': 2}"):
        serve(tmp_path, ServerConfig(port=0), {"beam_width": 2})
