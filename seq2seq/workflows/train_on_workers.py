"""Train on several machines: every worker makes this call, and the first one keeps the run."""

import threading
from contextlib import ExitStack
from pathlib import Path

from seq2seq.config.sections import RunConfig
from seq2seq.config.workers import Workers
from seq2seq.errors import ConfigError
from seq2seq.manifest import only_writer
from seq2seq.run_folder import RunFolder
from seq2seq.training.corpus import check_files
from seq2seq.training.keeper import Keeper
from seq2seq.training.loop import Training
from seq2seq.training.run_lifecycle import create_if_missing, open_to_go_on
from seq2seq.training.tensorflow_process import on_tensorflow
from seq2seq.training.text import TrainingText
from seq2seq.training.training_state import Reporter
from seq2seq.training.workers.briefing import Briefing
from seq2seq.training.workers.cluster import Cluster, joined
from seq2seq.translation.quiet import BACKEND
from seq2seq.workflows.train import complete, nothing_left


def train_on_workers(
    config: RunConfig, run: Path, reporter: Reporter, workers: Workers
) -> RunFolder | None:
    """What `train` does, on several processes at once, each with batches of its own.

    Steps are those of one process with `training.accumulate` times the number of workers.

    Args:
        config: every setting; the same on all, but for paths.
        run: path of the run folder, which the chief alone has.
        reporter: hears how it goes.
        workers: all of them.

    Returns:
        The run folder on the chief; None on the others.

    Raises:
        Seq2SeqError: settings, data or run folder cannot be used.
        RestartNeeded: a worker is missing or lost, or SIGTERM came; the last save is kept.
        KeyboardInterrupt: after Ctrl-C on any of them, with everything so far saved.
    """
    if not on_tensorflow():
        raise ConfigError(f"several workers train on tensorflow alone; leave {BACKEND} out")
    with joined(workers) as cluster, cluster.signals_between_steps(), ExitStack() as held:
        if cluster.is_chief:
            return _lead(cluster, config, run, reporter, held)
        _follow(cluster, config, reporter)
        return None


def _lead(
    cluster: Cluster, config: RunConfig, run: Path, reporter: Reporter, held: ExitStack
) -> RunFolder:
    """The chief's part, which holds the run folder until `held` is closed."""

    def open_run() -> tuple[RunFolder, TrainingText]:
        check_files(config)
        made = create_if_missing(config, run)
        held.enter_context(only_writer(run))
        return open_to_go_on(config, run, made)

    folder, corpus = cluster.lead(open_run, lambda run: Briefing.of(config, *run).to_bytes())
    cluster.agree(lambda: None)
    settings, subwords = folder.config(), folder.subwords()
    keeper = cluster.lead(lambda: Keeper(settings, folder, subwords, reporter))
    training = Training(settings, subwords, corpus, reporter, keeper, cluster)
    if done := nothing_left(settings, run, training.state):
        reporter.started(done)
    else:
        training.run_epochs(threading.Event())
    cluster.lead(lambda: complete(folder, corpus))
    return folder


def _follow(cluster: Cluster, own: RunConfig, reporter: Reporter) -> None:
    """The part of every other worker."""
    briefing = Briefing.from_bytes(cluster.follow())
    config, subwords, corpus = cluster.agree(lambda: briefing.taken_by(own))
    cluster.follow()
    training = Training(config, subwords, corpus, reporter, None, cluster)
    if not training.state.is_done(config.training):
        training.run_epochs(threading.Event())
    cluster.follow()
