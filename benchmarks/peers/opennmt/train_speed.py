"""Measures OpenNMT-py's training speed; runs inside its own environment and prints one JSON line.

Everything timed is OpenNMT-py's: options with their defaults, length-bucketed batches, model,
loss, optimizer, training loop, token counts and clock. Nothing is validated, saved or sent to
TensorBoard, and the bucket of 262,144 sentences is filled before the clock starts.
"""

import json
import tempfile
from argparse import Namespace
from collections import Counter
from pathlib import Path

import torch
from onmt import __version__
from onmt.inputters.dynamic_iterator import build_dynamic_dataset_iter
from onmt.model_builder import build_model
from onmt.opts import train_opts
from onmt.train_single import _init_train, configure_process
from onmt.trainer import build_trainer
from onmt.utils import Optimizer, Statistics
from onmt.utils.parse import ArgumentParser
from onmt.utils.report_manager import ReportMgrBase

from benchmarks.peers.training_speed import TrainingRun, TrainingSpeed

SPECIAL_SYMBOLS = 4  # unknown, padding, BOS, EOS: OpenNMT-py adds them to the vocabulary it reads
CPU = -1


class Stopwatch(ReportMgrBase):
    """Takes OpenNMT-py's statistics of the steps after the warm-up, and reports nothing else."""

    def __init__(self, warm_up_steps: int, last_step: int) -> None:
        """Starts the clock after step `warm_up_steps` and reads it after step `last_step`."""
        super().__init__(report_every=last_step)
        self._warm_up_steps = warm_up_steps
        self._last_step = last_step
        self.target_tokens = 0
        self.seconds = 0.0

    def report_training(
        self,
        step: int,
        num_steps: int,
        learning_rate: float,
        patience: int | None,
        report_stats: Statistics,
        multigpu: bool = False,
    ) -> Statistics:
        """Is called by the training loop after every step, with the statistics so far."""
        if step == self._warm_up_steps:
            return Statistics()  # its clock starts when it is made
        if step == self._last_step:
            self.target_tokens = report_stats.n_words
            self.seconds = report_stats.elapsed_time()
        return report_stats

    def _report_step(self, *arguments: object, **options: object) -> None:
        """Skips the summary that follows a validation."""


def write_vocabulary(run: TrainingRun, path: Path) -> None:
    """Writes the most frequent subwords, filled up so that the network gets the size asked for."""
    counts: Counter[str] = Counter()
    for text in (run.source, run.target):
        with text.open(encoding="utf-8") as lines:
            for line in lines:
                counts.update(line.split())
    size = run.vocabulary_size - SPECIAL_SYMBOLS
    subwords = [subword for subword, _ in counts.most_common(size)]
    unused = [f"<unused-{number}>" for number in range(size - len(subwords))]
    path.write_text("".join(f"{entry}\n" for entry in subwords + unused), encoding="utf-8")


def read_options(run: TrainingRun, vocabulary: Path, **more: object) -> Namespace:
    """OpenNMT-py's options as its own command line parser returns them, defaults included.

    Args:
        run: The network, its data and the number of steps.
        vocabulary: A subword a line.
        more: Further options by their names.
    """
    corpus = {"path_src": str(run.source), "path_tgt": str(run.target), "weight": 1}
    options = {
        "data": json.dumps({"corpus": corpus}),  # read as YAML
        "src_vocab": vocabulary,
        "vocab_size_multiple": 1,
        "src_vocab_size": run.vocabulary_size,
        "word_vec_size": run.embedding_size,
        "hidden_size": run.units,
        "layers": 1,
        "encoder_type": "brnn",
        "decoder_type": "rnn",
        "rnn_type": "LSTM",
        "global_attention": "general",
        "input_feed": 1,
        "dropout": run.dropout,
        "optim": "adam",
        "learning_rate": 0.001,
        "batch_type": "sents",
        "batch_size": run.batch_size,
        "num_workers": run.data_workers,
        "train_steps": run.warm_up_steps + run.measured_steps,
        "seed": run.seed,
        **more,
    }
    parser = ArgumentParser()
    train_opts(parser)
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    parsed = parser.parse_args([*arguments, "--share_vocab"])
    ArgumentParser.validate_train_opts(parsed)
    ArgumentParser.update_model_opts(parsed)
    ArgumentParser.validate_model_opts(parsed)
    return parsed


def measure(run: TrainingRun, options: Namespace) -> TrainingSpeed:
    """Trains as `onmt.train_single.main` does, without saving, and reads the stopwatch."""
    configure_process(options, CPU)
    checkpoint, vocabularies, transforms = _init_train(options)
    model = build_model(options, options, vocabularies, checkpoint, CPU)
    optimizer = Optimizer.from_opt(model, options, checkpoint=checkpoint)
    trainer = build_trainer(options, CPU, model, vocabularies, optimizer)
    stopwatch = Stopwatch(run.warm_up_steps, options.train_steps)
    trainer.report_manager = stopwatch
    batches = build_dynamic_dataset_iter(options, transforms, vocabularies, device_id=CPU)
    trainer.train(batches, options.train_steps)
    return TrainingSpeed(
        toolkit=f"OpenNMT-py {__version__}",
        target_tokens=stopwatch.target_tokens,
        seconds=round(stopwatch.seconds, 3),
        target_tokens_per_second=round(stopwatch.target_tokens / stopwatch.seconds, 1),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        threads=torch.get_num_threads(),
    )


def main() -> None:
    """Measures the run described on the command line."""
    run = TrainingRun.from_arguments(__doc__)
    torch.set_num_threads(run.threads)
    with tempfile.TemporaryDirectory() as directory:
        vocabulary = Path(directory) / "vocabulary.txt"
        write_vocabulary(run, vocabulary)
        print(measure(run, read_options(run, vocabulary)).to_json())


if __name__ == "__main__":
    main()
