"""One step of a recurrent layer as a layer of its own, with that layer's weights."""

import keras

from seq2seq.models.products import Tensor


class RecurrentStep(keras.layers.Layer):
    """What `layer.step` does, to be drawn in a functional model.

    Args:
        layer: see `make_recurrence`; built.

    Call arguments:
        inputs: (..., D).
        states: each (..., units).
        training: whether to drop, see `Recurrence.dropping`.

    Returns:
        h (..., units) and the new states.
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.layer = layer

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """See the class."""
        if training and self.layer.recurrent_dropout:
            return self.layer.step(inputs, states, training=True)
        return self.layer.step(inputs, states)
