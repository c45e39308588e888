"""One optimizer step, and everything that it changes: weights, moments, random states."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from seq2seq.config.sections import RunConfig
from seq2seq.data.pretrained_embeddings import WordVectors
from seq2seq.data.subwords import PAD
from seq2seq.models.translator import build_translator
from seq2seq.models.weight_files import load_weights, write_weights

BATCH = [tf.TensorSpec((None, None), tf.int32)] * 3
PAIR_WEIGHTS = tf.TensorSpec((None,), tf.float32)  # of a batch, if pairs count differently
SEED = "seed/"  # begins the names of random states
AVERAGED_EVERY = 8  # steps, by the decay to that power: a tenth of a step's time saved
AVERAGING_WARMUP = 10  # early on, the average keeps at most n / (this + n) of itself in round n


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Layers made inside draw their first weights and their dropout from `seed`.

    Keras takes the seeds of a new layer from Python's generator; `keras.utils.set_random_seed`
    would also destroy every live tensorflow-text tokenizer (tensorflow/text#570).
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


class Adam(keras.optimizers.Adam):
    """Keras's Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980) in half its time.

    Keras writes a step as twenty passes over a weight; TensorFlow has it as one operation.
    """

    def apply(self, grads: Sequence[tf.Tensor], trainable_variables: Any = None) -> None:
        """Moves all weights; what they share is computed once."""
        taken = tf.cast(self.iterations.value + 1, tf.float32)
        beta_1, beta_2 = (tf.constant(each) for each in (self.beta_1, self.beta_2))
        self._shared = {
            "beta1_power": beta_1**taken,
            "beta2_power": beta_2**taken,
            "beta1": beta_1,
            "beta2": beta_2,
            "epsilon": tf.constant(self.epsilon),
        }
        super().apply(grads, trainable_variables)

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Moves one weight and its two moments."""
        number = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[number].value.handle,
            v=self._velocities[number].value.handle,
            lr=learning_rate,
            grad=gradient,
            **self._shared,
        )


def _fades(weight: keras.Variable) -> bool:
    """Whether weight decay moves it: matrices, not gains, nor biases, which heads have in rows."""
    return len(weight.shape) > 1 and weight.name != "bias"


class Step(NamedTuple):
    """What a step was over."""

    loss: float  # mean, in nats a target token
    tokens: int  # target tokens
    batches: int
    stop: int = 0  # the signal that asks all workers to stop, if one does


class Optimization:
    """A network in training.

    Call `step` with the batches of `seq2seq.data.pipeline`; `arrays` and `restore` carry everything
    but the weights over a restart, bit for bit.
    """

    adam: type[keras.optimizers.Adam] = Adam

    def __init__(self, config: RunConfig, vocabulary_size: int) -> None:
        training = config.training
        self._smoothing = training.label_smoothing
        noise = config.model.dropout or config.model.recurrent_dropout or training.word_dropout
        self._consistency = training.consistency if noise else 0.0  # else both passes are the same
        self._decay = training.averaging
        self._batch = [*BATCH, *([PAIR_WEIGHTS] if config.data.is_weighted else [])]
        self._translator = build_translator(
            config.model,
            vocabulary_size,
            pad_id=PAD,
            word_dropout=training.word_dropout,
            precision=training.precision,
        )
        self._weights = self._translator.training.trainable_variables
        self._optimizer = self.adam(
            training.learning_rate,
            beta_2=0.98,
            epsilon=1e-8,
            weight_decay=training.weight_decay or None,
            global_clipnorm=training.clip_norm,
        )
        kept = [weight for weight in self._weights if not _fades(weight)]
        self._optimizer.exclude_from_weight_decay(var_list=kept)
        self._optimizer.build(self._weights)
        averaged = self._weights if self._decay else []
        self._averages = [self._copy(weight) for weight in averaged]
        self._compiled = self._compile()

    def _copy(self, weight: keras.Variable) -> Any:
        return tf.Variable(weight, trainable=False)

    def _compile(self) -> Callable[..., Any]:
        rate = tf.TensorSpec((), tf.float32)
        return tf.function(self._step, input_signature=[*self._batch, rate], autograph=False)

    @property
    def parameters(self) -> int:
        """Number of trained values."""
        return sum(int(np.prod(weight.shape)) for weight in self._weights)

    def start_from(self, side: str, found: WordVectors) -> None:
        """Puts vectors in place of the "source" or the "target" embedding's fresh ones."""
        layers = self._translator.layers
        embedding = layers.source_embedding if side == "source" else layers.target_embedding
        rows = np.array(embedding.embeddings)
        rows[found.ids] = found.vectors
        embedding.embeddings.assign(rows)
        self._average_anew()

    def step(self, batch: tuple, learning_rate: float) -> tuple[float, int]:
        """Updates the weights; returns the mean loss in nats a target token, and their number."""
        loss, tokens = self._compiled(*batch, tf.constant(learning_rate, tf.float32))
        return float(loss), int(tokens)

    def step_over(self, batches: Sequence[tuple], learning_rate: float) -> Step:
        """`step` over as many batches as a step takes, which is one."""
        (batch,) = batches
        return Step(*self.step(batch, learning_rate), batches=1)

    def translation_weights(self) -> list[np.ndarray]:
        """The weights to translate with, averages if there are, in the order of `get_weights`."""
        source = self._averages if self._decay else self._weights
        return [np.array(weight) for weight in source]

    def is_finite(self) -> bool:
        """Whether no weight and no average is infinite or no number."""
        values = [*self._weights, *self._averages]
        return all(np.isfinite(np.array(each)).all() for each in values)

    def save_weights(self, stream: BinaryIO) -> None:
        """Writes the weights as trained, not the averages."""
        write_weights(self._translator.training, stream)

    def load_weights(self, path: Path) -> None:
        """Reads what `save_weights` wrote; averages begin there."""
        load_weights(self._translator.training, path)
        self._average_anew()

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything else that the next step depends on."""
        return {name: np.array(variable) for name, variable in self._named()}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Puts back what `arrays` gave."""
        for name, variable in self._named():
            variable.assign(arrays[name])

    def _named(self) -> list[tuple[str, Any]]:
        weights = {id(weight) for weight in self._translator.training.weights}
        seeds = [v for v in self._translator.training.variables if id(v) not in weights]
        named = [(f"optimizer/{n}", v) for n, v in enumerate(self._optimizer.variables)]
        named += [(f"{SEED}{n}", v) for n, v in enumerate(seeds)]
        return named + [(f"average/{n}", v) for n, v in enumerate(self._averages)]

    def _step(self, *batch_and_rate: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        *batch, rate = batch_and_rate
        with tf.GradientTape() as tape:
            losses = self._losses(*batch)
            loss = tf.reduce_mean(losses)
        found = tape.gradient(loss, self._weights)
        gradients = [tf.convert_to_tensor(each) for each in found]  # an embedding's is rows alone
        self._move(gradients, rate)
        return loss, tf.size(losses)

    def _losses(
        self,
        source: tf.Tensor,
        target_in: tf.Tensor,
        target_out: tf.Tensor,
        pair_weights: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Loss (N,) of every real target token, in nats, times the weight of its pair."""
        passes = 2 if self._consistency else 1  # rows drop each their own
        source, target_in, target_out = (
            tf.tile(each, (passes, 1)) for each in (source, target_in, target_out)
        )
        real = tf.where(tf.not_equal(target_out, PAD))
        readout = self._translator.readout([source, target_in], training=True)
        vectors = tf.gather_nd(readout, real)  # padding costs no logits
        targets = tf.gather_nd(target_out, real)
        output = self._translator.output
        losses = output.losses(vectors, targets, self._smoothing, self._consistency)
        if pair_weights is None:
            return losses
        return losses * tf.gather(pair_weights, real[: tf.size(losses), 0])  # the first pass's rows

    def _move(self, gradients: list[tf.Tensor], rate: tf.Tensor) -> None:
        """Updates weights, moments and averages."""
        self._optimizer.learning_rate.assign(rate)
        self._optimizer.apply(gradients, self._weights)
        if self._decay:
            steps = self._optimizer.iterations.value
            due = tf.equal(steps % AVERAGED_EVERY, 0) | (steps < AVERAGED_EVERY)
            tf.cond(due, self._average, tf.no_op)

    def _average_anew(self) -> None:
        if self._decay:
            for average, weight in zip(self._averages, self._weights, strict=True):
                average.assign(np.array(weight))

    def _average(self) -> tf.Operation:
        """Moves the averages; before the first round they are the weights."""
        rounds = tf.cast(self._optimizer.iterations.value // AVERAGED_EVERY, tf.float32)
        decay = tf.minimum(self._decay**AVERAGED_EVERY, rounds / (AVERAGING_WARMUP + rounds))
        updates = [
            average.assign_sub((1 - decay) * (average - weight))
            for average, weight in zip(self._averages, self._weights, strict=True)
        ]
        return tf.group(*updates)
