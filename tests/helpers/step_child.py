"""Training steps on the backend that Keras has here: `python step_child.py FOLDER`.

Reads what `SETTINGS` says there, and the weights of each; writes what the steps made of them.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from conftest import miniature_settings

from seq2seq.data.subwords import BOS, EOS, PAD
from seq2seq.training.jax_step import JaxOptimization
from seq2seq.training.train_step import Optimization, seeded
from seq2seq.training.workers.summed_step import SummedOptimization

SETTINGS = "settings.json"
BATCHES, STOPPED_AFTER = 10, 3
VOCABULARY = 30


def steps(settings):
    """The batches of each step of a training."""
    every, size = list(batches()), settings["training"].get("accumulate", 1)
    if "data" in settings:
        every = [(*batch, np.linspace(0.5, 2, len(batch[0]), dtype="float32")) for batch in every]
    return [every[first : first + size] for first in range(0, BATCHES, size)]


def batches():
    """Of several shapes, some sentences shorter than others."""
    random = np.random.default_rng(1)
    for number in range(BATCHES):
        rows = 5 + number % 2
        source, target = (random.integers(4, VOCABULARY, (rows, size)) for size in (6, 9))
        source[1, -2:] = PAD
        target_in = np.hstack([np.full((rows, 1), BOS), target])
        target_out = np.hstack([target, np.full((rows, 1), EOS)])
        target_in[0, -1] = target_out[0, -1] = PAD
        target_out[0, -2] = EOS
        yield tuple(np.asarray(side, "int32") for side in (source, target_in, target_out))


def optimization(settings, weights=None):
    """A network in training, with weights of a file."""
    config = miniature_settings(Path("corpus"), **settings)
    on_tensorflow = SummedOptimization if config.training.accumulate > 1 else Optimization
    on_jax = keras.backend.backend() == "jax"
    with seeded(1):
        made = (JaxOptimization if on_jax else on_tensorflow)(config, VOCABULARY)
    if weights:
        made.load_weights(weights)
    return made


def taken(training, some, rate=0.01):
    """Losses and tokens of steps, and all that they changed."""
    found = [training.step_over(batches, rate)[:2] for batches in some]
    weights = {f"weight/{n}": each for n, each in enumerate(training.translation_weights())}
    return {"steps": np.array(found)} | weights | training.arrays()


def main(folder):
    """See the module."""
    for name, settings in json.loads((folder / SETTINGS).read_text()).items():
        training, some = optimization(settings, folder / f"{name}.weights.h5"), steps(settings)
        found = taken(training, some[:STOPPED_AFTER])
        if name == "dropout":
            np.savez(folder / f"{name}.again.npz", **resumed(settings, training, folder))
        rest = taken(training, some[STOPPED_AFTER:])
        every = np.concatenate([found["steps"], rest["steps"]])
        np.savez(folder / f"{name}.npz", **rest | {"steps": every})


def resumed(settings, stopped, folder):
    """What the rest of the steps makes of what another training saved."""
    weights = folder / "stopped.weights.h5"
    with weights.open("wb") as stream:
        stopped.save_weights(stream)
    training = optimization(settings, weights)
    training.restore(stopped.arrays())
    return taken(training, steps(settings)[STOPPED_AFTER:])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
