"""Pictures of what a trained translator does with one sentence, and of how it was trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure

from seq2seq.config.languages import Languages
from seq2seq.errors import DataError, RunError
from seq2seq.files import write_atomically
from seq2seq.inspection.figures.curves import draw_training
from seq2seq.inspection.figures.picture import save
from seq2seq.inspection.page import Outline, Page, Token
from seq2seq.inspection.sentence import Inspection, inspect
from seq2seq.inspection.sentence_figures import sentence_figures
from seq2seq.run_folder import RunFolder
from seq2seq.translation.loading import load_translator

Kind = Literal["png", "svg"]

PAGE, ARRAYS = "index.html", "arrays.npz"


def show(run: Path, sentence: str, output: Path, kind: Kind = "png") -> tuple[str, list[Path]]:
    """Translates a sentence and writes pictures, arrays and a page about it into a folder.

    Returns:
        The translation, and what was written: the page, the arrays, then the pictures.

    Raises:
        RunError: no run, or no weights yet.
        DataError: the sentence is blank or too long, or the folder cannot be made.
    """
    translator = load_translator(run)
    inspection = inspect(translator, sentence)
    _make_folder(output)
    pictures = []
    for each in sentence_figures(inspection):
        pictures.append((f"{each.name}.{kind}", each.caption))
        _write_figure(each.figure, output / pictures[-1][0], kind)
    with write_atomically(output / ARRAYS) as stream:
        arrays: dict[str, Any] = dict(inspection.arrays())
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    with write_atomically(output / PAGE) as stream:
        page = _page(inspection, pictures, translator.languages)
        stream.write(page.html().encode())
    files = [output / name for name in (PAGE, ARRAYS, *(file for file, _ in pictures))]
    return inspection.translation, files


def show_training(runs: Sequence[Path], output: Path, kind: Kind = "png") -> Path:
    """Draws the history of one or several runs, under the names of their folders, into a folder.

    Raises:
        RunError: no run, two of one name, or a run without any validation yet.
        DataError: the folder cannot be made.
    """
    histories: dict[str, list[dict[str, str]]] = {}
    for run in runs:
        name = run.resolve().name
        if name in histories:
            raise RunError(f"{run}: another run is called {name} too; rename one of the folders")
        histories[name] = RunFolder.open(run).history()
        if not histories[name]:
            raise RunError(f"{run} has no history yet; it is written after the first validation")
    _make_folder(output)
    path = output / f"training.{kind}"
    _write_figure(draw_training(histories), path, kind)
    return path


def _make_folder(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{output} cannot be a folder: {error.strerror}; give another --output"
        ) from None


def _write_figure(figure: Figure, path: Path, kind: Kind) -> None:
    with write_atomically(path) as stream:
        save(figure, stream, kind)


def _page(inspection: Inspection, pictures: list[tuple[str, str]], languages: Languages) -> Page:
    likeliest, history = inspection.alternatives, inspection.history
    tokens = []
    for place, subword in enumerate(inspection.target_subwords):
        others = zip(inspection.candidates[place], likeliest.probabilities[place], strict=True)
        runners_up = [(piece, float(share)) for piece, share in others if piece != subword]
        tokens.append(Token(subword, float(likeliest.written[place]), runners_up))
    rest = [
        number
        for number, each in enumerate(history.hypotheses)
        if each.fate != "continued" and number not in history.outputs
    ]
    outlines = [
        Outline(
            inspection.outlines[number], each.log_probability, each.score, each.fate, each.fell_at
        )
        for number in [*history.outputs, *rest]
        for each in [history.hypotheses[number]]
    ]
    return Page(
        inspection.source, inspection.translation, tokens, outlines, pictures, ARRAYS, languages
    )
