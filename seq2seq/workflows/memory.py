"""How much memory a network will need, estimated before any of it is made."""

from collections.abc import Iterator

from seq2seq.config.architecture import MULTI_HEAD, ModelConfig
from seq2seq.config.sections import RunConfig
from seq2seq.models.table_encoder import supports_table
from seq2seq.workflows.network_size import Sizes

COPIES = 5  # weights, gradients, two moments, and the network that validates
LENGTH = 30  # subwords of a sentence: attention's share grows with it
LOGITS = 3  # copies of a batch's logits at the worst moment, gradients among them
FLOAT = 4  # bytes


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
    copies = COPIES + bool(config.training.averaging)
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
