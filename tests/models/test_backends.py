"""The same network on JAX and on PyTorch, each in a process of its own.

Interpreters with these packages that are not the tests' own are named, as a path list, by the
environment variable SEQ2SEQ_TEST_PYTHONS.
"""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import backend_child
import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
INTERPRETERS = "SEQ2SEQ_TEST_PYTHONS"
NEEDED = ("keras", "numpy", "h5py", "pydantic")
LOOK = """
import importlib.util, sys
sys.exit(sum(importlib.util.find_spec(name) is None for name in sys.argv[1:]))
"""
SETTINGS = {
    "default": {},
    "input feeding and gru": {"input_feeding": True, "cell": "gru"},
}


def run(python, *arguments, backend):
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(REPOSITORY)}
    command = [python, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@functools.cache
def interpreter_with(package):
    """The first interpreter that has the package and what the network needs; None without one."""
    others = os.environ.get(INTERPRETERS, "").split(os.pathsep)
    for python in [sys.executable, *filter(None, others)]:
        if run(python, "-c", LOOK, package, *NEEDED, backend=package).returncode == 0:
            return python
    return None


@pytest.fixture(scope="module", params=SETTINGS)
def saved(request, tmp_path_factory):
    """A folder with settings and weights, and the network on TensorFlow that they came from."""
    folder = tmp_path_factory.mktemp("backends")
    settings = SETTINGS[request.param]
    network = backend_child.build(settings)
    (folder / backend_child.SETTINGS).write_text(json.dumps(settings))
    network.translator.training.save_weights(folder / backend_child.WEIGHTS)
    logits = network.logits()
    return folder, network, logits, network.step()


@pytest.mark.long
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_computes_and_trains_the_same_network(saved, backend):
    folder, network, logits, (before, after, stepped) = saved
    python = interpreter_with(backend)
    if python is None:
        pytest.skip(f"no interpreter with {backend}; name one that has it in {INTERPRETERS}")
    done = run(python, backend_child.__file__, folder, backend=backend)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[0] == backend
    with np.load(folder / backend_child.FOUND) as found:
        real = backend_child.TARGET_OUT != backend_child.PAD
        np.testing.assert_allclose(found["logits"][real], logits[real], atol=1e-4)
        # Control: weights that were not loaded give others.
        assert np.abs(found["fresh"] - logits)[real].max() > 1e-3
        np.testing.assert_allclose(found["losses"], [before, after], atol=1e-4)
        assert found["losses"][1] < found["losses"][0] - 1e-3
        for number, weight in enumerate(stepped):
            np.testing.assert_allclose(found[f"stepped_{number}"], weight, atol=1e-4)
    # Back on TensorFlow, not a bit has changed.
    network.translator.training.load_weights(folder / backend_child.RETURNED)
    np.testing.assert_array_equal(network.logits(), logits)
    # Control: the trained weights are others.
    network.translator.training.set_weights(stepped)
    assert np.abs(network.logits() - logits)[real].max() > 1e-3
