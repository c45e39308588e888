"""The training loop: steps, validations and saves until the last epoch or until patience ends."""

import functools
import itertools
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator

from seq2seq.config.sections import RunConfig
from seq2seq.data.subwords import Subwords
from seq2seq.errors import RestartNeeded
from seq2seq.training.jax_step import JaxOptimization
from seq2seq.training.keeper import Keeper
from seq2seq.training.schedules import learning_rate
from seq2seq.training.tensorflow_process import on_tensorflow
from seq2seq.training.text import TrainingText, epochs_of, report_left_out
from seq2seq.training.train_step import Optimization, seeded
from seq2seq.training.training_state import Reporter, TrainingState, diverged
from seq2seq.training.workers.arrival import AGAIN
from seq2seq.training.workers.cluster import Cluster
from seq2seq.training.workers.shared_state import follow_chief
from seq2seq.training.workers.summed_step import SummedOptimization

logger = logging.getLogger(__name__)


class Training:
    """One run being trained.

    Args:
        config: every setting.
        subwords: the run's vocabulary.
        corpus: its training text.
        reporter: hears how it goes.
        keeper: of its folder; None on a worker that is not the chief.
        cluster: the workers, where there are several.
    """

    def __init__(
        self,
        config: RunConfig,
        subwords: Subwords,
        corpus: TrainingText,
        reporter: Reporter,
        keeper: Keeper | None,
        cluster: Cluster | None = None,
    ) -> None:
        self._config = config
        self._reporter = reporter
        self._keeper = keeper
        self._cluster = cluster
        report_left_out(corpus.counts, config.data.longest)
        self._epochs = epochs_of(config, subwords, corpus)
        self.state = TrainingState()
        self._stop = 0  # the signal that all workers stop by
        self._follow: Callable[..., None] | None = None
        with seeded(config.training.seed):
            if not on_tensorflow():
                self._optimization: Optimization = JaxOptimization(config, subwords.size)
            elif cluster or config.training.accumulate > 1:
                summed = SummedOptimization(config, subwords.size, cluster)
                self._optimization = summed
            else:
                self._optimization = Optimization(config, subwords.size)
        if cluster:
            self._follow = functools.partial(follow_chief, cluster, self.state, summed)
        self._decide(self._resume, whole=True)
        self._clock = time.monotonic()
        for each, count in zip(config.data.corpora, self._epochs.pairs(), strict=False):
            if len(config.data.corpora) > 1:
                logger.info("%s, %s: %d pairs an epoch", each.source, each.target, count)
        pairs = f"{corpus.counts.kept} pairs of {corpus.counts.pairs}"
        self._reporter.started(
            f"{pairs}, {subwords.size} subwords, {self._optimization.parameters:,} parameters"
        )

    def run_epochs(self, interrupted: threading.Event) -> None:
        """Steps until the end, validating and saving on the way."""
        state, training = self.state, self._config.training
        self._plan()
        self._time_passed()
        if training.start_from and not state.history:
            self._validate()  # what the other run's weights are worth here
        while not state.is_finished(training):
            for _ in self._steps():
                if training.validate_every and state.step % training.validate_every == 0:
                    self._validate()
                elif state.step % training.save_every == 0:
                    self._save()
                self._stop_if_asked(interrupted)
                if state.is_finished(training):
                    break
            else:
                state.epoch, state.batch = state.epoch + 1, 0
                if not training.validate_every and not state.is_validated():
                    self._validate()
                elif self._cluster:  # in an epoch's last step some drew no random numbers
                    self._decide(lambda _: None)
            self._stop_if_asked(interrupted)
        if not state.is_validated():
            self._validate()  # the steps after the last multiple of validate_every

    def _resume(self, keeper: Keeper) -> None:
        vars(self.state).update(vars(keeper.resume(self._optimization)))

    def _plan(self) -> None:
        """Sets the end, and the beginning of the schedule, which may be that of added epochs."""
        state, training = self.state, self._config.training
        planned, per_step = state.total_steps, training.accumulate * self._workers
        batches = self._epochs.count()
        epoch = math.ceil(batches / per_step)
        if per_step != state.batches_a_step:
            left = math.ceil((batches - state.batch) / per_step)
            passed = (state.epoch + 1) * epoch - left
            state.steps_apart = state.step - passed
            if state.step:
                logger.warning(
                    "a step is over %d batches from here on, and was over %d: another learning "
                    "rate may suit it",
                    *(per_step, state.batches_a_step),
                )
        state.batches_a_step, state.workers = per_step, self._workers
        if training.steps is None:
            state.total_steps = epoch * training.epochs + state.steps_apart
        else:
            state.total_steps = training.steps
        reached = max(state.step, state.epoch * epoch + state.steps_apart)
        was_done = state.stopped or reached >= planned > 0
        extended = was_done and state.total_steps > planned
        if extended and training.when_extended == "restart":
            state.schedule_start, state.halvings, state.worse = state.step, 0, 0
            logger.info("a new schedule begins at step %d", state.step)
        steps = state.total_steps - state.schedule_start
        if state.step == state.schedule_start and 0 < steps <= training.warmup_steps:
            logger.warning(
                "training.warmup_steps: %d is as long as this training of %d steps: its learning "
                "rate never falls; a tenth of the steps would do",
                *(training.warmup_steps, steps),
            )

    @property
    def _workers(self) -> int:
        return self._cluster.size if self._cluster else 1

    def _time_passed(self) -> float:
        """Seconds since it was last asked."""
        before, self._clock = self._clock, time.monotonic()
        return self._clock - before

    def _steps(self) -> Iterator[None]:
        """Takes the steps of what is left of the epoch."""
        used, size = self.state.batch, self._config.training.accumulate
        share = (self._cluster.index, self._cluster.size) if self._cluster else None
        batches = iter(self._epochs.batches(self.state.epoch, used, share))
        while (own := tuple(itertools.islice(batches, size))) or self._cluster:
            if not self._step(own):  # no worker has a batch left
                return
            yield

    def _step(self, batches: tuple[tuple, ...]) -> int:
        """Takes a step over these batches, and the other workers'; returns how many they were."""
        state, training = self.state, self._config.training
        rate = learning_rate(
            training.schedule,
            training.learning_rate,
            state.step - state.schedule_start,
            training.warmup_steps,
            state.total_steps - state.schedule_start,
            state.halvings,
        )
        taken = self._optimization.step_over(batches, rate)
        if not math.isfinite(taken.loss):
            raise diverged("the loss", state, training)
        self._stop = taken.stop
        if not taken.batches:
            return 0
        spent = self._time_passed()  # waiting for the batch included
        state.step, state.batch = state.step + 1, state.batch + taken.batches
        state.seconds += spent
        state.loss_sum += taken.loss * taken.tokens
        state.loss_tokens += taken.tokens
        state.loss_seconds += spent
        self._reporter.stepped(state, taken.loss, taken.tokens, rate)
        return taken.batches

    def _validate(self) -> None:
        self._decide(
            lambda keeper: keeper.validate(self.state, self._optimization, self._time_passed)
        )

    def _save(self) -> None:
        self._decide(lambda keeper: keeper.save(self.state, self._optimization))

    def _decide(self, work: Callable[[Keeper], None], whole: bool = False) -> None:
        """Does what reads or changes the run folder; where there are workers, all take over how.

        Args:
            work: for the process that keeps the folder.
            whole: whether it gives weights too.
        """

        def kept() -> None:
            if self._keeper:
                work(self._keeper)

        if self._follow:
            self._follow(kept, whole)
        else:
            kept()

    def _stop_if_asked(self, interrupted: threading.Event) -> None:
        if not (interrupted.is_set() or self._stop):
            return
        self._save()
        if self._stop == signal.SIGTERM:
            raise RestartNeeded(f"stopped by SIGTERM after step {self.state.step}; {AGAIN}")
        logger.warning("saved after step %d; the same command goes on from there", self.state.step)
        raise KeyboardInterrupt
