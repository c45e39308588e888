"""LSTM translators with Keras: train on your own text, translate files, see the attention."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seq2seq.workflows.text_translator import TextTranslator


def load(run: str, ensemble: tuple[str, ...] = (), **decoding: Any) -> "TextTranslator":
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
    from pathlib import Path

    from seq2seq.workflows.loading import (
        load_translator,
    )  # here, so that importing needs no TensorFlow

    return load_translator(Path(run), decoding, [Path(each) for each in ensemble])
