"""Recurrent layers as plain loops over buffers of fixed size: a form for other runtimes.

`keras.ops.scan` carries its state in TensorFlow's lists, which converters to ONNX and LiteRT do not
take. Results are the same up to rounding; there are no gradients, and each step passes over the
whole output, which is little beside the step's products.

Shape suffixes: B sentences, T steps, D inputs, G units of all gates, U units.
"""

import keras
from keras import ops

from seq2seq.gather import gather
from seq2seq.models.products import Tensor, product, value_of
from seq2seq.models.recurrent.recurrence import Recurrence


@keras.saving.register_keras_serializable(package="seq2seq")
class PlainRecurrence(keras.layers.Layer):
    """A recurrent layer as a plain loop of its steps, from zero states, with that layer's weights.

    Args:
        recurrent: whose cell and weights it has.

    Call arguments:
        inputs: (B, T, D).
        mask: (B, T) bool, False at padding.

    Returns:
        What the layer does.
    """

    def __init__(self, recurrent: Recurrence, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.recurrent = recurrent

    def call(self, inputs: Tensor, mask: Tensor) -> tuple[Tensor, list[Tensor]]:
        """See the class."""
        recurrent, cell = self.recurrent, self.recurrent.cell
        outputs, states = recurrent.compute_output_spec(inputs, mask)
        weights = recurrent.weights_of_a_step()
        products_BTG = product(inputs, value_of(cell.kernel), recurrent.precision)
        projected_BTG = cell.projected(products_BTG, weights)
        batch, steps = ops.shape(inputs)[:2]
        places_T = ops.arange(steps, dtype="int32")

        def advance(step: Tensor, outputs_BTU: Tensor, *states: Tensor) -> tuple:
            place = steps - 1 - step if recurrent.backward else step
            now = gather(projected_BTG, place, axis=1)
            after = cell.advance(now, list(states), weights).states
            output_BU = after[0]
            real_B1 = gather(mask, place, axis=1)[:, None]
            here_T1 = ops.equal(places_T, place)[:, None]
            # At padding an output is the one before, which the first state is.
            output_BU = ops.where(real_B1, output_BU, states[0])
            outputs_BTU = ops.where(here_T1, output_BU[:, None], outputs_BTU)
            pairs = zip(after, states, strict=True)
            kept = [ops.where(real_B1, new, old) for new, old in pairs]
            return step + 1, outputs_BTU, *kept

        begin = (
            ops.cast(0, "int32"),
            ops.zeros((batch, steps, outputs.shape[-1])),
            *(ops.zeros((batch, each.shape[-1])) for each in states),
        )
        _, outputs, *states = ops.while_loop(lambda step, *_: step < steps, advance, begin)
        return outputs, states

    def compute_output_spec(self, inputs: Tensor, mask: Tensor) -> tuple:
        """Shapes of what `call` returns."""
        return self.recurrent.compute_output_spec(inputs, mask)

    def get_config(self) -> dict:
        """Constructor arguments."""
        recurrent = keras.saving.serialize_keras_object(self.recurrent)
        return {**super().get_config(), "recurrent": recurrent}

    @classmethod
    def from_config(cls, config: dict) -> "PlainRecurrence":
        """A layer around a recurrent layer with fresh weights."""
        recurrent = keras.saving.deserialize_keras_object(config["recurrent"])
        return cls(**{**config, "recurrent": recurrent})


def with_plain_loops(model: keras.Model) -> keras.Model:
    """A functional model of the same layers and weights whose recurrent layers are plain loops."""

    def same_weights(layer: keras.layers.Layer) -> keras.layers.Layer:
        return PlainRecurrence(layer) if isinstance(layer, Recurrence) else layer

    return keras.models.clone_model(model, clone_function=same_weights)
