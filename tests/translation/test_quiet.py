"""What is needed before an engine runs is asked for in one line."""

import os

import pytest
from command_line import fails

from seq2seq.errors import ConfigError
from seq2seq.translation import quiet
from seq2seq.translation.quiet import BACKEND, load_for_training, load_tensorflow


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_keras_on_another_backend_translates_nothing(backend, monkeypatch, trained_run):
    monkeypatch.setenv(BACKEND, backend)
    line = fails("translate", trained_run, "--beam", 2)
    assert line == f"error: {BACKEND}={backend}: this runs on tensorflow; leave {BACKEND} out"


def test_training_names_the_backends_that_it_has(monkeypatch):
    monkeypatch.setenv(BACKEND, "torch")
    with pytest.raises(ConfigError, match="this runs on tensorflow or jax"):
        load_for_training()
    load_tensorflow(backends=None)


def test_a_backend_that_is_not_installed_is_told_with_its_extra(monkeypatch):
    monkeypatch.setenv(BACKEND, "jax")
    monkeypatch.setattr(quiet, "find_spec", lambda name: None if name == "jax" else name)
    with pytest.raises(ConfigError, match=r"jax, which is not installed; pip install .*\[jax\]"):
        load_for_training()
    monkeypatch.delenv(BACKEND)
    load_for_training()  # the control


@pytest.mark.parametrize("installed", [False, True])
def test_another_programs_keras_2_is_not_asked_for_where_it_is_not(installed, monkeypatch):
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    absent = set() if installed else {"tf_keras"}
    monkeypatch.setattr(quiet, "find_spec", lambda name: None if name in absent else name)
    load_tensorflow()
    assert os.environ.get("TF_USE_LEGACY_KERAS") == ("1" if installed else None)
