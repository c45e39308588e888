"""What a training finds in its run folder, and what it leaves there: saves, scores, history."""

import logging
from collections.abc import Callable

import tensorflow as tf

from seq2seq.config.sections import RunConfig
from seq2seq.data.pretrained_embeddings import read_vectors
from seq2seq.data.subwords import Subwords
from seq2seq.errors import RunError
from seq2seq.files import file_errors_of_libraries
from seq2seq.manifest import RESTORE
from seq2seq.run_folder import HISTORY, TENSORBOARD, RunFolder
from seq2seq.training.tensorflow_process import RemoteValidator, on_tensorflow
from seq2seq.training.train_step import Optimization
from seq2seq.training.training_state import (
    Reporter,
    TrainingState,
    diverged,
    load_state,
    save_state,
    saved_state,
)
from seq2seq.training.validation import Validated, Validator

logger = logging.getLogger(__name__)

WRONG_SOURCE = "wrong_source_perplexity"
TOKENS_A_SECOND, WORKERS = "target_tokens_per_second", "workers"
BATCHES = "batches_a_step"
RECORDED = (
    *("training_loss", TOKENS_A_SECOND, WORKERS, BATCHES),
    *("validation_perplexity", WRONG_SOURCE, "validation_bleu"),
)
SOURCE_READ_BY = 300  # steps; a network that reads its source shows it by then
LEAST_GAP = 1.1  # perplexity with another's source, over that with the own
ERRORS = ("perplexity", "wer", "cer")  # lower is better
PLATEAU = 2  # validations without a better result before the plateau schedule halves the rate


class Keeper:
    """The run folder of a training.

    Args:
        config: every setting.
        folder: the run.
        subwords: its vocabulary.
        reporter: hears of validations.
    """

    def __init__(
        self, config: RunConfig, folder: RunFolder, subwords: Subwords, reporter: Reporter
    ) -> None:
        self._config = config
        self._folder = folder
        self._subwords = subwords
        self._reporter = reporter
        make_validator = Validator if on_tensorflow() else RemoteValidator
        self._validator = make_validator(config, subwords)
        self._tensorboard = folder.path / TENSORBOARD
        with file_errors_of_libraries(self._tensorboard):
            self._summaries = tf.summary.create_file_writer(str(self._tensorboard))
        self._warned = False

    def resume(self, optimization: Optimization) -> TrainingState:
        """Puts back what was saved, or gives a new run its beginning; returns where it stands."""
        state = saved_state(self._folder)
        saved, last = self._folder.weights("state"), self._folder.weights("last")
        if last:  # there is no state where another run gave the first weights
            optimization.load_weights(last)
        elif self._config.training.start_from:
            raise RunError(
                f"{self._folder.path} holds no weights to go on from, and training.start_from "
                "gives its own to new folders only; train into another folder with --run"
            )
        else:
            self._start_from_vectors(optimization)
        if saved and last:
            arrays = load_state(saved)[1]
            try:
                optimization.restore(arrays)
            except (KeyError, ValueError, TypeError) as error:
                raise RunError(
                    f"{saved} holds no state of this run's network ({error}); {RESTORE}"
                ) from error
            logger.info("resuming %s at step %d", self._folder.path, state.step)
        return state

    def _start_from_vectors(self, optimization: Optimization) -> None:
        model = self._config.model
        pieces = self._subwords.pieces(range(self._subwords.size))
        for side, path in (("source", model.source_vectors), ("target", model.target_vectors)):
            if path:
                found = read_vectors(path, pieces, model.embedding_size)
                optimization.start_from(side, found)
                logger.info("%s: vectors for %d of %d subwords", path, len(found.ids), len(pieces))

    def validate(
        self, state: TrainingState, optimization: Optimization, time_passed: Callable[[], float]
    ) -> None:
        """Scores the weights, decides what follows from it, and saves.

        Args:
            state: where the training stands; takes the result.
            optimization: has the weights.
            time_passed: seconds since it was last asked.
        """
        training = self._config.training
        result = self._validator(optimization.translation_weights())
        value = -result.score if result.metric in ERRORS else result.score
        best = state.best is None or value > state.best
        if best:
            state.best, state.worse = value, 0
        else:
            state.worse += 1
            state.halvings += state.worse % PLATEAU == 0
        state.stopped = bool(training.patience and state.worse >= training.patience)
        state.seconds += time_passed()
        self._record(state, result, best)
        self._reporter.validated(state, result, best)
        self._watch_source(state, result)
        state.loss_sum = state.loss_seconds = 0.0
        state.loss_tokens = 0
        self.save(state, optimization, best)

    def _watch_source(self, state: TrainingState, result: Validated) -> None:
        """Says once that the network ignores its source, where it does."""
        wrong = result.wrong_source_perplexity
        if self._warned or state.step < SOURCE_READ_BY or wrong is None:
            return
        if wrong / result.perplexity >= LEAST_GAP:
            return
        self._warned = True
        logger.warning(
            "the network ignores its source: at step %d it predicts the validation text about as "
            "well beside other sentences' sources (perplexity %.1f) as beside its own (%.1f); try "
            "a lower model.dropout, a higher training.learning_rate, fewer layers, or "
            "model.residual_from: 2",
            *(state.step, wrong, result.perplexity),
        )

    def _record(self, state: TrainingState, result: Validated, best: bool) -> None:
        wrong = result.wrong_source_perplexity
        row = {
            "step": state.step,
            "epoch": state.epoch,
            "seconds": round(state.seconds, 1),
            "training_loss": None,
            TOKENS_A_SECOND: None,
            "validation_perplexity": round(result.perplexity, 4),
            WRONG_SOURCE: None if wrong is None else round(wrong, 4),
            "validation_bleu": round(result.bleu, 2),
            "best": int(best),
        }
        row.setdefault(f"validation_{result.metric}", round(result.score, 2))
        if state.loss_tokens:  # none before the first step
            row["training_loss"] = round(state.loss_sum / state.loss_tokens, 4)
            rate = state.loss_tokens / max(1e-9, state.loss_seconds)
            row[TOKENS_A_SECOND] = round(rate)
        if state.batches_a_step > 1:
            row |= {WORKERS: state.workers, BATCHES: state.batches_a_step}
        state.history.append(row)
        with file_errors_of_libraries(self._tensorboard):
            with self._summaries.as_default(step=state.step):
                for name in RECORDED:
                    if row.get(name) is not None:
                        tf.summary.scalar(name, row[name])
            self._summaries.flush()

    def save(self, state: TrainingState, optimization: Optimization, best: bool = False) -> None:
        """Writes the last weights and the state.

        Args:
            state: where the training stands.
            optimization: has all else that the next step depends on.
            best: whether the validator's weights are the best.
        """
        if not optimization.is_finite():
            raise diverged("a weight", state, self._config.training)
        writers = {
            "last": optimization.save_weights,
            "state": lambda stream: save_state(stream, state, optimization.arrays()),
        }
        if best:
            writers["best"] = self._validator.save_weights
        self._folder.save_weights(state.step, writers)
        self._folder.write_record(HISTORY, state.history_csv())
