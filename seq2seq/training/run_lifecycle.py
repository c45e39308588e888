"""Start a run, or go on with one whose settings allow it."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seq2seq.config.loading import differences
from seq2seq.config.sections import RunConfig
from seq2seq.errors import ConfigError, RunError
from seq2seq.run_folder import RunFolder
from seq2seq.training.corpus import count_corpus, evaluation_files, learn_subwords, read_parallel

logger = logging.getLogger(__name__)

CHANGEABLE_DATA = {"data.test_source", "data.test_target"}
FIXED_TRAINING = {  # what the state of a run was made with, or its best result is measured in
    "training.seed",
    "training.averaging",
    "training.word_dropout",
    "training.precision",
    "training.keep_best_by",
}


def create_if_missing(config: RunConfig, run: Path) -> None:
    """Makes the run folder from the training text, unless there is a run.

    Raises:
        Seq2SeqError: data or folder cannot be used; nothing is written then.
    """
    for source, target in evaluation_files(config).values():
        read_parallel(source, target)  # all of the text is looked at before anything is written
    if not RunFolder.exists(run):
        subwords = learn_subwords(config)
        count_corpus(config, subwords)
        RunFolder.create(run, config, subwords)


def open_to_go_on(config: RunConfig, run: Path) -> RunFolder:
    """Opens a run to train it further, with changed settings where it can honour them.

    Raises:
        RunError: the folder or its training text was altered.
        ConfigError: a setting differs from the run's in a way that it cannot honour; each is named.
    """
    folder = RunFolder.open(run)
    folder.remove_leftovers()
    changes = differences(
        folder.config(), config, ("data", "subwords", "model", "training", "decoding")
    )
    refused = [change for change in changes if _is_fixed(change.partition(":")[0])]
    if refused:
        raise ConfigError(
            f"{run} was started with other settings and cannot go on with these: "
            f"{'; '.join(refused)}; change them back, or train into another folder with --run"
        )
    folder.check_trained_on(config)
    if changes:
        logger.info("%s goes on with changed settings: %s", run, "; ".join(changes))
        folder.replace_config(config)
    return folder


@contextmanager
def only_trainer(run: Path) -> Iterator[None]:
    """Holds the run for this process while it trains.

    Raises:
        RunError: another process trains it.
    """
    handle = os.open(run, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise RunError(f"{run} is being trained by another process; wait or stop it") from None
    finally:
        os.close(handle)


def _is_fixed(name: str) -> bool:
    section = name.partition(".")[0]
    if section == "data":
        return name not in CHANGEABLE_DATA
    return section in ("subwords", "model") or name in FIXED_TRAINING
