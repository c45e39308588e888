"""Settings of the network: its parts, which combine freely, and the incompatible combinations.

Every part of the LSTM era's translation networks is a word here; the published ones, by name, are
`configs/<preset>.yaml`.
"""

from collections.abc import Iterator
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

# The text below a setting says what it means, to readers of the code and in `seq2seq settings`.
STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
MULTI_HEAD = ("multi_head", "multi_head_additive")


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"Input should be a number (got {str(value).lower()})")
    return value


@plain_dataclass(frozen=True)
class Unit:
    """What a setting's number counts."""

    name: str


# Numbers have bounds on both sides, which keep them within int32, and within float32 above 0.
NUMBER = BeforeValidator(_no_truth_value)  # pydantic alone takes true for 1
Share = Annotated[float, Field(ge=0, lt=1), NUMBER]
Heads = Annotated[int, Field(ge=1, le=64), NUMBER]
Depth = Annotated[int, Field(ge=1, le=16), NUMBER]
Width = Annotated[int, Field(gt=0, le=2**16), NUMBER, Unit("units")]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ModelConfig:
    """The network: its parts, which combine freely. Fixed once training has started."""

    embedding_size: Width = 256
    """Width of the vectors that stand for subwords."""
    units: Annotated[int, Field(ge=2, le=2**16, multiple_of=2), NUMBER, Unit("units")] = 512
    """Width of each decoder layer's state."""

    cell: Literal["lstm", "peephole_lstm", "layer_norm_lstm", "gru", "simple_rnn", "ssru"] = "lstm"
    """Recurrent cell of encoder and decoder."""
    forget_bias: Annotated[float, Field(ge=-10, le=10), NUMBER] = 1.0
    """First value of the forget gate's bias; for the LSTM kinds and ssru."""
    initial_gain: Annotated[float, Field(ge=0.001, le=10), NUMBER] | None = None
    """Spread of the recurrent layers' input kernels before training: standard deviation times the
    root of the inputs' width. Without it, Glorot's. Deep stacks without residual connections need
    1.5 to 2."""
    recurrent_dropout: Share = 0.0
    """Share of the hidden state that is dropped on its way to the next step, by one mask for all
    steps of a sentence (Gal and Ghahramani 2016)."""
    weight_dropout: Share = 0.0
    """Share of the recurrent weights that is dropped, anew in each training step (AWD-LSTM, Merity
    et al. 2018)."""

    encoder: Literal["recurrent", "convolutional", "transformer"] = "recurrent"
    """Kind of encoder."""
    encoder_layers: Depth = 1
    """Encoder layers, one above the other."""
    bidirectional: Literal["all", "first", "none"] = "all"
    """Encoder layers that read the source in both directions."""
    directions: Literal["half", "full"] = "half"
    """Width of each of two directions: half of `units`, or all of it."""
    reverse_source: bool = False
    """Whether an encoder that reads one way reads from the end (Sutskever et al. 2014)."""
    residual_from: Annotated[int, Field(ge=0, le=16), NUMBER] = 0
    """First layer, counted from 1, whose input is added to its output; 0: none."""
    encoder_heads: Heads = 4
    """Attention heads of a Transformer encoder's layer."""
    feed_forward: Width = 2048
    """Inner width of a Transformer encoder's layer."""

    decoder_layers: Depth = 1
    """Decoder layers, one above the other."""
    bridge: Literal["copy", "dense", "zero"] = "copy"
    """How the decoder's first states come from the encoder's last ones."""
    attention: Literal[
        "none", "dot", "general", "additive", "multi_head", "multi_head_additive"
    ] = "general"
    """How the decoder scores source positions: Luong's dot and general, Bahdanau's additive."""
    scaled_scores: bool = True
    """Whether scores of dot and general attention are divided by the root of their width.
    Undivided, those of residual stacks look at one position alone from the start, and hardly
    learn."""
    heads: Heads = 4
    """Heads of multi-head attention."""
    attention_reads: Literal["top", "bottom", "before"] = "top"
    """Decoder state that asks: the top layer's (Luong), the bottom layer's (GNMT), or the one
    before the step (Bahdanau)."""
    input_feeding: bool = False
    """Whether what attention found is part of the next step's input; attention and readout then go
    position by position in training too, which is slower."""
    readout: Literal["tanh", "maxout", "top", "both"] = "tanh"
    """Input of the output layer: a tanh or maxout layer over state and context, the top state
    alone, or both side by side."""
    readout_size: Width | None = None
    """Width of a tanh or maxout readout; without it, as the output layer needs."""
    tied_embeddings: Literal["none", "source", "target", "all"] = "target"
    """Tables that are one: the target embedding and the output layer (target), source and target
    embedding (source), or all three."""
    source_vectors: Path | None = None
    """word2vec or GloVe text file that source embeddings start from."""
    target_vectors: Path | None = None
    """The same for target embeddings."""
    dropout: Share = 0.2
    """Share of values that is dropped in training: of embeddings, between layers, and before the
    output layer."""

    def __post_init__(self) -> None:
        """Rejects incompatible settings with an explanation."""
        for message in refusals(self):
            raise ValueError(message)

    def as_dict(self) -> dict[str, Any]:
        """Plain values by name; `ModelConfig(**values)` is equal to this."""
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in vars(self).items()
            if not name.startswith("_")
        }

    @property
    def has_feedback(self) -> bool:
        """Whether a decoder step needs the context vector before its cell runs."""
        return self.input_feeding or self.attention_reads == "before"

    @property
    def direction_units(self) -> int:
        """Units of each direction of a bidirectional layer."""
        return self.units if self.directions == "full" else self.units // 2

    def reads_both_ways(self, layer: int) -> bool:
        """Whether the encoder's layer, counted from 0, is bidirectional."""
        return self.bidirectional == "all" or (self.bidirectional == "first" and layer == 0)

    @property
    def memory_size(self) -> int:
        """Units of the encoder's output at a position."""
        if self.encoder == "transformer":
            return self.units
        both = self.reads_both_ways(self.encoder_layers - 1)
        return 2 * self.direction_units if both else self.units

    @property
    def context_size(self) -> int:
        """Units of the context vector, which attention gives."""
        if self.attention == "none":
            return 0
        return self.units if self.attention in MULTI_HEAD else self.memory_size

    @property
    def readout_width(self) -> int:
        """Units of the output layer's input."""
        if self.readout == "top":
            return self.units
        if self.readout == "both":
            return self.units + self.context_size
        return self.readout_size or (self.embedding_size if self.tied_output else self.units)

    @property
    def feeds_readout(self) -> bool:
        """Whether input feeding feeds Luong's attentional vector, the readout, not the context."""
        return self.input_feeding and self.attention_reads == "top" and self.readout == "tanh"

    @property
    def fed_size(self) -> int:
        """Units that input feeding adds to the decoder's input."""
        if not self.input_feeding:
            return 0
        return self.readout_width if self.feeds_readout else self.context_size

    @property
    def tied_output(self) -> bool:
        """Whether the output layer's kernel is the target embedding."""
        return self.tied_embeddings in ("target", "all")


def refusals(config: ModelConfig) -> Iterator[str]:
    """An explanation of each incompatible combination: which settings it is, and what to do."""
    for part in (_cell, _encoder, _bridge, _attention, _readout, _embeddings):
        yield from part(config)


def _cell(config: ModelConfig) -> Iterator[str]:
    if config.cell in ("gru", "simple_rnn") and config.forget_bias != 1.0:
        yield f"forget_bias: cell: {config.cell} has no forget gate"
    for name in ("recurrent_dropout", "weight_dropout"):
        if config.cell == "ssru" and getattr(config, name):
            yield f"{name}: cell: ssru has no recurrent weights; leave it out"


def _encoder(config: ModelConfig) -> Iterator[str]:
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
    widens = not transforms and config.bidirectional == "first" and config.directions == "full"
    if config.residual_from == 2 and widens and config.encoder_layers > 1:
        yield (
            f"residual_from: 2 would add {2 * config.units} units to {config.units} in the encoder "
            "(bidirectional: first, directions: full); 3 is the first that can be"
        )


def _bridge(config: ModelConfig) -> Iterator[str]:
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


def _attention(config: ModelConfig) -> Iterator[str]:
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


def _readout(config: ModelConfig) -> Iterator[str]:
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


def _embeddings(config: ModelConfig) -> Iterator[str]:
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
