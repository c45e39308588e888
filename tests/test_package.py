"""What `import seq2seq` offers."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import miniature_settings

import seq2seq
from seq2seq.config.loading import as_settings
from seq2seq.errors import ConfigError


@pytest.fixture
def settings_file(small_corpus, tmp_path):
    settings = as_settings(miniature_settings(small_corpus))
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


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


def test_an_installed_package_has_every_file_that_is_no_code():
    root = Path(seq2seq.__file__).parent
    configuration = configparser.ConfigParser()
    configuration.read(root.parent / "setup.cfg")
    patterns = configuration["options.package_data"]["seq2seq"].split()
    declared = {path for pattern in patterns for path in root.glob(pattern)}
    files = {
        path for path in root.rglob("*") if path.is_file() and path.parent.name != "__pycache__"
    }
    assert {path for path in files if path.suffix != ".py"} == declared
    assert len(declared) > 1


def test_load_prints_nothing_but_what_it_is_asked_for(trained_run):
    script = f"import seq2seq; print(seq2seq.load({str(trained_run)!r}).translate([''])[0] == '')"
    environment = {
        name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"
    }
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
