"""Faults that this project once had, for tests that have to notice them."""

import keras

from seq2seq.models.encoder import _joined


def dropped_sum(self, first, mask, dropout=0.0):
    """`Encoder.above`, but that a mask a layer is on what passes the layer by, too."""
    outputs, states = _joined(first)
    outputs, last_states = keras.layers.Dropout(dropout)(outputs), [states]
    for number, directions in enumerate(self.recurrent[1:], 2):
        found, states = _joined([layer(outputs, mask) for layer in directions])
        found = found + outputs if 0 < self.residual_from <= number else found
        outputs = keras.layers.Dropout(dropout)(found)
        last_states.append(states)
    return outputs, last_states
