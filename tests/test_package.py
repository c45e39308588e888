"""What `import seq2seq` offers."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from conftest import miniature_settings

import seq2seq
from seq2seq.config.loading import as_settings
from seq2seq.errors import ConfigError

REPOSITORY = Path(__file__).parents[1]
MINIATURE = REPOSITORY / "configs" / "miniature.yaml"


@pytest.fixture
def settings_file(small_corpus, tmp_path):
    settings = as_settings(miniature_settings(small_corpus))
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.mark.long
def test_train_says_how_it_goes_and_load_opens_what_it_made(
    settings_file, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as notebook kernels do
    overrides = ["training.steps=4", "training.validate_every=2", "model.units=8"]
    run = seq2seq.train(settings_file, tmp_path / "run", overrides)
    printed = capsys.readouterr().out
    assert "step 2" in printed and "step 4" in printed and "validation perplexity" in printed
    assert "\x1b" not in printed  # plain text, as notebooks keep it
    assert "bleu" in run.scores()["test"]
    assert run.config().model.units == 8
    assert len(seq2seq.load(run.path).translate(["The dog sleeps."])) == 1

    # It is finished: asked again, it is only opened. And quietly means quietly.
    assert seq2seq.train(settings_file, run.path, overrides).scores() == run.scores()
    assert "step 4" not in capsys.readouterr().out
    seq2seq.train(settings_file, run.path, overrides, quiet=True)
    assert not capsys.readouterr().out


def test_a_wrong_override_is_named_and_nothing_is_made(settings_file, tmp_path):
    with pytest.raises(ConfigError, match="unitz"):
        seq2seq.train(settings_file, tmp_path / "run", ["model.unitz=8"])
    assert not (tmp_path / "run").exists()


def test_importing_needs_no_tensorflow():
    code = "import sys, seq2seq; print(sorted({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The source that is built, and a folder with the wheel and the source distribution."""
    source, built = (tmp_path_factory.mktemp(name) for name in ("source", "built"))
    shutil.copytree(REPOSITORY, source, dirs_exist_ok=True, symlinks=True, ignore=_not_source)
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", built, source],
        check=True,
        capture_output=True,
    )
    return source, built


def _not_source(folder, names):
    """What .gitignore names."""
    at_the_top = {"data", "runs", "build"} if Path(folder) == REPOSITORY else set()
    hidden = shutil.ignore_patterns("__pycache__", "*.egg-info", ".git", ".venv*", ".*_c*", ".hyp*")
    return at_the_top | hidden(folder, names)


def _files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.mark.long
def test_a_wheel_has_every_file_of_the_packages_and_a_source_distribution_all(built):
    source, folder = built
    (wheel,), (archive,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    configs = {f"seq2seq/{name}" for name in _files(source) if name.startswith("configs/")}
    assert len(configs) > 1
    packages = {name for name in _files(source) if name.startswith(("seq2seq/", "data_prep/"))}
    with zipfile.ZipFile(wheel) as opened:
        inside = {name for name in opened.namelist() if ".dist-info/" not in name}
    assert inside == packages | configs
    with tarfile.open(archive) as opened:
        inside = {name.partition("/")[2] for name in opened.getnames()}
    assert _files(source) - {name for name in _files(source) if ".egg-info" in name} <= inside
    twine = [sys.executable, "-m", "twine", "check", "--strict", wheel, archive]
    done = subprocess.run(twine, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.long
def test_what_a_wheel_holds_runs_in_another_folder(built, tmp_path):
    _, folder = built
    (wheel,) = folder.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(installed)
    script = (
        "import seq2seq; from importlib.metadata import distribution\n"
        "print(seq2seq.__file__)\n"
        "(command,) = distribution('seq2seq-keras').entry_points\n"
        "command.load()(['settings', '--example', 'miniature'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    where, settings = done.stdout.split("\n", 1)
    assert where.startswith(str(installed)) and settings == MINIATURE.read_text(encoding="utf-8")


@pytest.mark.long
def test_load_prints_nothing_but_what_it_is_asked_for(trained_run):
    script = f"import seq2seq; print(seq2seq.load({str(trained_run)!r}).translate([''])[0] == '')"
    environment = {
        name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"
    }
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
