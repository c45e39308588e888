"""Published networks, small, learn the miniature language (`make test-presets`)."""

import json
from dataclasses import replace

import pytest
from conftest import Silent, miniature_settings, write_corpus

from seq2seq.config.architecture import ModelConfig
from seq2seq.config.presets import PRESETS, expand_preset
from seq2seq.workflows.train import train

# Size, epochs, and learning rate at its peak.
RECIPES = {
    "sutskever2014": (0.16, 15, 0.005),
    "bahdanau2015": (0.16, 12, 0.002),
    "luong2015": (0.16, 28, 0.005),
    "gnmt2016": (0.1, 20, 0.003),
    "rnmt_plus2018": (0.08, 16, 0.002),
    "hybrid2018": (0.1, 12, 0.002),
    "ssru2019": (0.25, 16, 0.003),
}
LEAST = 90.0  # BLEU
LEAST_WITHOUT_ATTENTION = 20.0


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_a_small_network_of_this_design_translates_the_miniature_language(preset, tmp_path):
    size, epochs, learning_rate = RECIPES[preset]
    corpus = write_corpus(tmp_path / "corpus", train=None, others=500)
    model = expand_preset({"preset": preset, "size": size, "dropout": 0.1}, "test")
    config = miniature_settings(
        corpus,
        subwords={"vocabulary_size": 1000},
        data={"batch_tokens": 640},
        training={"epochs": epochs, "learning_rate": learning_rate, "warmup_steps": 200},
        decoding={"beam_width": 5},
    )

    config = replace(config, model=ModelConfig(**model))
    folder = train(config, tmp_path / "run", Silent())
    scores = json.loads((folder.path / "scores.json").read_text())
    print(f"{preset}: BLEU {scores['test']['bleu']}")
    attends = config.model.attention != "none"
    assert scores["test"]["bleu"] >= (LEAST if attends else LEAST_WITHOUT_ATTENTION)
