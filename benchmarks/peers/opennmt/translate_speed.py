"""Measures OpenNMT-py's translation; runs inside its own environment and prints one JSON line.

Everything timed is OpenNMT-py's: its inference engine on a list of sentences, which it sorts by
length, with the options' defaults (length penalty, longest output) beside beam and batch size.
"""

from argparse import Namespace
from pathlib import Path

import torch
from onmt import __version__
from onmt.inference_engine import InferenceEnginePY
from onmt.opts import translate_opts
from onmt.utils.parse import ArgumentParser

from benchmarks.peers.opennmt.brief_training import newest_checkpoint
from benchmarks.peers.translation_speed import (
    TranslationRun,
    TranslationSpeed,
    timed,
    write_translations,
)


def read_options(run: TranslationRun, checkpoint: Path) -> Namespace:
    """OpenNMT-py's options as its own command line parser returns them, defaults included."""
    options = {
        "model": checkpoint,
        "src": run.text,
        "output": run.output,
        "beam_size": run.beam_width,
        "batch_size": run.batch_size,
        "batch_type": "sents",
        "gpu": -1,
    }
    parser = ArgumentParser()
    translate_opts(parser)
    parsed = parser.parse_args(
        [part for name, value in options.items() for part in (f"--{name}", str(value))]
    )
    ArgumentParser.validate_translate_opts(parsed)
    ArgumentParser._get_all_transform_translate(parsed)
    ArgumentParser._validate_transforms_opts(parsed)
    ArgumentParser.validate_translate_opts_dynamic(parsed)
    return parsed


def measure(run: TranslationRun) -> TranslationSpeed:
    """Translates the text `warm_up_passes` times, and once more by the clock."""
    steps, checkpoint = newest_checkpoint(run.folder)
    if checkpoint is None:
        raise FileNotFoundError(f"{run.folder} holds no checkpoint; train one first")
    engine = InferenceEnginePY(read_options(run, checkpoint))
    sentences = run.text.read_text(encoding="utf-8").split("\n")[:-1]
    clocked = timed(lambda: engine.infer_list(sentences), run.warm_up_passes)
    _, found = clocked.found
    translations = [n_best[0] for n_best in found]
    write_translations(run.output, translations)
    return clocked.speed(
        translations,
        toolkit=f"OpenNMT-py {__version__}",
        parameters=sum(each.numel() for each in engine.translator.model.parameters()),
        training_steps=steps,
        threads=torch.get_num_threads(),
    )


def main() -> None:
    """Measures the run described on the command line."""
    run = TranslationRun.from_arguments(__doc__)
    torch.set_num_threads(run.threads)
    print(measure(run).to_json())


if __name__ == "__main__":
    main()
