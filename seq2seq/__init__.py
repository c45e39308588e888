"""LSTM translators with Keras: train on your own text, translate files, see what they remember."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seq2seq.models.registration import register_layers

if TYPE_CHECKING:
    from seq2seq.config.sections import RunConfig
    from seq2seq.data.subwords import Subwords
    from seq2seq.inspection.sentence import Inspection
    from seq2seq.run_folder import RunFolder
    from seq2seq.translation.text_translator import TextTranslator

__all__ = ["build", "dataset", "inspect", "load", "train"]

# Imports stand in the functions, so that importing this needs no TensorFlow.
register_layers()


def train(
    config: "RunConfig | Mapping[str, Any] | str | Path",
    run: str | Path,
    overrides: Sequence[str] = (),
    quiet: bool = False,
) -> "RunFolder":
    """Trains a translator, or goes on with a run; prints a line after each validation.

    `seq2seq.train("configs/miniature.yaml", "runs/small", ["model.units=64"]).scores()`

    Args:
        config: path of a settings file, its contents as nested dictionaries, or a `RunConfig`.
        run: path of the run folder.
        overrides: settings in place of these, each "section.field=value".
        quiet: prints nothing; the run folder keeps the history in any case, and log messages go to
            `logging` as always.

    Raises:
        seq2seq.errors.Seq2SeqError: settings, data or run folder cannot be used.
    """
    import sys

    from rich.console import Console

    from seq2seq.config.loading import as_run_config
    from seq2seq.translation.quiet import load_for_training

    settings = as_run_config(config, overrides)
    load_for_training()
    from seq2seq.cli.progress import LiveReporter
    from seq2seq.workflows.train import train as train_run

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


def build(
    config: "RunConfig | Mapping[str, Any] | str | Path", overrides: Sequence[str] = ()
) -> "TextTranslator":
    """A translator that knows nothing yet, to be trained by Keras's own `fit`.

    Its vocabulary is that of the training text; its `network.training` is a functional
    `keras.Model` from (source ids, target ids) to logits. `save` makes a run folder of it.

    Args:
        config: see `train`.
        overrides: see `train`.

    Raises:
        seq2seq.errors.Seq2SeqError: settings or data cannot be used.
    """
    from seq2seq.config.loading import as_run_config
    from seq2seq.translation.quiet import load_tensorflow

    settings = as_run_config(config, overrides)
    load_tensorflow(backends=None)
    from seq2seq.workflows.keras_training import build as build_fresh

    return build_fresh(settings)


def dataset(
    config: "RunConfig | Mapping[str, Any] | str | Path",
    subwords: "Subwords | None" = None,
    split: Literal["train", "validation", "test"] = "train",
) -> Any:
    """The batches of a training as a `tf.data.Dataset`, for Keras's own `fit` and `evaluate`.

    Each is ((source ids, target ids before each position), target ids), padded with 0; the loss
    is `seq2seq.models.loss.MaskedCrossEntropy`. Where training pairs count differently, their
    weights stand last, as `fit` takes them.

    Args:
        config: see `train`.
        subwords: the vocabulary, e.g. a translator's `subwords`; that of the training text if None.
        split: whose text. Each pass over "train" is the next epoch, in another order.

    Raises:
        seq2seq.errors.Seq2SeqError: settings or data cannot be used.
    """
    from seq2seq.config.loading import as_run_config
    from seq2seq.translation.quiet import load_tensorflow

    settings = as_run_config(config)
    load_tensorflow(backends=None)
    from seq2seq.workflows.keras_training import dataset as batches

    return batches(settings, subwords, split)


def load(run: str | Path, ensemble: Sequence[str | Path] = (), **decoding: Any) -> "TextTranslator":
    """Opens a trained run folder: `seq2seq.load("runs/miniature").translate(["The dog sleeps."])`.

    What TensorFlow writes to standard error while it starts is left out.

    Args:
        run: path of the run folder.
        ensemble: more run folders with the same vocabulary, whose networks vote with the first's.
        decoding: settings of `seq2seq.config.sections.DecodingConfig` in place of the run's, e.g.
            `beam_width=1`, `n_best=3`, `precision="bfloat16"`.

    Raises:
        seq2seq.errors.ConfigError: a setting that does not exist or is out of range.
        seq2seq.errors.RunError: no run, an altered file, or no weights yet.
    """
    from seq2seq.translation.quiet import load_tensorflow

    load_tensorflow()
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
