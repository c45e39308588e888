"""Training where Keras runs on JAX: the same steps, and a run that TensorFlow goes on with."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import step_child
import yaml
from conftest import miniature_settings
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.config.loading import as_settings
from seq2seq.data.subwords import PAD
from seq2seq.training.jax_step import LENGTHS, padded
from seq2seq.training.train_step import SEED
from seq2seq.translation.loading import load_translator

TESTS = Path(__file__).parents[1]
# XLA compiles each network for some seconds, of which these steps would not win any back.
QUICKLY = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
MODEL = {"embedding_size": 12, "units": 16, "dropout": 0.0}
SETTINGS = {
    "default": {"model": MODEL, "training": {"averaging": 0.9, "weight_decay": 0.1}},
    "two_passes": {"model": MODEL, "training": {"consistency": 1.0, "label_smoothing": 0.1}},
    "summed": {"model": MODEL, "training": {"accumulate": 2, "averaging": 0.9}},
    "weighted": {
        "model": MODEL,
        "training": {"consistency": 1.0, "accumulate": 2},
        "data": {"train_weights": "weights"},
    },
    "dropout": {"model": MODEL | {"dropout": 0.3}, "training": {"averaging": 0.9}},
}


def run(*command, backend="jax"):
    """In a process whose Keras has a backend."""
    if backend == "jax" and not importlib.util.find_spec("jax"):
        pytest.skip("jax is not installed: seq2seq-keras[jax]")
    paths = [TESTS.parent, TESTS, TESTS / "helpers", *os.environ.get("PYTHONPATH", "").split(":")]
    wanted = {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": QUICKLY}
    environment = os.environ | wanted | {"PYTHONPATH": ":".join(map(str, paths))}
    command = [sys.executable, *map(str, command)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def stepped(tmp_path_factory):
    """What steps made of some networks: on TensorFlow, on JAX, and there in two parts."""
    folder = tmp_path_factory.mktemp("steps")
    (folder / step_child.SETTINGS).write_text(json.dumps(SETTINGS))
    here = {}
    for name, settings in SETTINGS.items():
        training = step_child.optimization(settings)
        with (folder / f"{name}.weights.h5").open("wb") as stream:
            training.save_weights(stream)
        here[name] = step_child.taken(training, step_child.steps(settings))
    done = run(step_child.__file__, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    on_jax = {name: dict(np.load(folder / f"{name}.npz")) for name in SETTINGS}
    again = {"dropout": dict(np.load(folder / "dropout.again.npz"))}
    return here, on_jax, again


def distance(left, right):
    """Largest difference of anything but random states."""
    assert left.keys() == right.keys()
    names = [name for name in left if not name.startswith(SEED)]
    return max(float(np.abs(left[name] * 1.0 - right[name]).max()) for name in names)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "dropout"])
def test_steps_are_those_on_tensorflow(stepped, name):
    here, on_jax, _ = stepped
    assert distance(here[name], on_jax[name]) < 1e-4
    other = step_child.optimization(SETTINGS[name])
    control = step_child.taken(other, step_child.steps(SETTINGS[name]), rate=0.0101)
    assert distance(here[name], control) > 1e-4


@pytest.mark.long
def test_what_was_stopped_goes_on_bit_for_bit(stepped):
    here, on_jax, again = (each["dropout"] for each in stepped)
    found = on_jax | {"steps": on_jax["steps"][step_child.STOPPED_AFTER :]}
    assert found.keys() == again.keys()
    for key, value in found.items():
        np.testing.assert_array_equal(again[key], value, key)
    assert distance(here, on_jax) > 1e-3  # control: masks were drawn


@pytest.mark.long
def test_a_run_trained_on_jax_is_a_run(small_corpus, tmp_path):
    config = miniature_settings(small_corpus, training={"steps": 2, "validate_every": 2})
    settings = tmp_path / "config.yaml"
    settings.write_text(yaml.safe_dump(as_settings(config)))
    done = run("-m", "seq2seq", "train", settings, "--run", tmp_path / "run")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("validation: BLEU ")
    assert "scoring the best weights" in done.stderr and "oneDNN" not in done.stderr
    translator = load_translator(tmp_path / "run")
    assert len(translator.translate(["The dog."])) == 1
    # It is finished for the other backend too.
    done = run("-m", "seq2seq", "train", settings, "--run", tmp_path / "run", backend="tensorflow")
    assert done.returncode == 0 and "nothing left to train" in done.stderr


@pytest.mark.long
def test_workers_are_refused_before_anything_is_written(small_corpus, tmp_path):
    settings = tmp_path / "config.yaml"
    settings.write_text(yaml.safe_dump(as_settings(miniature_settings(small_corpus))))
    several = ("--workers", "localhost:1,localhost:2", "--worker", 0)
    done = run("-m", "seq2seq", "train", settings, "--run", tmp_path / "run", *several)
    assert done.returncode == 1 and not (tmp_path / "run").exists()
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: several workers train on tensorflow alone")


sizes = st.integers(1, 40)


@given(sizes, sizes, sizes)
def test_batches_come_in_few_shapes_with_the_same_targets(rows, source_length, target_length):
    random = np.random.default_rng(rows)
    sides = [
        random.integers(3, 9, (rows, length)).astype(np.int32)
        for length in (source_length, target_length, target_length)
    ]
    source, target_in, target_out = padded(sides)
    assert source.shape[1] % LENGTHS == target_in.shape[1] % LENGTHS == 0
    assert rows <= len(source) < 2 * rows and len(source).bit_count() == 1
    np.testing.assert_array_equal(source[:rows, :source_length], sides[0])
    np.testing.assert_array_equal(target_out[:rows, :target_length], sides[2])
    assert (target_out != PAD).sum() == rows * target_length
    assert (source != PAD).any(axis=1).all()  # attention has something to read in every row
