"""Measures Marian's translation; runs inside its own environment and prints one JSON line.

Everything timed is Marian's: its `Translator` on a list of sentences, which it sorts by length,
with normalization by length (power 1) beside beam and batch size.
"""

from importlib.metadata import version

import numpy as np
from pymarian import Translator

from benchmarks.peers.marian.brief_training import checkpoint, saved_steps, vocabulary
from benchmarks.peers.translation_speed import (
    TranslationRun,
    TranslationSpeed,
    timed,
    write_translations,
)


def open_translator(run: TranslationRun) -> Translator:
    """The trained network with a search of its own settings."""
    return Translator(
        models=checkpoint(run.folder),
        vocabs=[vocabulary(run.folder)] * 2,
        beam_size=run.beam_width,
        normalize=1,
        mini_batch=run.batch_size,
        maxi_batch=100,
        maxi_batch_sort="src",
        cpu_threads=run.threads,
        quiet=True,
    )


def translate(translator: Translator, sentences: list[str], single: bool) -> list[str]:
    """All sentences in one call, or one call for each."""
    if not single:
        return translator.translate(sentences)
    return [found for each in sentences for found in translator.translate([each])]


def measure(run: TranslationRun) -> TranslationSpeed:
    """Translates the text `warm_up_passes` times, and once more by the clock."""
    translator = open_translator(run)
    sentences = run.text.read_text(encoding="utf-8").split("\n")[:-1]
    single = run.batch_size == 1
    clocked = timed(lambda: translate(translator, sentences, single), run.warm_up_passes)
    translations: list[str] = clocked.found
    write_translations(run.output, translations)
    with np.load(checkpoint(run.folder)) as weights:
        numbers = [each.size for name, each in weights.items() if not name.startswith("special:")]
    return clocked.speed(
        translations,
        toolkit=f"Marian {version('pymarian')}",
        parameters=sum(numbers),
        training_steps=saved_steps(run.folder),
        threads=run.threads,
    )


def main() -> None:
    """Measures the run described on the command line."""
    print(measure(TranslationRun.from_arguments(__doc__)).to_json())


if __name__ == "__main__":
    main()
