"""Pictures of what a trained translator does with one sentence."""

from pathlib import Path

from seq2seq.data.lines import write_atomically
from seq2seq.errors import DataError, RunError
from seq2seq.inspection.attention import draw_attention, save_png
from seq2seq.workflows.loading import load_translator
from seq2seq.workflows.run_folder import RunFolder


def show(run: Path, sentence: str, output: Path) -> tuple[str, Path]:
    """Translates a sentence and draws its attention into `output`/attention.png.

    Returns:
        The translation and the picture's path.

    Raises:
        RunError: the run's network has no attention.
        DataError: the sentence has no words.
    """
    folder = RunFolder.open(run)
    if folder.config().model.attention == "none":
        raise RunError(
            f"{run} was trained with model.attention: none; there is no attention to show"
        )
    if not folder.subwords().encode(sentence):
        raise DataError("the sentence is blank; give a sentence to translate")
    alignment = load_translator(run).align(sentence)
    figure = draw_attention(
        alignment.weights,
        alignment.source_subwords,
        alignment.target_subwords,
        alignment.translation,
    )
    output.mkdir(parents=True, exist_ok=True)
    path = output / "attention.png"
    with write_atomically(path) as stream:
        save_png(figure, stream)
    return alignment.translation, path
