"""What a network amounts to before any of it is made: shapes, parameters, multiply-adds, memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seq2seq.config.sections import RunConfig
from seq2seq.models.translator import Translator
from seq2seq.models.weightless import draw_without_weights

COPIES = 4  # weights, gradients, two moments; the network that validates comes on top
SOURCE_SIDE = ("encoder", "transformer", "convolutional", "attention_keys")  # once a source token
ONCE = ("bridge",)  # once a sentence
LOOKED_UP = ("source_embedding", "target_embedding")


@dataclass(frozen=True)
class Part:
    """A layer with weights, or with what is inside it."""

    name: str
    shapes: tuple[tuple[int, ...], ...]  # of its weights

    @property
    def parameters(self) -> int:
        """How many values are trained."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    @property
    def kernels(self) -> int:
        """Values in matrices: each is multiplied and added once where the layer is applied once."""
        return sum(int(np.prod(shape)) for shape in self.shapes if len(shape) > 1)


@dataclass(frozen=True)
class Sizes:
    """Of a network.

    Multiply-adds are those of products with weights; attention's with a sentence's memory come on
    top, for each target token the source's length times the memory's and the keys' width. Biases,
    gates and softmax count nothing.
    """

    parts: tuple[Part, ...]
    source_token: int  # multiply-adds
    target_token: int
    activations: (
        int  # values that training keeps of a target token and a source token for gradients
    )

    @property
    def parameters(self) -> int:
        """Of all parts."""
        return sum(part.parameters for part in self.parts)

    def training_bytes(self, config: RunConfig, vocabulary_size: int) -> dict[str, int]:
        """Estimates by what takes them: float32 values of the weights, and of a batch."""
        copies = COPIES + bool(config.training.averaging)
        tokens = config.data.batch_tokens
        return {
            "weights": 4 * (copies + 1) * self.parameters,
            "logits": 4 * 2 * tokens * vocabulary_size,
            "activations": 4 * tokens * self.activations,
        }


def sizes_of(config: RunConfig, vocabulary_size: int) -> Sizes:
    """Draws the network without making its weights."""
    translator = draw_without_weights(config.model, vocabulary_size)
    parts = tuple(_parts(translator))
    source_side = [part for part in parts if part.name.startswith(SOURCE_SIDE)]
    others = (*SOURCE_SIDE, *ONCE, *LOOKED_UP)
    target_side = [part for part in parts if not part.name.startswith(others)]
    output = vocabulary_size * config.model.readout_width if config.model.tied_output else 0
    return Sizes(
        parts=parts,
        source_token=sum(part.kernels for part in source_side),
        target_token=sum(part.kernels for part in target_side) + output,
        activations=sum(_kept(translator)),
    )


def _parts(translator: Translator) -> Iterator[Part]:
    """In the order of the network."""
    shapes: dict[str, list[tuple[int, ...]]] = {}
    for weight in translator.training.trainable_weights:
        shapes.setdefault(weight.path.split("/")[0], []).append(tuple(weight.shape))
    return (Part(name, tuple(each)) for name, each in shapes.items())


def _kept(translator: Translator) -> Iterator[int]:
    """Of each recurrent layer: its gates, states and outputs."""
    encoder = translator.layers.encoder
    layers = [layer for directions in encoder.recurrent for layer in directions]
    for layer in [*layers, *translator.layers.decoder.recurrent]:
        yield (4 + layer.states + 1) * layer.units
