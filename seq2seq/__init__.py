"""LSTM translators with Keras: train on your own text, translate files, see the attention."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seq2seq.workflows.loading import TextTranslator


def load(run: str, beam_width: int | None = None) -> "TextTranslator":
    """Opens a trained run folder: `seq2seq.load("runs/miniature").translate(["The dog sleeps."])`.

    Args:
        run: path of the run folder.
        beam_width: hypotheses kept while searching; the run's setting if left out.

    Raises:
        seq2seq.errors.RunError: no run, an altered file, or no weights yet.
    """
    from pathlib import Path

    from seq2seq.workflows.loading import (
        load_translator,
    )  # here, so that importing needs no TensorFlow

    return load_translator(Path(run), beam_width)
