"""The network is what the papers write: equal to an independent one in NumPy, part by part."""

import numpy as np
import pytest
from plain_network import logits

from seq2seq.config.architecture import ModelConfig
from seq2seq.config.presets import PRESETS, expand_preset
from seq2seq.models.translator import build_translator

VOCABULARY = 30
SOURCE, TARGET_IN = [4, 7, 5, 9, 3], [2, 8, 6, 11]
UNTIED = {"tied_embeddings": "none"}
PARTS = {
    "default": {},
    "dot": {"attention": "dot"},
    "unscaled": {"scaled_scores": False},
    "additive": {"attention": "additive"},
    "multi_head": {"attention": "multi_head"},
    "multi_head_additive": {"attention": "multi_head_additive"},
    "no attention": {"attention": "none"},
    "bottom": {"attention_reads": "bottom", "decoder_layers": 3},
    "before": {"attention_reads": "before"},
    "input feeding": {"input_feeding": True},
    "input feeding of a context": {"input_feeding": True, "readout": "maxout"},
    "input feeding from the bottom": {
        "input_feeding": True,
        "attention_reads": "bottom",
        "decoder_layers": 2,
    },
    "maxout": {"readout": "maxout"},
    "top": {"attention_reads": "bottom", "decoder_layers": 2, "readout": "top", **UNTIED},
    "both": {"readout": "both", **UNTIED},
    "one way": {"bidirectional": "none"},
    "reversed": {"bidirectional": "none", "reverse_source": True, "encoder_layers": 2},
    "first alone both ways": {"bidirectional": "first", "encoder_layers": 2},
    "full directions": {"directions": "full", "bridge": "dense"},
    "residual": {"encoder_layers": 3, "decoder_layers": 3, "residual_from": 2},
    "residual from the third": {"encoder_layers": 3, "decoder_layers": 4, "residual_from": 3},
    "deeper encoder": {"encoder_layers": 3, "decoder_layers": 2},
    "deeper decoder, dense": {"decoder_layers": 3, "bridge": "dense", "encoder_layers": 2},
    "zero": {"bridge": "zero"},
    "one table": {"tied_embeddings": "all"},
    "untied": UNTIED,
}


def build(**settings):
    config = ModelConfig(**{"embedding_size": 6, "units": 8, "heads": 2} | settings)
    translator = build_translator(config, VOCABULARY)
    random = np.random.default_rng(1)
    translator.training.set_weights(
        [random.normal(0, 0.5, weight.shape) for weight in translator.training.weights]
    )
    return config, translator


def difference(config, translator, as_config=None):
    found = translator.training([np.array([SOURCE]), np.array([TARGET_IN])], training=False)
    return np.abs(found[0] - logits(translator, as_config or config, SOURCE, TARGET_IN)).max()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_what_its_paper_writes(part):
    assert difference(*build(**PARTS[part])) < 1e-4


RECURRENT = [name for name, preset in PRESETS.items() if preset.get("encoder") != "transformer"]


@pytest.mark.parametrize("preset", RECURRENT)
def test_a_published_network_is_what_its_paper_writes(preset):
    model = expand_preset({"preset": preset, "size": 0.01, "cell": "lstm", "dropout": 0}, "test")
    assert difference(*build(**model)) < 1e-4


@pytest.mark.parametrize(
    ("part", "misread"),
    [
        ("input feeding", {"scaled_scores": False}),
        ("residual", {"residual_from": 3}),
        ("reversed", {"reverse_source": False}),
        ("full directions", {"bridge": "zero"}),
        ("multi_head", {"heads": 4}),
        ("input feeding", {"bridge": "zero"}),
    ],
)
def test_another_network_is_told_apart(part, misread):
    config, translator = build(**PARTS[part])
    other = ModelConfig(**{"embedding_size": 6, "units": 8, "heads": 2} | PARTS[part] | misread)
    assert difference(config, translator, other) > 1e-2
