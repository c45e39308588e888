"""`seq2seq-runtime`: a wheel whose environment has no TensorFlow translates and serves.

With FIRST_HOUR_FRESH=1 pip fetches what the wheel names; without, the environment gets links to
that of this one, of each package that the wheel names and of those that these name, and no other.
"""

import json
import os
import subprocess
import sys
import urllib.request
from importlib.metadata import distribution
from pathlib import Path

import pytest
from exported_model import RULES, exported_onnx
from loaded import loaded
from packaging.requirements import Requirement
from server_process import server_process
from test_first_hour import FRESH, REPOSITORY, build_options, install, run

pytestmark = pytest.mark.first_hour
LINES = ["Today she reads the book.", "", "The dog sleeps."]


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """The folder of commands of an environment in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("runtime")
    run(f"{sys.executable} {REPOSITORY}/deploy/runtime_distribution.py {folder}/source")
    build = f"{sys.executable} -m build --wheel --outdir {folder}/dist {build_options()}"
    run(f"{build} {folder}/source")
    (wheel,) = (folder / "dist").glob("seq2seq_runtime-*.whl")
    commands, packages = install(wheel, folder / "venv")
    if not FRESH:
        link_packages(run(f'{commands}/python -c "{NAMED}"').splitlines(), packages)
    return commands


NAMED = "import importlib.metadata as m; print(*m.requires('seq2seq-runtime'), sep='\\n')"


def link_packages(requirements, folder):
    """Links to the packages that satisfy requirements, and what they require."""
    left, known = [Requirement(each) for each in requirements], set()
    while left:
        wanted = left.pop()
        if wanted.name in known or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        known.add(wanted.name)
        found = distribution(wanted.name)
        assert wanted.specifier.contains(found.version), wanted
        left += [Requirement(each) for each in found.requires or []]
        for name in {file.parts[0] for file in found.files} - {"..", "__pycache__"}:
            if not (folder / name).exists():
                (folder / name).symlink_to(found.locate_file(name))
    assert "tensorflow" not in known and len(known) > 15


@pytest.fixture(scope="module")
def model(request):
    return exported_onnx(request)


@pytest.fixture(scope="module")
def expected(trained_run):
    return loaded(trained_run, **RULES).translate(LINES)


def without_checkout():
    return os.environ | {"PYTHONPATH": ""}


def test_it_translates_without_tensorflow(commands, model, expected):
    absent = "import importlib.util as u; print(u.find_spec('tensorflow'), u.find_spec('keras'))"
    assert run(f'{commands}/python -c "{absent}"', model) == "None None\n"
    text = "".join(f"{line}\n" for line in LINES)
    done = subprocess.run(
        [commands / "seq2seq", "translate", model],
        input=text,
        capture_output=True,
        text=True,
        env=without_checkout(),
        cwd=model,
    )
    assert (done.stdout.splitlines(), done.returncode) == (expected, 0), done.stderr
    assert run(f"{commands}/seq2seq --version", model).startswith("seq2seq-runtime ")


def test_it_serves(commands, model, expected):
    command = (commands / "seq2seq", "serve", model, "--port", 0)
    with server_process(*command, environment=without_checkout()) as server:
        url = server.url
        body = json.dumps({"instances": LINES}).encode()
        with urllib.request.urlopen(f"{url}/v1/models/seq2seq:predict", body) as response:
            assert json.load(response) == {"predictions": expected}
        asked = json.dumps({"q": LINES, "source": "en", "target": "de"}).encode()
        kind = {"content-type": "application/json"}
        request = urllib.request.Request(f"{url}/translate", asked, kind)
        with urllib.request.urlopen(request) as response:
            assert json.load(response) == {"translatedText": expected}
        assert server.stop() == 0


def test_what_needs_tensorflow_says_so(commands, trained_run):
    """In one line."""
    done = subprocess.run(
        [commands / "seq2seq", "translate", trained_run],
        capture_output=True,
        text=True,
        env=without_checkout(),
        cwd=Path(trained_run),
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: this needs TensorFlow, which is not installed; pip install")
