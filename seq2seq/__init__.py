"""LSTM translators with Keras: train on your own text, translate files, see what they remember."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seq2seq.inspection.sentence import Inspection
    from seq2seq.run_folder import RunFolder
    from seq2seq.translation.text_translator import TextTranslator

# Imports stand in the functions, so that importing this needs no TensorFlow.


def train(
    config: str | Path, run: str | Path, overrides: Sequence[str] = (), quiet: bool = False
) -> "RunFolder":
    """Trains a translator, or goes on with a run; prints a line after each validation.

    `seq2seq.train("configs/miniature.yaml", "runs/small", ["model.units=64"]).scores()`

    Args:
        config: path of a settings file.
        run: path of the run folder.
        overrides: settings in place of the file's, each "section.field=value".
        quiet: prints nothing; the run folder keeps the history in any case, and log messages go to
            `logging` as always.

    Raises:
        seq2seq.errors.Seq2SeqError: settings, data or run folder cannot be used.
    """
    import sys

    from rich.console import Console

    from seq2seq.cli.progress import LiveReporter
    from seq2seq.config.loading import load_run_config
    from seq2seq.workflows.train import train as train_run

    settings = load_run_config(Path(config), list(overrides))
    # Notebooks keep what is printed: no live line, no colours, although their kernels ask for both.
    live = sys.stdout.isatty()
    console = Console(
        file=sys.stdout,
        soft_wrap=True,
        force_jupyter=False,
        force_terminal=live,
        no_color=not live,
        quiet=quiet,
    )
    with LiveReporter(console) as reporter:
        return train_run(settings, Path(run), reporter)


def load(run: str | Path, ensemble: Sequence[str | Path] = (), **decoding: Any) -> "TextTranslator":
    """Opens a trained run folder: `seq2seq.load("runs/miniature").translate(["The dog sleeps."])`.

    Args:
        run: path of the run folder.
        ensemble: more run folders with the same vocabulary, whose networks vote with the first's.
        decoding: settings of `seq2seq.config.sections.DecodingConfig` in place of the run's, e.g.
            `beam_width=1`, `n_best=3`, `precision="bfloat16"`.

    Raises:
        seq2seq.errors.ConfigError: a setting that does not exist or is out of range.
        seq2seq.errors.RunError: no run, an altered file, or no weights yet.
    """
    from seq2seq.translation.loading import load_translator

    return load_translator(Path(run), decoding, [Path(each) for each in ensemble])


def inspect(translator: "TextTranslator", text: str, target: str | None = None) -> "Inspection":
    """All that a translator computes for one sentence: gates, states, attention, search, gradients.

    `seq2seq.inspection.sentence_figures` draws it.

    Args:
        translator: see `load`.
        text: a sentence.
        target: a translation to be inspected in place of the translator's own.

    Raises:
        seq2seq.errors.DataError: the sentence is blank, or too long to be read at once.
    """
    from seq2seq.inspection.sentence import inspect as inspect_sentence

    return inspect_sentence(translator, text, target)
