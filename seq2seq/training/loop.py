"""The training loop: steps, validations and saves until the last epoch or until patience ends."""

import functools
import itertools
import logging
import math
import threading
import time

import numpy as np
import tensorflow as tf

from seq2seq.config.sections import RunConfig
from seq2seq.data.pretrained_embeddings import read_vectors
from seq2seq.errors import RunError
from seq2seq.files import file_errors_of_libraries
from seq2seq.manifest import RESTORE
from seq2seq.models.weight_files import write_weights
from seq2seq.run_folder import HISTORY, TENSORBOARD, RunFolder
from seq2seq.training.encoded_corpus import EncodedCorpus, report_left_out
from seq2seq.training.epochs import Epochs
from seq2seq.training.schedules import learning_rate
from seq2seq.training.summed_step import SummedOptimization
from seq2seq.training.train_step import Optimization, seeded
from seq2seq.training.training_state import (
    Reporter,
    TrainingState,
    load_state,
    save_state,
    saved_state,
)
from seq2seq.training.validation import Validated, Validator

logger = logging.getLogger(__name__)

WRONG_SOURCE = "wrong_source_perplexity"
TOKENS_A_SECOND, BATCHES = "target_tokens_per_second", "batches_a_step"
RECORDED = (
    *("training_loss", TOKENS_A_SECOND, BATCHES),
    *("validation_perplexity", WRONG_SOURCE, "validation_bleu"),
)
SOURCE_READ_BY = 300  # steps; a network that reads its source shows it by then
LEAST_GAP = 1.1  # perplexity with another's source, over that with the own
ERRORS = ("perplexity", "wer", "cer")  # lower is better
PLATEAU = 2  # validations without a better result before the plateau schedule halves the rate


class Training:
    """One run being trained.

    Args:
        config: every setting.
        folder: the run.
        corpus: its training text.
        reporter: hears how it goes.
    """

    def __init__(
        self, config: RunConfig, folder: RunFolder, corpus: EncodedCorpus, reporter: Reporter
    ) -> None:
        self._config = config
        self._folder = folder
        self._reporter = reporter
        self._subwords = folder.subwords()
        report_left_out(corpus.counts, config.data.longest)
        self._epochs = Epochs(config, self._subwords, corpus)
        self._validator = Validator(config, self._subwords)
        several = config.training.accumulate > 1
        with seeded(config.training.seed):
            kind = SummedOptimization if several else Optimization
            self._optimization = kind(config, self._subwords.size)
        self._state = self._resumed()
        self._tensorboard = folder.path / TENSORBOARD
        with file_errors_of_libraries(self._tensorboard):
            self._summaries = tf.summary.create_file_writer(str(self._tensorboard))
        self._warned = False
        self._clock = time.monotonic()
        for each, count in zip(config.data.corpora, self._epochs.pairs(), strict=True):
            if len(config.data.corpora) > 1:
                logger.info("%s, %s: %d pairs an epoch", each.source, each.target, count)
        pairs = f"{corpus.counts.kept} pairs of {corpus.counts.pairs}"
        self._reporter.started(
            f"{pairs}, {self._subwords.size} subwords, {self._optimization.parameters:,} parameters"
        )

    def run_epochs(self, interrupted: threading.Event) -> None:
        """Steps until the end, validating and saving on the way."""
        state, training = self._state, self._config.training
        self._plan()
        self._time_passed()
        if training.start_from and not state.history:
            self._validate()  # what the other run's weights are worth here
        while not state.is_finished(training):
            batches = iter(self._epochs.batches(state.epoch, used=state.batch))
            while taken := tuple(itertools.islice(batches, training.accumulate)):
                self._step(taken)
                if training.validate_every and state.step % training.validate_every == 0:
                    self._validate()
                elif state.step % training.save_every == 0:
                    self._save()
                if interrupted.is_set():
                    self._save()
                    raise KeyboardInterrupt
                if state.is_finished(training):
                    break
            else:
                state.epoch, state.batch = state.epoch + 1, 0
                if not training.validate_every:
                    self._validate()
            if interrupted.is_set():
                self._save()
                raise KeyboardInterrupt
        if not state.is_validated():
            self._validate()  # the steps after the last multiple of validate_every

    def _plan(self) -> None:
        """Sets the end, and the beginning of the schedule, which may be that of added epochs."""
        state, training = self._state, self._config.training
        planned, per_step = state.total_steps, training.accumulate
        batches = self._epochs.count()
        epoch = math.ceil(batches / per_step)
        if per_step != state.batches_a_step:
            left = math.ceil((batches - state.batch) / per_step)
            passed = (state.epoch + 1) * epoch - left
            state.batches_a_step, state.steps_apart = per_step, state.step - passed
        if training.steps is None:
            state.total_steps = epoch * training.epochs + state.steps_apart
        else:
            state.total_steps = training.steps
        was_done = max(state.step, state.epoch * epoch + state.steps_apart) >= planned > 0
        extended = was_done and state.total_steps > planned
        if extended and training.when_extended == "restart":
            state.schedule_start, state.halvings = state.step, 0
            logger.info("a new schedule begins at step %d", state.step)

    def _time_passed(self) -> float:
        """Seconds since it was last asked."""
        before, self._clock = self._clock, time.monotonic()
        return self._clock - before

    def _resumed(self) -> TrainingState:
        state = saved_state(self._folder, self._config.training)
        saved, last = self._folder.weights("state"), self._folder.weights("last")
        if last:  # there is no state where another run gave the first weights
            self._optimization.load_weights(last)
        elif self._config.training.start_from:
            raise RunError(
                f"{self._folder.path} holds no weights to go on from, and training.start_from "
                "gives its own to new folders only; train into another folder with --run"
            )
        else:
            self._start_from_vectors()
        if saved and last:
            arrays = load_state(saved)[1]
            try:
                self._optimization.restore(arrays)
            except (KeyError, ValueError, TypeError) as error:
                raise RunError(
                    f"{saved} holds no state of this run's network ({error}); {RESTORE}"
                ) from error
            logger.info("resuming %s at step %d", self._folder.path, state.step)
        return state

    def _start_from_vectors(self) -> None:
        model = self._config.model
        pieces = self._subwords.pieces(range(self._subwords.size))
        for side, path in (("source", model.source_vectors), ("target", model.target_vectors)):
            if path:
                found = read_vectors(path, pieces, model.embedding_size)
                self._optimization.start_from(side, found)
                logger.info("%s: vectors for %d of %d subwords", path, len(found.ids), len(pieces))

    def _step(self, batches: tuple[tuple, ...]) -> None:
        state, training = self._state, self._config.training
        rate = learning_rate(
            training.schedule,
            training.learning_rate,
            state.step - state.schedule_start,
            training.warmup_steps,
            state.total_steps - state.schedule_start,
            state.halvings,
        )
        loss, tokens, count = self._optimization.step_over(batches, rate)
        if not math.isfinite(loss):
            raise self._diverged("the loss")
        spent = self._time_passed()  # waiting for the batch included
        state.step, state.batch = state.step + 1, state.batch + count
        state.seconds += spent
        state.loss_sum += loss * tokens
        state.loss_tokens += tokens
        state.loss_seconds += spent
        self._reporter.stepped(state, loss, tokens, rate)

    def _diverged(self, what: str) -> RunError:
        return RunError(
            f"{what} became infinite or not a number at step {self._state.step + 1}; resume "
            f"with a lower training.learning_rate (it is {self._config.training.learning_rate})"
        )

    def _validate(self) -> None:
        state, training = self._state, self._config.training
        weights = self._optimization.translation_weights()
        result = self._validator(weights)
        value = -result.score if result.metric in ERRORS else result.score
        best = state.best is None or value > state.best
        if best:
            state.best, state.worse = value, 0
        else:
            state.worse += 1
            state.halvings += state.worse % PLATEAU == 0
        state.stopped = bool(training.patience and state.worse >= training.patience)
        state.seconds += self._time_passed()
        self._record(result, best)
        self._reporter.validated(state, result, best)
        self._watch_source(result)
        state.loss_sum = state.loss_seconds = 0.0
        state.loss_tokens = 0
        self._save(best)

    def _watch_source(self, result: Validated) -> None:
        """Says once that the network ignores its source, where it does."""
        gap = result.wrong_source_perplexity / result.perplexity
        if self._warned or self._state.step < SOURCE_READ_BY or gap >= LEAST_GAP:
            return
        self._warned = True
        logger.warning(
            "the network ignores its source: at step %d it predicts the validation text about as "
            "well beside other sentences' sources (perplexity %.1f) as beside its own (%.1f); try "
            "a lower model.dropout, a higher training.learning_rate, fewer layers, or "
            "model.residual_from: 2",
            *(self._state.step, result.wrong_source_perplexity, result.perplexity),
        )

    def _record(self, result: Validated, best: bool) -> None:
        state = self._state
        row = {
            "step": state.step,
            "epoch": state.epoch,
            "seconds": round(state.seconds, 1),
            "training_loss": None,
            TOKENS_A_SECOND: None,
            "validation_perplexity": round(result.perplexity, 4),
            WRONG_SOURCE: round(result.wrong_source_perplexity, 4),
            "validation_bleu": round(result.bleu, 2),
            "best": int(best),
        }
        row.setdefault(f"validation_{result.metric}", round(result.score, 2))
        if state.loss_tokens:  # none before the first step
            row["training_loss"] = round(state.loss_sum / state.loss_tokens, 4)
            rate = state.loss_tokens / max(1e-9, state.loss_seconds)
            row[TOKENS_A_SECOND] = round(rate)
        if state.batches_a_step > 1:
            row[BATCHES] = state.batches_a_step
        state.history.append(row)
        with file_errors_of_libraries(self._tensorboard):
            with self._summaries.as_default(step=state.step):
                for name in RECORDED:
                    if row.get(name) is not None:
                        tf.summary.scalar(name, row[name])
            self._summaries.flush()

    def _save(self, best: bool = False) -> None:
        """Last weights and state, and the validator's weights where they are the best."""
        state = self._state
        if not all(np.isfinite(each).all() for each in self._optimization.translation_weights()):
            raise self._diverged("a weight")
        writers = {
            "last": self._optimization.save_weights,
            "state": lambda stream: save_state(stream, state, self._optimization.arrays()),
        }
        if best:
            network = self._validator.translator.training
            writers["best"] = functools.partial(write_weights, network)
        self._folder.save_weights(state.step, writers)
        self._folder.write_record(HISTORY, state.history_csv())
