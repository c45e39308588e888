"""The size of a network before any of it is made: parameters, multiply-adds, memory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import keras
import numpy as np

from seq2seq.config.architecture import MULTI_HEAD, ModelConfig
from seq2seq.config.sections import RunConfig
from seq2seq.models.table_encoder import supports_table
from seq2seq.models.translator import Translator, build_translator

SOURCE_SIDE = ("encoder", "transformer", "convolutional", "attention_keys")  # once a source token
ONCE = ("bridge",)  # once a sentence
LOOKED_UP = ("source_embedding", "target_embedding")

COPIES = 5  # weights, gradients, two moments, and the network that validates
LENGTH = 30  # subwords of a sentence: attention's share grows with it
LOGITS = 3  # copies of a batch's logits at the worst moment, gradients among them
FLOAT = 4  # bytes


@dataclass(frozen=True)
class LayerSize:
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
    parts: tuple[LayerSize, ...]
    source_token: int  # multiply-adds
    target_token: int

    @property
    def parameters(self) -> int:
        """Of all parts."""
        return sum(part.parameters for part in self.parts)


def sizes_of(config: RunConfig, vocabulary_size: int) -> Sizes:
    """Draws the network without making its weights."""
    translator = draw_shapes_only(config.model, vocabulary_size)
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


def _parts(translator: Translator) -> Iterator[LayerSize]:
    """In the order of the network."""
    weights: dict[str, list[keras.Variable]] = {}
    for weight in translator.training.trainable_weights:
        weights.setdefault(weight.path.split("/")[0], []).append(weight)
    return (LayerSize(name, tuple(each)) for name, each in weights.items())


def draw_shapes_only(config: ModelConfig, vocabulary_size: int) -> Translator:
    """A network whose weights have shapes and names, but no values: only to be looked at."""

    def draw() -> Translator:
        with keras.StatelessScope(initialize_variables=False):
            return build_translator(config, vocabulary_size)

    # In a thread of its own, because Keras keeps a list of such weights for each thread, and would
    # give all of them values with the next layer that is drawn.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(draw).result()


def translation_bytes(config: RunConfig, sizes: Sizes) -> dict[str, int]:
    """Of the weights, and of what is prepared of them so that a step takes less time."""
    layers = sizes.translator.layers
    vocabulary_size = layers.output.vocabulary_size
    values = vocabulary_size * config.model.readout_width
    values += layers.decoder.recurrent[0].cell.width * vocabulary_size
    if config.model.readout == "maxout":
        values += layers.decoder.readout.kernel.shape[1] * vocabulary_size
    if supports_table(layers):
        values += sum(layer.cell.width for layer in layers.encoder.recurrent[0]) * vocabulary_size
    width = 2 if config.decoding.precision == "bfloat16" else FLOAT
    return {"weights": FLOAT * sizes.parameters, "tables": width * values}


def training_bytes(config: RunConfig, sizes: Sizes, length: int = LENGTH) -> dict[str, int]:
    """By what takes them: weights with moments and averages; logits and activations of a batch.

    Args:
        config: of the run.
        sizes: of its network.
        length: subwords of a sentence.
    """
    tokens = config.data.batch_tokens
    prepared = translation_bytes(config, sizes)["tables"]
    copies = COPIES + bool(config.training.averaging) + (config.training.accumulate > 1)
    return {
        "weights": FLOAT * copies * sizes.parameters + prepared,
        "logits": FLOAT * LOGITS * tokens * sizes.translator.layers.output.vocabulary_size,
        "activations": FLOAT * tokens * int(sum(_kept(config.model, sizes, length))),
    }


def _kept(config: ModelConfig, sizes: Sizes, length: int) -> Iterator[int]:
    """Values kept for gradients of a source token and a target token."""
    yield 2 * config.embedding_size
    yield from _recurrent(config, sizes)
    if config.encoder == "transformer":
        each = 8 * config.units + 2 * config.feed_forward + 3 * config.encoder_heads * length
        yield config.encoder_layers * each
    heads = config.heads if config.attention in MULTI_HEAD else 1
    if config.attention != "none":
        yield 3 * heads * length + config.context_size
    if config.attention in ("additive", "multi_head_additive"):
        yield 2 * length * config.units  # a sum and its tanh for each pair of positions
    elif config.has_feedback and config.attention in ("dot", "general"):
        yield length * config.units  # keys as each step takes them
    yield 2 * config.readout_width


def _recurrent(config: ModelConfig, sizes: Sizes) -> Iterator[int]:
    """Gates, states and outputs, and as much again for their gradients."""
    layers = sizes.translator.layers
    encoder = [layer for directions in layers.encoder.recurrent for layer in directions]
    for layer in [*encoder, *layers.decoder.recurrent]:
        yield 2 * (layer.cell.width + (layer.states + 1) * layer.units)
