"""One training step of a network, on whichever backend Keras runs on; needs no TensorFlow.

`python tests/helpers/backend_child.py FOLDER` reads settings and weights that another process saved
there, and writes what it found beside them.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import ops

from seq2seq.config.architecture import ModelConfig
from seq2seq.models.translator import Translator, build_translator

PAD = 0
VOCABULARY = 40
SOURCE = np.array([[4, 5, 6, 3], [7, 3, PAD, PAD]], "int32")
TARGET_IN = np.array([[2, 9, 8], [2, 5, PAD]], "int32")
TARGET_OUT = np.array([[9, 8, 3], [5, 3, PAD]], "int32")
SETTINGS, WEIGHTS = "settings.json", "saved.weights.h5"  # read
FOUND, RETURNED = "found.npz", "returned.weights.h5"  # written


class TokenLosses(keras.layers.Layer):
    """Cross-entropy of every target token, 0 at padding: (B, T, R), (B, T) -> (B, T)."""

    def __init__(self, translator, **kwargs):
        super().__init__(**kwargs)
        self.output_layer = translator.output

    def call(self, readout, target_ids):
        flat = ops.reshape(readout, (-1, readout.shape[-1]))
        losses = self.output_layer.losses(flat, ops.reshape(target_ids, (-1,)), 0.1)
        real = ops.cast(ops.not_equal(target_ids, PAD), "float32")
        return ops.reshape(losses, ops.shape(target_ids)) * real

    def compute_output_spec(self, readout, target_ids):
        return keras.KerasTensor(target_ids.shape, "float32")


@dataclass(frozen=True)
class Network:
    """A translator, and a model that trains it."""

    translator: Translator
    trainer: keras.Model

    def logits(self):
        return ops.convert_to_numpy(self.translator.training([SOURCE, TARGET_IN], training=False))

    def step(self):
        """One step of gradient descent; the loss before it and after it, the weights after it."""
        inputs, nothing = [SOURCE, TARGET_IN, TARGET_OUT], np.zeros(TARGET_OUT.shape, "float32")
        before = self.trainer.train_on_batch(inputs, nothing)
        weights = self.translator.training.get_weights()
        return float(before), float(self.trainer.test_on_batch(inputs, nothing)), weights


def build(settings):
    """A network of these settings, without dropout, with fresh weights."""
    config = ModelConfig(**{"embedding_size": 6, "units": 8, "dropout": 0.0} | settings)
    translator = build_translator(config, VOCABULARY, pad_id=PAD)
    target_out = keras.Input((None,), dtype="int32", name="target_out")
    losses = TokenLosses(translator)(translator.readout.output, target_out)
    trainer = keras.Model([*translator.readout.inputs, target_out], losses)
    real = float((TARGET_OUT != PAD).sum())
    trainer.compile(keras.optimizers.SGD(0.5), loss=lambda _, found: ops.sum(found) / real)
    return Network(translator, trainer)


def main(folder):
    """Loads weights, saves them again, computes logits, trains one step."""
    network = build(json.loads((folder / SETTINGS).read_text()))
    fresh = network.logits()
    network.translator.training.load_weights(folder / WEIGHTS)
    network.translator.training.save_weights(folder / RETURNED)
    logits = network.logits()
    *losses, weights = network.step()
    stepped = {f"stepped_{number}": weight for number, weight in enumerate(weights)}
    np.savez(folder / FOUND, fresh=fresh, logits=logits, losses=losses, **stepped)
    print(keras.backend.backend(), "with" if "tensorflow" in sys.modules else "without", "TF")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
