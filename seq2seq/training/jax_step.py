"""The optimizer step where Keras runs on JAX: a compiled function of all arrays that it changes."""

import functools
import importlib
import operator
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from seq2seq.data.subwords import PAD
from seq2seq.models.products import Tensor
from seq2seq.training.train_step import AVERAGED_EVERY, AVERAGING_WARMUP, Optimization, Step

LENGTHS = 8  # subwords; sides are padded to a multiple, because each shape is compiled anew


class JaxOptimization(Optimization):
    """A network in training on JAX.

    The same network, loss, Adam, clipping and averages as on TensorFlow; dropout draws other
    numbers there, and padding is computed and then left out.
    """

    adam = keras.optimizers.Adam

    def _copy(self, weight: keras.Variable) -> keras.Variable:
        return keras.Variable(np.array(weight), trainable=False)  # a buffer of its own

    def _compile(self) -> Callable[..., Any]:
        training = self._translator.training
        weights = {id(each) for each in training.weights}
        self._seeds = [each for each in training.variables if id(each) not in weights]
        self._changed = (self._weights, self._seeds, self._optimizer.variables, self._averages)
        jax = importlib.import_module("jax")
        self._summed = jax.jit(self._sums)
        self._add = jax.jit(functools.partial(jax.tree.map, operator.add), donate_argnums=0)
        self._apply = jax.jit(self._moved, donate_argnums=0)
        return jax.jit(self._next, donate_argnums=0)

    def step(self, batch: tuple, learning_rate: float) -> tuple[float, int]:
        """See `Optimization.step`; the first step of a shape of batches takes seconds."""
        rate = np.float32(learning_rate)
        return self._assign(*self._compiled(self._values(), padded(batch), rate))

    def step_over(self, batches: Sequence[tuple], learning_rate: float) -> Step:
        """Updates the weights once, by the mean loss over the tokens of all batches."""
        if len(batches) == 1:
            return Step(*self.step(batches[0], learning_rate), batches=1)
        weights, seeds, moments, averages = self._values()
        sums, seeds = self._summed(weights, seeds, padded(batches[0]))
        for batch in batches[1:]:
            more, seeds = self._summed(weights, seeds, padded(batch))
            sums = self._add(sums, more)
        after = self._apply((weights, seeds, moments, averages), sums, np.float32(learning_rate))
        return Step(*self._assign(*after), batches=len(batches))

    def _values(self) -> tuple:
        return tuple([each.value for each in group] for group in self._changed)

    def _assign(self, after: tuple, loss: Tensor, tokens: Tensor) -> tuple[float, int]:
        for group, values in zip(self._changed, after, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return float(loss), int(tokens)

    def _next(self, values: tuple, batch: tuple, rate: Tensor) -> tuple[tuple, Tensor, Tensor]:
        """What the values are after a step over one batch; its mean loss; its tokens."""
        weights, seeds, moments, averages = values
        sums, seeds = self._sums(weights, seeds, batch)
        return self._moved((weights, seeds, moments, averages), sums, rate)

    def _sums(self, weights: list, seeds: list, batch: tuple) -> tuple[tuple, list]:
        """A batch's gradients, summed loss and tokens; the random states after it."""
        differentiate = importlib.import_module("jax").value_and_grad(self._loss, has_aux=True)
        (loss, (tokens, seeds)), gradients = differentiate(weights, seeds, batch)
        return (gradients, loss, tokens), seeds

    def _moved(self, values: tuple, sums: tuple, rate: Tensor) -> tuple[tuple, Tensor, Tensor]:
        """What the values are after a step by some sums; its mean loss; its tokens."""
        weights, seeds, moments, averages = values
        gradients, loss, tokens = sums
        gradients = [each / tokens for each in gradients]
        optimizer = self._optimizer
        moments[_place(optimizer.learning_rate, optimizer.variables)] = rate
        weights, moments = optimizer.stateless_apply(moments, gradients, weights)
        if averages:
            taken = moments[_place(optimizer.iterations, optimizer.variables)]
            averages = self._averaged(averages, weights, taken)
        return (list(weights), seeds, list(moments), averages), loss / tokens, tokens

    def _loss(self, weights: list, seeds: list, batch: tuple) -> tuple[Tensor, tuple]:
        """The sum over real target tokens; their number, and the random states after it."""
        passes = 2 if self._consistency else 1
        source, target_in, target_out = (ops.tile(each, (passes, 1)) for each in batch[:3])
        values = [*zip(self._weights, weights, strict=True), *zip(self._seeds, seeds, strict=True)]
        with keras.StatelessScope(state_mapping=values) as scope:
            readout = self._translator.readout([source, target_in], training=True)
            vectors = ops.reshape(readout, (-1, readout.shape[-1]))
            targets = ops.reshape(target_out, (-1,))
            losses = self._translator.output.losses(
                vectors, targets, self._smoothing, self._consistency
            )
        after = [
            old if (new := scope.get_current_value(variable)) is None else new
            for variable, old in zip(self._seeds, seeds, strict=True)
        ]
        real = ops.cast(ops.not_equal(targets[: losses.shape[0]], PAD), "float32")
        for pair_weights in batch[3:]:  # one, if pairs count differently
            losses = losses * ops.repeat(pair_weights, target_out.shape[1])
        return ops.sum(losses * real), (ops.sum(real), after)

    def _averaged(self, averages: list, weights: Sequence[Tensor], taken: Tensor) -> list:
        """See `Optimization._average`."""
        rounds = ops.cast(taken // AVERAGED_EVERY, "float32")
        decay = ops.minimum(self._decay**AVERAGED_EVERY, rounds / (AVERAGING_WARMUP + rounds))
        due = (taken % AVERAGED_EVERY == 0) | (taken < AVERAGED_EVERY)
        share = ops.where(due, 1 - decay, 0.0)
        return [
            average - share * (average - weight)
            for average, weight in zip(averages, weights, strict=True)
        ]


def padded(batch: Sequence[Any]) -> tuple[np.ndarray, ...]:
    """A batch in one of few shapes: lengths are multiples of `LENGTHS`, rows a power of two.

    Further rows are copies of the first, whose source attention can read, with no target of their
    own.
    """
    sides = [np.asarray(each) for each in batch[:3]]
    rows = len(sides[0])
    wanted = 1 << (rows - 1).bit_length()

    def tall(side: np.ndarray) -> np.ndarray:
        return np.concatenate([side, np.repeat(side[:1], wanted - rows, axis=0)])

    def wide(side: np.ndarray) -> np.ndarray:
        missing = -side.shape[1] % LENGTHS
        return np.pad(side, ((0, 0), (0, missing)), constant_values=PAD)

    source, target_in, target_out = (tall(wide(side)) for side in sides)
    target_out[rows:] = PAD
    return (source, target_in, target_out, *(tall(np.asarray(each)) for each in batch[3:]))


def _place(wanted: Any, among: Sequence[Any]) -> int:
    return next(n for n, each in enumerate(among) if each is wanted)
