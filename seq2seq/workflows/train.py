"""Train a translator: the same call starts a run, resumes it where it stopped, and finishes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seq2seq.config.sections import RunConfig
from seq2seq.manifest import only_writer
from seq2seq.run_folder import RunFolder
from seq2seq.training.corpus import check_files
from seq2seq.training.keeper import Keeper
from seq2seq.training.loop import Training
from seq2seq.training.run_lifecycle import (
    create_if_missing,
    interrupts_between_steps,
    open_to_go_on,
)
from seq2seq.training.tensorflow_process import on_tensorflow, tensorflow_process
from seq2seq.training.text import TrainingText, count_run_words, learn_run_shortlist
from seq2seq.training.training_state import Reporter, TrainingState, saved_state
from seq2seq.workflows.evaluate import score_run


def train(config: RunConfig, run: Path, reporter: Reporter) -> RunFolder:
    """`fit`, then adds a vocabulary shortlist, the words seen, and the scores of the best weights.

    Args:
        config: every setting.
        run: path of the run folder; a new one, or one to go on with.
        reporter: hears how it goes.

    Raises:
        Seq2SeqError: settings, data or run folder cannot be used; nothing is left half-written.
        KeyboardInterrupt: after Ctrl-C, with everything so far saved.
    """
    with _trained(config, run, reporter) as (folder, corpus):
        complete(folder, corpus)
    return folder


def complete(folder: RunFolder, corpus: TrainingText) -> None:
    """Adds what a run has beside its weights: shortlist, words seen, and scores."""
    if not folder.shortlist():
        folder.save_shortlist(learn_run_shortlist(corpus, folder.subwords().size))
    if not folder.source_words():
        folder.save_source_words(count_run_words(corpus, folder.subwords()))
    if on_tensorflow():
        score_run(folder)
    else:
        folder.manifest = tensorflow_process().run(_scored, folder.path)


def _scored(run: Path) -> dict:
    """Scores a run; returns its manifest."""
    folder = RunFolder.open(run)
    score_run(folder)
    return folder.manifest


def fit(config: RunConfig, run: Path, reporter: Reporter) -> RunFolder:
    """Trains for `training.epochs` or `steps`, or until patience ends, and keeps the best weights.

    The run translates; `train` on it adds what is missing.

    Args:
        config: every setting.
        run: path of the run folder; a new one, or one to go on with.
        reporter: hears how it goes.

    Raises:
        Seq2SeqError: settings, data or run folder cannot be used; nothing is left half-written.
        KeyboardInterrupt: after Ctrl-C, with everything so far saved.
    """
    with _trained(config, run, reporter) as (folder, _):
        return folder


@contextmanager
def _trained(
    config: RunConfig, run: Path, reporter: Reporter
) -> Iterator[tuple[RunFolder, TrainingText]]:
    """A run whose last step is done, held for this process, and its training text."""
    check_files(config)
    made = create_if_missing(config, run)
    with only_writer(run):
        folder, corpus = open_to_go_on(config, run, made)
        config = folder.config()
        if done := nothing_left(config, run, saved_state(folder)):
            reporter.started(done)
        else:
            subwords = folder.subwords()
            keeper = Keeper(config, folder, subwords, reporter)
            training = Training(config, subwords, corpus, reporter, keeper)
            with interrupts_between_steps() as interrupted:
                training.run_epochs(interrupted)
        yield folder, corpus


def nothing_left(config: RunConfig, run: Path, state: TrainingState) -> str:
    """That a run is done, and why; empty if it is not."""
    training = config.training
    if not state.is_done(training):
        return ""
    if state.stopped:
        reason = f"stopped by training.patience: {training.patience}"
    elif training.steps is None:
        reason = f"training.epochs: {training.epochs}"
    else:
        reason = f"training.steps: {training.steps}"
    return (
        f"nothing left to train: {run} is finished after {state.step} steps ({reason}); "
        "a larger number goes on"
    )
