"""Combinations of the network's parts that make no sense, each refused by name."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seq2seq.config.architecture import ModelConfig

MULTI_HEAD = ("multi_head", "multi_head_additive")


def refusals(config: "ModelConfig") -> Iterator[str]:
    """Says of each senseless combination which settings it is, and what to do."""
    for part in (_cell, _encoder, _bridge, _attention, _readout, _embeddings):
        yield from part(config)


def _cell(config: "ModelConfig") -> Iterator[str]:
    if config.cell in ("gru", "simple_rnn") and config.forget_bias != 1.0:
        yield f"forget_bias: cell: {config.cell} has no forget gate"


def _encoder(config: "ModelConfig") -> Iterator[str]:
    transforms = config.encoder == "transformer"
    if transforms and config.units % config.encoder_heads != 0:
        yield f"encoder_heads: {config.encoder_heads} does not divide units: {config.units}"
    if config.reverse_source and (transforms or config.bidirectional != "none"):
        yield "reverse_source is for an encoder that reads one way (bidirectional: none)"
    if config.residual_from == 1:
        yield (
            "residual_from: 1 would add embeddings to the first layer's outputs; 2 is the first "
            "that can be (0: none)"
        )
    widens = config.bidirectional == "first" and config.directions == "full"
    if config.residual_from == 2 and widens and config.encoder_layers > 1:
        yield (
            f"residual_from: 2 would add {2 * config.units} units to {config.units} in the encoder "
            "(bidirectional: first, directions: full); 3 is the first that can be"
        )


def _bridge(config: "ModelConfig") -> Iterator[str]:
    transforms = config.encoder == "transformer"
    if config.bridge == "copy" and transforms:
        yield (
            "bridge: copy needs an encoder with states, and encoder: transformer has none; use "
            "dense or zero"
        )
    reads_back = not transforms and config.bidirectional != "none"
    if config.bridge == "copy" and reads_back and config.directions == "full":
        yield (
            f"bridge: copy needs encoder states of {config.units} units, and directions: full has "
            f"{2 * config.units}; use dense or zero"
        )
    if config.bridge == "zero" and config.attention == "none":
        yield "bridge: zero without attention would hide the source from the decoder"


def _attention(config: "ModelConfig") -> Iterator[str]:
    attends = config.attention != "none"
    if not attends and config.attention_reads != "top":
        yield f"attention_reads: {config.attention_reads} needs attention (attention: none)"
    if not attends and config.input_feeding:
        yield "input_feeding feeds what attention gave back, and there is none (attention: none)"
    if config.attention_reads == "before" and config.input_feeding:
        yield "attention_reads: before feeds attention to the cell already; leave input_feeding out"
    if config.attention == "dot" and config.memory_size != config.units:
        yield (
            f"attention: dot compares states of {config.units} units with a memory of "
            f"{config.memory_size}; use general"
        )
    if config.attention in MULTI_HEAD and config.units % config.heads != 0:
        yield f"heads: {config.heads} does not divide units: {config.units}"


def _readout(config: "ModelConfig") -> Iterator[str]:
    attends = config.attention != "none"
    if config.readout in ("top", "both") and config.readout_size is not None:
        yield f"readout: {config.readout} has no size of its own; leave readout_size out"
    if config.readout == "both" and not attends:
        yield (
            "readout: both is the top state beside what attention gave, and there is none "
            "(attention: none)"
        )
    at_the_top = config.attention_reads == "top" or (
        config.attention_reads == "bottom" and config.decoder_layers == 1
    )
    if config.readout == "top" and attends and at_the_top and not config.input_feeding:
        yield (
            "readout: top would drop what attention gave; use both or tanh, or let attention feed "
            "a layer (input_feeding, or attention_reads: bottom below another layer)"
        )


def _embeddings(config: "ModelConfig") -> Iterator[str]:
    if config.tied_output and config.readout_width != config.embedding_size:
        yield (
            f"tied_embeddings: {config.tied_embeddings} makes the output layer as wide as the "
            f"embeddings ({config.embedding_size}), and the readout has {config.readout_width}"
        )
    one_table = config.tied_embeddings in ("source", "all")
    given = config.source_vectors is not None
    if given and one_table and config.target_vectors != config.source_vectors:
        yield (
            f"tied_embeddings: {config.tied_embeddings} has one table for source and target; give "
            "source_vectors and target_vectors the same file"
        )
