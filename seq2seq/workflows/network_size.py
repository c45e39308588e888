"""What a network amounts to before any of it is made: shapes, parameters, multiply-adds."""

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from seq2seq.config.sections import RunConfig
from seq2seq.models.translator import Translator
from seq2seq.models.weightless import draw_without_weights

SOURCE_SIDE = ("encoder", "transformer", "convolutional", "attention_keys")  # once a source token
ONCE = ("bridge",)  # once a sentence
LOOKED_UP = ("source_embedding", "target_embedding")


@dataclass(frozen=True)
class Part:
    """A layer with weights, or with what is inside it."""

    name: str
    weights: tuple[keras.Variable, ...]  # of which there are shapes alone

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of its weights."""
        return tuple(tuple(weight.shape) for weight in self.weights)

    @property
    def parameters(self) -> int:
        """How many values are trained."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    @property
    def kernels(self) -> int:
        """Values in matrices: each is multiplied and added once where the layer is applied once."""
        matrices = (
            weight for weight in self.weights if len(weight.shape) > 1 and weight.name != "bias"
        )  # Keras's attention has biases of two axes
        return sum(int(np.prod(weight.shape)) for weight in matrices)


@dataclass(frozen=True)
class Sizes:
    """Of a network.

    Multiply-adds are those of products with weights. What attention and a Transformer's layers do
    with a sentence's other positions comes on top and grows with its length; biases, gates and
    softmax count nothing.
    """

    translator: Translator  # without weights
    parts: tuple[Part, ...]
    source_token: int  # multiply-adds
    target_token: int

    @property
    def parameters(self) -> int:
        """Of all parts."""
        return sum(part.parameters for part in self.parts)


def sizes_of(config: RunConfig, vocabulary_size: int) -> Sizes:
    """Draws the network without making its weights."""
    translator = draw_without_weights(config.model, vocabulary_size)
    parts = tuple(_parts(translator))
    source_side = [part for part in parts if part.name.startswith(SOURCE_SIDE)]
    others = (*SOURCE_SIDE, *ONCE, *LOOKED_UP)
    target_side = [part for part in parts if not part.name.startswith(others)]
    output = vocabulary_size * config.model.readout_width if config.model.tied_output else 0
    return Sizes(
        translator=translator,
        parts=parts,
        source_token=sum(part.kernels for part in source_side),
        target_token=sum(part.kernels for part in target_side) + output,
    )


def _parts(translator: Translator) -> Iterator[Part]:
    """In the order of the network."""
    weights: dict[str, list[keras.Variable]] = {}
    for weight in translator.training.trainable_weights:
        weights.setdefault(weight.path.split("/")[0], []).append(weight)
    return (Part(name, tuple(each)) for name, each in weights.items())
