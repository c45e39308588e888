"""`seq2seq serve RUN --export DIR`, whose export here is a stand-in that waits for a line.

A run in memory is served by test_one_text_by_every_way.py, and loaded by test_served_run.py.
"""

import gc
import json
import signal
import sys
import urllib.request
from pathlib import Path

import pytest
from fake_server import write_bare_run, write_versions
from server_process import server_process

import seq2seq
from seq2seq.config.serving import ServerConfig
from seq2seq.errors import ServerError
from seq2seq.workflows import serve as serve_workflow
from seq2seq.workflows.serve import serve

HELPERS = str(Path(__file__).parents[1] / "helpers")
SCRIPT = """
import json, logging, sys, types
from pathlib import Path
sys.path.insert(0, {tests!r})
from fake_server import load_by_prefix
from seq2seq.config.serving import check_server_settings
from seq2seq.errors import ExportError
from seq2seq.serving.saved_model.version_directory import new_version
from seq2seq.workflows.serve import serve

class ExportJob:
    def __init__(self, run, model, settings):
        self.run, self.model, self.settings = run, model, settings

def export(job):
    with new_version(job.model) as folder:
        (folder / "saved_model.pb").write_bytes(folder.name[5:6].encode() + b":")
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
    models, model = {{"seq2seq": Path({run!r})}}, Path({model!r})
    finished = serve(models, config, {{"beam_width": 2}}, model, load_by_prefix)
except ExportError as error:
    sys.exit(str(error))
assert finished
"""


@pytest.fixture
def run(tmp_path):
    return write_bare_run(tmp_path / "run")


@pytest.fixture
def model(tmp_path):
    """The directory of a model that has a version already."""
    folder = write_versions(tmp_path / "ende", 1)
    (folder / "1" / "saved_model.pb").write_bytes(b"1:")
    return folder


def exporting(run, model, fails=False):
    """A server of a run whose export waits for a line on standard input."""
    script = SCRIPT.format(tests=HELPERS, run=str(run), model=str(model), fails=fails)
    return server_process(sys.executable, "-W", "error", "-c", script)


EXPORTING = r"^exporting \S+/run (\{.*\})$"  # said when there is something to be cleaned away


def until_exporting(server, model):
    """Gives the settings."""
    settings = server.until(EXPORTING)[1]
    assert versions_in(model) == [".tmp-2", "1"]
    return json.loads(settings)


def versions_in(model):
    return sorted(each.name.rpartition("-")[0] or each.name for each in model.iterdir())


def ask(url, *texts):
    """Translations by REST."""
    body = json.dumps({"instances": texts}).encode()
    with urllib.request.urlopen(f"{url}/v1/models/seq2seq:predict", body) as response:
        return json.load(response)["predictions"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_exported_is_served_and_stays(run, model, number):
    with exporting(run, model) as server:
        assert until_exporting(server, model) == {"beam_width": 2}
        server.process.stdin.write("\n")
        server.process.stdin.flush()
        assert ask(server.url, "dog") == ["2:DOG"]
        assert server.stop(number) == 0
        assert versions_in(model) == ["1", "2"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_stays_of_an_export_that_a_signal_ends(run, model, number):
    with exporting(run, model) as server:
        until_exporting(server, model)
        assert server.stop(number) == 0
        assert "stopped before the model was exported" in server.said
        assert versions_in(model) == ["1"]


def test_nothing_stays_and_nothing_is_served_when_the_export_fails(run, model):
    with exporting(run, model, fails=True) as server:
        server.until(EXPORTING)  # and fails at once
        server.process.wait(60)
        assert server.process.returncode == 1
        assert server.process.stderr.read() == "no export\n"
        assert versions_in(model) == ["1"]


def test_the_handlers_of_signals_are_put_back(run, tmp_path):
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(seq2seq.errors.RunError, match="manifest.json is damaged"):
        serve({"seq2seq": run}, ServerConfig(port=0), export_to=tmp_path / "ende")
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before


def test_settings_for_an_exported_model_are_a_mistake_of_the_code(tmp_path):
    (tmp_path / "1").mkdir()
    for given in ({"settings": {"beam_width": 2}}, {"export_to": tmp_path}):
        with pytest.raises(ValueError, match="is an exported model, so it takes neither settings"):
            serve({"seq2seq": tmp_path}, ServerConfig(port=0), **given)


def test_a_run_that_cannot_be_loaded_is_one_error(run):
    with pytest.raises(ServerError, match="no version can be loaded; .*manifest.json is damaged"):
        serve({"seq2seq": run}, ServerConfig(port=0))


@pytest.mark.long
def test_later_garbage_collections_do_not_look_at_a_loaded_model(tmp_path, monkeypatch):
    class Model:
        pass

    loading = "seq2seq.serving.server.saved_model_loader.load_saved_model"
    monkeypatch.setattr(loading, lambda folder: Model())
    model = serve_workflow._loader(False, {}, ServerConfig())(tmp_path)
    assert not any(each is model for each in gc.get_objects())
    other = Model()  # the control: of another the collector knows
    assert any(each is other for each in gc.get_objects())
