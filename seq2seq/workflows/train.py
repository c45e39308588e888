"""Train a translator: the same call starts a run, resumes it where it stopped, and finishes it."""

import functools
import logging
import math
import threading
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from seq2seq.config.sections import RunConfig
from seq2seq.data.pretrained_embeddings import read_vectors
from seq2seq.errors import RunError
from seq2seq.files import file_errors_of_libraries
from seq2seq.models.weight_files import write_weights
from seq2seq.run_folder import HISTORY, TENSORBOARD, RunFolder
from seq2seq.training.corpus import (
    check_files,
    count_batches,
    count_corpus,
    epoch_batches,
    learn_run_shortlist,
    prefetched,
    report_left_out,
)
from seq2seq.training.interrupts import interrupts_between_steps
from seq2seq.training.run_lifecycle import create_if_missing, only_trainer, open_to_go_on
from seq2seq.training.schedules import learning_rate
from seq2seq.training.train_step import Optimization, seeded
from seq2seq.training.training_state import Progress, Reporter, load_state, save_state
from seq2seq.training.validation import Validated, Validator
from seq2seq.workflows.evaluate import score_run

logger = logging.getLogger(__name__)

PLATEAU = 2  # validations without a better result before the plateau schedule halves the rate


def train(config: RunConfig, run: Path, reporter: Reporter) -> RunFolder:
    """Trains for `training.epochs` or `steps`, or until patience ends; scores the best weights.

    Raises:
        Seq2SeqError: settings, data or run folder cannot be used; nothing is left half-written.
        KeyboardInterrupt: after Ctrl-C, with everything so far saved.
    """
    check_files(config)
    create_if_missing(config, run)
    with only_trainer(run):
        folder = open_to_go_on(config, run)
        training = Training(config, folder, reporter)
        with interrupts_between_steps() as interrupted:
            training.run_epochs(interrupted)
        if not folder.shortlist():
            folder.save_shortlist(learn_run_shortlist(config, folder.subwords()))
        score_run(folder)
    return folder


class Training:
    """One run being trained."""

    def __init__(self, config: RunConfig, folder: RunFolder, reporter: Reporter) -> None:
        self._config = config
        self._folder = folder
        self._reporter = reporter
        self._subwords = folder.subwords()
        counts = count_corpus(config, self._subwords)
        report_left_out(counts, config)
        self._validator = Validator(config, self._subwords)
        with seeded(config.training.seed):
            self._optimization = Optimization(config, self._subwords.size)
        self._progress = self._resumed()
        if not self._progress.step:
            self._start_from_vectors()
        self._tensorboard = folder.path / TENSORBOARD
        with file_errors_of_libraries(self._tensorboard):
            self._summaries = tf.summary.create_file_writer(str(self._tensorboard))
        self._clock = time.monotonic()
        pairs = f"{counts.kept} pairs of {counts.pairs}"
        self._reporter.started(
            f"{pairs}, {self._subwords.size} subwords, {self._optimization.parameters:,} parameters"
        )

    def run_epochs(self, interrupted: threading.Event) -> None:
        """Steps until the end, validating and saving on the way."""
        progress, training = self._progress, self._config.training
        steps_an_epoch = count_batches(epoch_batches(self._config, self._subwords, 0))
        progress.total_steps = training.steps or steps_an_epoch * training.epochs
        self._time_passed()
        while not self._finished():
            batches = epoch_batches(self._config, self._subwords, progress.epoch)
            for batch in prefetched(batches.skip(progress.batch)):
                self._step(batch)
                if training.validate_every and progress.step % training.validate_every == 0:
                    self._validate()
                elif progress.step % training.save_every == 0:
                    self._save()
                if interrupted.is_set():
                    self._save()
                    raise KeyboardInterrupt
                if self._finished():
                    break
            else:
                progress.epoch, progress.batch = progress.epoch + 1, 0
                if not training.validate_every:
                    self._validate()
            if interrupted.is_set():
                self._save()
                raise KeyboardInterrupt
        if not progress.history or progress.history[-1]["step"] != progress.step:
            self._validate()  # the steps after the last multiple of validate_every

    def _finished(self) -> bool:
        progress, training = self._progress, self._config.training
        if training.steps:
            return progress.stopped or progress.step >= training.steps
        return progress.stopped or progress.epoch >= training.epochs

    def _time_passed(self) -> float:
        """Seconds since it was last asked."""
        before, self._clock = self._clock, time.monotonic()
        return self._clock - before

    def _resumed(self) -> Progress:
        state, last = self._folder.weights("state"), self._folder.weights("last")
        if not state or not last:
            return Progress()
        progress, arrays = load_state(state)
        self._optimization.load_weights(last)
        self._optimization.restore(arrays)
        logger.info("resuming %s at step %d", self._folder.path, progress.step)
        if progress.stopped and (self._config.training.patience or math.inf) > progress.worse:
            progress.stopped = False
        return progress

    def _start_from_vectors(self) -> None:
        model = self._config.model
        pieces = self._subwords.pieces(range(self._subwords.size))
        for side, path in (("source", model.source_vectors), ("target", model.target_vectors)):
            if path:
                found = read_vectors(path, pieces, model.embedding_size)
                self._optimization.start_from(side, found)
                logger.info("%s: vectors for %d of %d subwords", path, len(found.ids), len(pieces))

    def _step(self, batch: tuple) -> None:
        progress, training = self._progress, self._config.training
        rate = learning_rate(
            training.schedule,
            training.learning_rate,
            progress.step,
            training.warmup_steps,
            progress.total_steps,
            progress.halvings,
        )
        loss, tokens = self._optimization.step(batch, rate)
        if not math.isfinite(loss):
            raise self._diverged("the loss")
        spent = self._time_passed()  # waiting for the batch included
        progress.step, progress.batch = progress.step + 1, progress.batch + 1
        progress.seconds += spent
        progress.loss_sum += loss * tokens
        progress.loss_tokens += tokens
        progress.loss_seconds += spent
        self._reporter.stepped(progress, loss, tokens, rate)

    def _diverged(self, what: str) -> RunError:
        return RunError(
            f"{what} became infinite or not a number at step {self._progress.step + 1}; resume "
            f"with a lower training.learning_rate (it is {self._config.training.learning_rate})"
        )

    def _validate(self) -> None:
        progress, training = self._progress, self._config.training
        weights = self._optimization.translation_weights()
        result = self._validator(weights)
        by_bleu = training.keep_best_by == "bleu"
        value = result.bleu if by_bleu else -result.perplexity
        best = progress.best is None or value > progress.best
        if best:
            progress.best, progress.worse = value, 0
        else:
            progress.worse += 1
            progress.halvings += progress.worse % PLATEAU == 0
        progress.stopped = bool(training.patience and progress.worse >= training.patience)
        progress.seconds += self._time_passed()
        self._record(result, best)
        self._reporter.validated(progress, result, best)
        progress.loss_sum = progress.loss_seconds = 0.0
        progress.loss_tokens = 0
        self._save(best)

    def _record(self, result: Validated, best: bool) -> None:
        progress = self._progress
        row = {
            "step": progress.step,
            "epoch": progress.epoch,
            "seconds": round(progress.seconds, 1),
            "training_loss": round(progress.loss_sum / max(1, progress.loss_tokens), 4),
            "target_tokens_per_second": round(
                progress.loss_tokens / max(1e-9, progress.loss_seconds)
            ),
            "validation_perplexity": round(result.perplexity, 4),
            "validation_bleu": round(result.bleu, 2),
            "best": int(best),
        }
        progress.history.append(row)
        with file_errors_of_libraries(self._tensorboard):
            with self._summaries.as_default(step=progress.step):
                for name in ("training_loss", "validation_perplexity", "validation_bleu"):
                    tf.summary.scalar(name, row[name])
            self._summaries.flush()

    def _save(self, best: bool = False) -> None:
        """Last weights and state, and the validator's weights where they are the best."""
        progress = self._progress
        if not all(np.isfinite(each).all() for each in self._optimization.translation_weights()):
            raise self._diverged("a weight")
        writers = {
            "last": self._optimization.save_weights,
            "state": lambda stream: save_state(stream, progress, self._optimization.arrays()),
        }
        if best:
            network = self._validator.translator.training
            writers["best"] = functools.partial(write_weights, network)
        self._folder.save_weights(progress.step, writers)
        self._folder.write_record(HISTORY, progress.history_csv())
