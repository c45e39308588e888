"""Measures JoeyNMT's translation; runs inside its own environment and prints one JSON line.

Everything timed is JoeyNMT's: its `predict` on a data set, with its defaults (longest output)
beside beam width, length penalty and batch size.
"""

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch
from joeynmt.config import BaseConfig, parse_global_args
from joeynmt.model import Model
from joeynmt.prediction import predict, prepare
from torch.utils.data import Dataset

from benchmarks.peers.joeynmt.brief_training import saved_steps, settings
from benchmarks.peers.translation_speed import (
    TranslationRun,
    TranslationSpeed,
    timed,
    write_translations,
)


def read_settings(run: TranslationRun, folder: Path) -> BaseConfig:
    """JoeyNMT's settings; `folder` is given the text under the name that it asks for."""
    shutil.copy(run.text, folder / "text.source")
    network = torch.load(run.folder / "latest.ckpt", map_location="cpu")["model_state"]
    embedding_size = network["src_embed.lut.weight"].shape[1]
    units = network["decoder.output_layer.weight"].shape[1]
    config = settings(run.data, run.folder, embedding_size, units)
    config["data"]["test"] = str(folder / "text")
    config["testing"] = {
        "load_model": str(run.folder / "latest.ckpt"),
        "beam_size": run.beam_width,
        "beam_alpha": 1.0,
        "batch_size": run.batch_size,
        "batch_type": "sentence",
    }
    return parse_global_args(config, rank=0, mode="test")


def translate(model: Model, text: Dataset, args: BaseConfig) -> list[list[str]]:
    """The subwords of each translation, EOS included where the search reached it."""
    _, _, _, found, _, _ = predict(
        model=model,
        data=text,
        device=args.device,
        n_gpu=args.n_gpu,
        num_workers=args.num_workers,
        args=args.test,
        autocast=args.autocast,
    )
    return found


def measure(run: TranslationRun) -> TranslationSpeed:
    """Translates the text `warm_up_passes` times, and once more by the clock."""
    with tempfile.TemporaryDirectory() as name:
        args = read_settings(run, Path(name))
        model, _, _, text = prepare(args, rank=0, mode="test")
    text.reset_indices(random_subset=-1)
    clocked = timed(lambda: translate(model, text, args), run.warm_up_passes)
    eos = args.data["special_symbols"].eos_token
    translations = [
        " ".join(subword for subword in each if subword != eos) for each in clocked.found
    ]
    write_translations(run.output, translations)
    return clocked.speed(
        translations,
        toolkit=f"JoeyNMT {version('joeynmt')}",
        parameters=sum(each.numel() for each in model.parameters()),
        training_steps=saved_steps(run.folder),
        threads=torch.get_num_threads(),
    )


def main() -> None:
    """Measures the run described on the command line."""
    run = TranslationRun.from_arguments(__doc__)
    torch.set_num_threads(run.threads)
    print(measure(run).to_json())


if __name__ == "__main__":
    main()
