"""A program that uses what is public; `mypy --strict` reads it, nobody runs it."""

from pathlib import Path

import seq2seq
from seq2seq.config.loading import load_run_config
from seq2seq.config.sections import RunConfig
from seq2seq.errors import Seq2SeqError
from seq2seq.inspection.sentence import Inspection
from seq2seq.models.loss import MaskedCrossEntropy
from seq2seq.run_folder import RunFolder
from seq2seq.serving.client import Client
from seq2seq.translation.text_translator import TextTranslator


def train(settings: Path, folder: Path) -> float:
    config: RunConfig = load_run_config(settings, ["model.units=64"])
    run: RunFolder = seq2seq.train(config, folder, overrides=["training.steps=4"], quiet=True)
    return float(run.scores()["test"]["bleu"])


def fit(settings: Path) -> TextTranslator:
    translator = seq2seq.build(settings)
    batches = seq2seq.dataset(settings, translator.subwords, split="train")
    translator.network.training.compile("adam", MaskedCrossEntropy(label_smoothing=0.1))
    translator.network.training.fit(batches)
    translator.save("runs/fitted")
    return translator


def translate(folder: Path, lines: list[str]) -> list[str]:
    try:
        translator = seq2seq.load(folder, beam_width=4, n_best=2)
    except Seq2SeqError as error:
        return [str(error)]
    best, second = translator.search(lines)[0]
    print(best.score - second.score, translator.subwords.decode(best.ids))
    alignment = translator.align(lines[0])
    print(alignment.target_subwords, alignment.weights.shape)
    return translator.translate(lines)


def look_inside(translator: TextTranslator) -> float:
    inspection: Inspection = seq2seq.inspect(translator, "The dog sleeps.")
    return float(inspection.trace.layers["decoder_0"].gates["forget"].mean())


def ask(url: str, lines: list[str]) -> list[str]:
    return list(Client(url).translate(lines))
