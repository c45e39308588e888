"""A training's frame: start a run or go on with one, hold it, and stop between steps on Ctrl-C."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seq2seq.config.loading import differences
from seq2seq.config.sections import RunConfig, TrainingConfig
from seq2seq.data.held_out import HeldOut
from seq2seq.errors import ConfigError, DataError
from seq2seq.run_folder import RunFolder
from seq2seq.scoring.metrics import bleu
from seq2seq.training.corpus import (
    evaluation_files,
    read_parallel,
    report_met,
    report_unreachable,
)
from seq2seq.training.sharded_corpus import ShardedCorpus
from seq2seq.training.starting_weights import begin, with_vocabulary_of
from seq2seq.training.text import TrainingText, training_text
from seq2seq.training.training_state import TrainingState, saved_state

logger = logging.getLogger(__name__)

CHANGEABLE_DATA = {"data.test_source", "data.test_target", "data.source_language"}
LENGTHS = ("training.steps:", "training.epochs:")
FIXED_TRAINING = {  # what the state of a run was made with, or its best result is measured in
    "training.seed",
    "training.averaging",
    "training.word_dropout",
    "training.precision",
    "training.keep_best_by",
    "training.start_from",  # what it gave is in the run
    "training.start_vocabulary",
}


def create_if_missing(config: RunConfig, run: Path) -> TrainingText | None:
    """Makes the run folder from the training text, unless there is a run.

    Returns:
        The training text of a new run, which was encoded to be counted; None for a run that is
        there.

    Raises:
        Seq2SeqError: data or folder cannot be used; nothing is written then.
    """
    # All of the text is looked at before anything is written.
    texts = {split: read_parallel(*files) for split, files in evaluation_files(config).items()}
    if RunFolder.exists(run):
        return None
    beginning = begin(config)
    held_out = {split: HeldOut(zip(*sides, strict=True)) for split, sides in texts.items()}
    corpus = training_text(
        beginning.config, beginning.subwords, _scratch(run), [*held_out.values()]
    )
    if isinstance(corpus, ShardedCorpus):
        corpus.shards.verify()
    report_met(held_out)
    report_unreachable(beginning.config, texts["validation"][1], beginning.subwords)
    RunFolder.create(run, beginning.config, beginning.subwords, corpus.hashes, fill=beginning.write)
    return corpus


def open_to_go_on(
    config: RunConfig, run: Path, corpus: TrainingText | None = None
) -> tuple[RunFolder, TrainingText]:
    """Opens a run to train it further, with changed settings where it can honour them.

    Args:
        config: every setting.
        run: path of the run folder.
        corpus: its training text, where `create_if_missing` gave it.

    Raises:
        RunError: the folder or its training text was altered.
        ConfigError: a setting differs from the run's in a way that it cannot honour; each is named.
            Fewer steps or epochs than it has taken are such a setting.
    """
    folder = RunFolder.open(run)
    folder.remove_leftovers()
    if config.training.start_from and config.training.start_vocabulary == "kept":
        config = with_vocabulary_of(folder.config(), config)
    changes = differences(
        folder.config(), config, ("data", "subwords", "model", "training", "decoding")
    )
    recounted = _tokenizer(folder.config()) != _tokenizer(config)
    refused = [each for each in changes if _is_fixed(each.partition(":")[0], recounted)]
    if refused:
        raise ConfigError(
            f"{run} was started with other settings and cannot go on with these: "
            f"{'; '.join(refused)}; change them back, or train into another folder with --run"
        )
    if any(each.startswith(LENGTHS) for each in changes):
        _check_not_passed(config.training, run, saved_state(folder))
    corpus = corpus or _encoded_again(config, folder)
    folder.check_trained_on(config, corpus.hashes)
    if changes:
        logger.info("%s goes on with changed settings: %s", run, "; ".join(changes))
        folder.replace_config(config)
    return folder, corpus


def _check_not_passed(training: TrainingConfig, run: Path, state: TrainingState) -> None:
    if training.steps is None:
        passed, asked = (state.epoch, state.batch) > (training.epochs, 0), "epochs"
    else:
        passed, asked = state.step > training.steps, "steps"
    if passed:
        raise ConfigError(
            f"{run} has taken {state.step} steps ({state.epoch} whole epochs), more than "
            f"training.{asked}: {getattr(training, asked)}; nothing was changed: a larger number "
            "goes on, and --run trains into another folder"
        )


def _encoded_again(config: RunConfig, folder: RunFolder) -> TrainingText:
    """The training text of a run that goes on."""
    try:
        return training_text(config, folder.subwords(), _scratch(folder.path))
    except (DataError, ConfigError):
        folder.check_trained_on(config)  # a change since says more than what is wrong now
        raise


def _scratch(run: Path) -> Path:
    """The run folder, or the closest one above it that is there: on the disk for large files."""
    return next(path for path in (run, *run.absolute().parents) if path.is_dir())


@contextmanager
def interrupts_between_steps() -> Iterator[threading.Event]:
    """Ctrl-C sets an event that the loop looks at between steps; a second Ctrl-C stops at once."""
    interrupted = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    ours = threading.current_thread() is threading.main_thread()
    if not ours or before in (signal.SIG_IGN, None):  # in the background, Ctrl-C is for others
        yield interrupted
        return

    def note(*_: object) -> None:
        logger.warning("interrupted: saving after this step (Ctrl-C again to stop without saving)")
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _tokenizer(config: RunConfig) -> str:
    """How BLEU, which the best weights are chosen by, finds words."""
    return bleu(config.data.languages.target).tokenizer_signature


def _is_fixed(name: str, recounted: bool) -> bool:
    """Whether a run keeps a setting; `recounted`: whether BLEU would be counted otherwise."""
    if name == "data.target_language":
        return recounted
    section = name.partition(".")[0]
    if section == "data":
        return name not in CHANGEABLE_DATA
    return section in ("subwords", "model") or name in FIXED_TRAINING
