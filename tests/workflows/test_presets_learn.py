"""Published networks, small, learn the miniature language (`make test-presets`)."""

from pathlib import Path

import pytest
from conftest import Silent, write_corpus

from seq2seq.config.loading import load_run_config
from seq2seq.config.presets import PRESETS
from seq2seq.workflows.train import train

CONFIGS = Path(__file__).parents[2] / "configs"
# Size and epochs; all else that decides what a network learns is as its file in configs/ has it.
RECIPES = {
    "sutskever2014": (0.16, 8),
    "bahdanau2015": (0.16, 8),
    "luong2015": (0.16, 18),
    "gnmt2016": (0.1, 8),
    "rnmt_plus2018": (0.08, 8),
    "hybrid2018": (0.1, 8),
    "ssru2019": (0.25, 17),
}
LEAST = 90.0  # BLEU
LEAST_WITHOUT_ATTENTION = 60.0
LEAST_GAP = 20.0  # perplexity beside other sentences' sources, over that beside their own


def settings(corpus, preset):
    """Of the file, for a smaller network on a smaller language."""
    size, epochs = RECIPES[preset]
    files = [
        f"data.{split}_{side}={corpus}/{name}.{language}"
        for split, name in (("train", "train"), ("validation", "val"), ("test", "test"))
        for side, language in (("source", "en"), ("target", "de"))
    ]
    smaller = [f"model.size={size}", f"training.epochs={epochs}", "subwords.vocabulary_size=1000"]
    shared = ["model.dropout=0.1", "training.learning_rate=0.004", "training.warmup_steps=200"]
    shared += ["subwords.sampling=0", "data.batch_tokens=640", "training.averaging=0.99"]
    return load_run_config(CONFIGS / f"{preset}.yaml", files + smaller + shared)


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_a_small_network_of_this_design_translates_the_miniature_language(preset, tmp_path):
    corpus = write_corpus(tmp_path / "corpus", train=None, others=500)
    config = settings(corpus, preset)
    folder = train(config, tmp_path / "run", Silent())
    bleu = folder.scores()["test"]["bleu"]
    last = {name: float(value) for name, value in folder.history()[-1].items()}
    gap = last["wrong_source_perplexity"] / last["validation_perplexity"]
    print(f"{preset}: BLEU {bleu}, perplexity {last['validation_perplexity']}, gap {gap:.0f}")
    attends = config.model.attention != "none"
    assert bleu >= (LEAST if attends else LEAST_WITHOUT_ATTENTION)
    assert gap > LEAST_GAP
