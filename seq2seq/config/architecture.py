"""The settings of the network: parts that combine freely, and the combinations that make no sense.

Every part of the LSTM era's translation networks is a word here; the published ones, by name, are
`configs/<preset>.yaml`.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PositiveInt
from pydantic.dataclasses import dataclass

from seq2seq.config.combinations import MULTI_HEAD, refusals

STRICT = ConfigDict(extra="forbid")

Share = Annotated[float, Field(ge=0, lt=1)]
Heads = Annotated[int, Field(ge=1, le=64)]
Depth = Annotated[int, Field(ge=1, le=16)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ModelConfig:
    """Architecture; fixed once training has started."""

    embedding_size: PositiveInt = 256
    units: Annotated[int, Field(ge=2, multiple_of=2)] = 512  # of a decoder layer

    cell: Literal["lstm", "peephole_lstm", "layer_norm_lstm", "gru", "simple_rnn"] = "lstm"
    forget_bias: Annotated[float, Field(ge=-10, le=10)] = 1.0  # of LSTM kinds, before training
    # Of recurrent layers' input kernels before training: standard deviation times the root of the
    # inputs' width; none: Glorot's. Deep stacks without residual connections need 1.5 to 2.
    initial_gain: Annotated[float, Field(gt=0, le=10)] | None = None
    recurrent_dropout: Share = 0.0  # on h, one mask for all steps (Gal and Ghahramani 2016)

    encoder: Literal["recurrent", "convolutional", "transformer"] = "recurrent"
    encoder_layers: Depth = 1
    bidirectional: Literal["all", "first", "none"] = "all"  # layers that read both ways
    directions: Literal["half", "full"] = (
        "half"  # units of each of two directions: units / 2 or units
    )
    reverse_source: bool = False  # of an encoder that reads one way (Sutskever et al. 2014)
    residual_from: Annotated[int, Field(ge=0, le=16)] = (
        0  # first layer that adds its input; 0 = none
    )
    encoder_heads: Heads = 4  # of a Transformer layer
    feed_forward: PositiveInt = 2048  # inner width of a Transformer layer

    decoder_layers: Depth = 1
    bridge: Literal["copy", "dense", "zero"] = "copy"  # the encoder's last states to the decoder's
    attention: Literal[
        "none", "dot", "general", "additive", "multi_head", "multi_head_additive"
    ] = "general"
    scaled_scores: bool = True  # of dot and general attention: divided by the root of their width
    heads: Heads = 4  # of multi-head attention
    attention_reads: Literal["top", "bottom", "before"] = "top"  # the state that queries
    input_feeding: bool = False  # what attention gave goes into the next step's input
    readout: Literal["tanh", "maxout", "top", "both"] = "tanh"  # what the output layer gets
    readout_size: PositiveInt | None = None  # of tanh and maxout; none: as the output layer needs
    tied_embeddings: Literal["none", "source", "target", "all"] = (
        "target"  # target = output; source = target; all three
    )
    source_vectors: Path | None = None  # word2vec or GloVe text file that embeddings start from
    target_vectors: Path | None = None
    dropout: Share = 0.2  # on embeddings, between layers, and before the output layer

    def __post_init__(self) -> None:
        """Refuses combinations that make no sense, each by name."""
        for message in refusals(self):
            raise ValueError(message)

    @property
    def has_feedback(self) -> bool:
        """Whether a decoder step needs what attention gave at the step before or at its start."""
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
        """Units of what attention gives."""
        if self.attention == "none":
            return 0
        return self.units if self.attention in MULTI_HEAD else self.memory_size

    @property
    def readout_width(self) -> int:
        """Units that the output layer gets."""
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
