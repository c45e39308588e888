"""Published networks by name, in their papers' full size, and scaled down."""

from collections.abc import Mapping
from typing import Any

from seq2seq.config.mistakes import shown
from seq2seq.errors import ConfigError

WIDTH_MULTIPLE = 16  # scaled widths are multiples of it, so that heads and directions divide them
SIZES = (0.01, 1)  # smallest and largest `size`
WIDTHS = ("embedding_size", "units", "readout_size", "feed_forward")

_RNMT_PLUS_DECODER: Mapping[str, Any] = {
    "cell": "layer_norm_lstm",
    "decoder_layers": 8,
    "residual_from": 3,
    "bridge": "zero",
    "attention": "multi_head_additive",
    "heads": 4,
    "attention_reads": "bottom",
    "input_feeding": True,
    "readout": "both",
    "tied_embeddings": "none",
    "dropout": 0.2,
}

# What a paper leaves open, or what the parts here read otherwise, is said beside it. Of all:
# `initial_gain` gives kernels of inputs that are as wide as the layer the paper's deviation, others
# theirs by their width; recurrent kernels begin orthogonal, embeddings of a deviation of 1 where
# they are read, and forget gates open.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    # Sutskever et al. 2014, https://arxiv.org/abs/1409.3215, section 3.4. Its weights begin uniform
    # in +-0.08: of 1000 inputs, a gain of 0.08 (1000 / 3) ** 0.5.
    "sutskever2014": {
        "embedding_size": 1000,
        "units": 1000,
        "cell": "lstm",
        "initial_gain": 1.46,
        "encoder_layers": 4,
        "decoder_layers": 4,
        "bidirectional": "none",
        "reverse_source": True,
        "bridge": "copy",
        "attention": "none",
        "readout": "top",
        "tied_embeddings": "none",
        "dropout": 0.0,
    },
    # Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473, A.2.3 (RNNsearch). The decoder starts
    # from both directions' last states, where the paper takes the backward one's.
    "bahdanau2015": {
        "embedding_size": 620,
        "units": 1000,
        "cell": "gru",
        "encoder_layers": 1,
        "decoder_layers": 1,
        "bidirectional": "all",
        "directions": "full",
        "bridge": "dense",
        "attention": "additive",
        "attention_reads": "before",
        "readout": "maxout",
        "readout_size": 500,
        "tied_embeddings": "none",
        "dropout": 0.0,
    },
    # Luong et al. 2015, https://arxiv.org/abs/1508.04025, section 4.1: global attention, "general".
    # Its weights begin uniform in +-0.1.
    "luong2015": {
        "embedding_size": 1000,
        "units": 1000,
        "cell": "lstm",
        "initial_gain": 1.83,
        "encoder_layers": 4,
        "decoder_layers": 4,
        "bidirectional": "none",
        "reverse_source": True,
        "bridge": "copy",
        "attention": "general",
        "scaled_scores": False,
        "attention_reads": "top",
        "input_feeding": True,
        "readout": "tanh",
        "tied_embeddings": "none",
        "dropout": 0.2,
    },
    # Wu et al. 2016, https://arxiv.org/abs/1609.08144, section 3: attention goes to all layers
    # above the bottom one. It reads the bottom layer's output of the same step, where eq. 4 has
    # that of the step before. Its weights begin uniform in +-0.04 (section 5).
    "gnmt2016": {
        "embedding_size": 1024,
        "units": 1024,
        "cell": "lstm",
        "initial_gain": 0.74,
        "encoder_layers": 8,
        "decoder_layers": 8,
        "bidirectional": "first",
        "directions": "full",
        "residual_from": 3,
        "bridge": "zero",
        "attention": "additive",
        "attention_reads": "bottom",
        "readout": "top",
        "tied_embeddings": "none",
        "dropout": 0.2,
    },
    # Chen et al. 2018, https://arxiv.org/abs/1804.09849, section 4.1. The projections to keys and
    # values of 1024 units stand for the paper's projection of the encoder's 2048; layer
    # normalisation goes over the four gates together, where the paper's is gate by gate.
    "rnmt_plus2018": {
        "embedding_size": 1024,
        "units": 1024,
        "encoder_layers": 6,
        "bidirectional": "all",
        "directions": "full",
        **_RNMT_PLUS_DECODER,
    },
    # The same, section 6: the encoder of the big Transformer (section 5), RNMT+'s decoder.
    "hybrid2018": {
        "embedding_size": 1024,
        "units": 1024,
        "encoder": "transformer",
        "encoder_layers": 6,
        "encoder_heads": 16,
        "feed_forward": 8192,
        **_RNMT_PLUS_DECODER,
    },
    # Kim et al. 2019, https://aclanthology.org/D19-5632: a Transformer with SSRUs where its decoder
    # had self-attention; widths and depths of the students that browsers translate by
    # (https://github.com/browsermt/students, base). There each of the two layers attends to the
    # source, with layer normalisation and a feed-forward layer behind; here the first asks, the
    # second and the readout read, and the readout stands for what is behind: Hsu et al. 2020,
    # https://arxiv.org/abs/2010.02416, find that the decoder can do without.
    "ssru2019": {
        "embedding_size": 512,
        "units": 512,
        "cell": "ssru",
        "forget_bias": 0.0,
        "encoder": "transformer",
        "encoder_layers": 6,
        "encoder_heads": 8,
        "feed_forward": 2048,
        "decoder_layers": 2,
        "residual_from": 2,
        "bridge": "zero",
        "attention": "multi_head",
        "heads": 8,
        "attention_reads": "bottom",
        "readout": "tanh",
        "tied_embeddings": "all",
        "dropout": 0.1,
    },
}


def expand_preset(model: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """The section `model` with a preset's settings in place of its name.

    `preset` names a published network; `size`, from 0.01 to 1, multiplies its widths (not its
    depths), rounded to multiples of `WIDTH_MULTIPLE`. Whatever else the section says goes before.

    Raises:
        ConfigError: no such preset, a size out of range, or one without a preset.
    """
    given = dict(model)
    preset, size = given.pop("preset", None), given.pop("size", None)
    if preset is None and size is None:
        return given
    if preset is None:
        raise ConfigError(
            f"{origin}: model.size: scales a preset, and none is named (got {shown(size)})"
        )
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ConfigError(
            f"{origin}: model.preset: no such network (got {shown(preset)}); there are "
            f"{', '.join(PRESETS)}"
        )
    settings = dict(PRESETS[preset])
    if size is not None:
        if (
            isinstance(size, bool)
            or not isinstance(size, int | float)
            or not SIZES[0] <= size <= SIZES[1]
        ):
            raise ConfigError(f"{origin}: model.size: from 0.01 to 1 (got {shown(size)})")
        for name in WIDTHS:
            if name in settings and size < 1:
                settings[name] = (
                    max(1, round(settings[name] * size / WIDTH_MULTIPLE)) * WIDTH_MULTIPLE
                )
    return settings | given
